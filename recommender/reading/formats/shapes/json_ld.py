"""Articles of schema.org as JSON-LD."""

from __future__ import annotations

from collections.abc import Mapping

from recommender.reading.formats.shapes.shape import Row, Shape, with_kind, within


def _plain(row: Row) -> Row:
    plain = {name.removeprefix("schema:"): value for name, value in row.items() if name != "@context"}
    kind = plain.pop("@type", None)
    if isinstance(kind, list):
        kind = next((one for one in kind if "Article" in str(one) or "Posting" in str(one)), kind[0] if kind else None)
    plain["type"] = str(kind or "").rpartition("/")[2].removeprefix("schema:")
    free = plain.pop("isAccessibleForFree", None)
    if free is not None:
        plain["access"] = "free" if str(free).casefold().endswith(("true", "1", "yes")) else "paid"
    page = plain.get("mainEntityOfPage")
    address = plain.get("url") or (within(page, "@id") if isinstance(page, Mapping) else page) or plain.get("@id")
    # names of pages and of articles are built as `https://c.example/1#article`
    if isinstance(address, str):
        address = address.partition("#")[0] or address
    language = plain.get("inLanguage")
    if isinstance(language, Mapping):
        plain["inLanguage"] = language.get("alternateName") or language.get("name")
    if "headline" in plain:
        plain.pop("name", None)
    given = plain.pop("@id", None)
    rest = {name: value for name, value in plain.items() if name not in ("id", "url")}
    return with_kind({"id": plain.get("id") or given or plain.get("identifier") or address, "url": address, **rest})


SHAPE = Shape(
    name="schema.org JSON-LD",
    any_of=tuple(
        frozenset(("@type", name)) for name in ("headline", "articleBody", "datePublished", "schema:headline", "name")
    ),
    plain=_plain,
)
