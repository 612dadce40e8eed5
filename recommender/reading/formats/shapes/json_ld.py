"""Articles of schema.org as JSON-LD."""

from __future__ import annotations

from collections.abc import Mapping

from recommender.reading.formats.shapes.shape import Row, Shape, get_path, objects, with_kind, without


def _convert(row: Row) -> Row:
    story = {name.removeprefix("schema:"): value for name, value in row.items() if name != "@context"}
    kind = story.pop("@type", None)
    if isinstance(kind, list):
        kind = next(
            (name for name in kind if "Article" in str(name) or "Posting" in str(name)), kind[0] if kind else None
        )
    story["type"] = str(kind or "").rpartition("/")[2].removeprefix("schema:")
    free = story.pop("isAccessibleForFree", None)
    if free is not None:
        story["access"] = "free" if str(free).casefold().endswith(("true", "1", "yes")) else "paid"
    page = story.get("mainEntityOfPage")
    address = story.get("url") or (get_path(page, "@id") if isinstance(page, Mapping) else page) or story.get("@id")
    # names of pages and of articles are built as `https://c.example/1#article`
    if isinstance(address, str):
        address = address.partition("#")[0] or address
    updates = story.pop("liveBlogUpdate", None)
    if updates and not story.get("articleBody"):  # of a live page: its entries, each below its headline
        entries = objects(updates if isinstance(updates, list) else [updates])
        words = (entry.get(name) for entry in entries for name in ("headline", "articleBody"))
        story["articleBody"] = "\n\n".join(word for word in words if isinstance(word, str))
    language = story.get("inLanguage")
    if isinstance(language, Mapping):
        story["inLanguage"] = language.get("alternateName") or language.get("name")
    if "headline" in story:
        story.pop("name", None)
    id_ = story.get("id") or story.get("@id") or story.get("identifier") or address
    return with_kind({"id": id_, "url": address, **without(story, "id", "@id", "url")})


SHAPE = Shape(
    name="schema.org JSON-LD",
    any_of=tuple(("@type", name) for name in ("headline", "articleBody", "datePublished", "schema:headline", "name")),
    convert=_convert,
)
