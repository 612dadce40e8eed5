"""Posts of Ghost, as its interface answers them and as it exports them."""

from __future__ import annotations

from recommender.reading.formats.shapes.shape import Row, Shape, filled, with_kind, within, without


def _plain(row: Row) -> Row:
    access = "paid" if row["visibility"] in ("paid", "tiers") else "free"
    plain = {"access": access, **without(row, "visibility", "uuid", "mobiledoc", "lexical", "plaintext")}
    for name in ("html", "feature_image", "url"):  # exports name the site by this word
        if isinstance(plain.get(name), str):
            plain[name] = plain[name].replace("__GHOST_URL__", "")
    if not plain.get("html"):  # trees of its editor, and before 2023 of another
        plain["html"] = row.get("lexical") or row.get("mobiledoc") or row.get("plaintext")
    section = within(row.get("primary_tag"), "name")
    plain = filled(without(plain, "primary_tag", "primary_author"), section=section)
    if not plain.get("authors"):
        plain["authors"] = within(row.get("primary_author"), "name")
    if str(plain.get("page", "0")).casefold() in ("1", "true"):  # exports before 2019 have no types
        plain["type"] = "page"
    return with_kind(without(plain, "page"))


SHAPE = Shape(
    name="Ghost",
    any_of=(frozenset(("uuid", "visibility", "html")), frozenset(("uuid", "visibility", "slug", "title"))),
    plain=_plain,
)
