"""Posts of Ghost, as its interface answers them and as it exports them."""

from __future__ import annotations

from recommender.reading.formats.shapes.shape import Row, Shape, fill, first_of, get_path, with_kind, without


def _convert(row: Row) -> Row:
    access = "paid" if row["visibility"] in ("paid", "tiers") else "free"
    story = {"access": access, **without(row, "visibility", "uuid", "mobiledoc", "lexical", "plaintext")}
    for name in ("html", "feature_image", "url"):  # exports name the site by this word
        if isinstance(story.get(name), str):
            story[name] = story[name].replace("__GHOST_URL__", "")
    if not story.get("html"):  # trees of its editor, and before 2023 of another
        story["html"] = first_of(row, "lexical", "mobiledoc", "plaintext")
    section = get_path(row.get("primary_tag"), "name")
    story = fill(without(story, "primary_tag", "primary_author"), section=section)
    if not story.get("authors"):
        story["authors"] = get_path(row.get("primary_author"), "name")
    if story.get("status") == "sent":  # as a letter, never shown on the site
        story["status"] = "unpublished"
    if str(story.get("page", "0")).casefold() in ("1", "true"):  # exports before 2019 have no types
        story["type"] = "page"
    return with_kind(without(story, "page"))


SHAPE = Shape(
    name="Ghost", any_of=(("uuid", "visibility", "html"), ("uuid", "visibility", "slug", "title")), convert=_convert
)
