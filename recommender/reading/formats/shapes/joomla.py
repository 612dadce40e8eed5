"""Articles of Joomla, as its tables contain them: the text in two parts, and levels of access by number."""

from __future__ import annotations

from recommender.reading.formats.shapes.shape import Row, Shape

_PUBLIC = ("1", "5")  # all readers, and those who are not logged in


def _convert(row: Row) -> Row:
    parts = [str(part) for name in ("introtext", "fulltext") if (part := row.get(name))]
    access = str(row.get("access") or "")
    story = {**row, "body": "\n".join(parts), "introtext": None, "fulltext": None}
    return {**story, "access": "free" if access in _PUBLIC else "paid"} if access.isdecimal() else story


SHAPE = Shape(name="Joomla", any_of=(("introtext", "fulltext", "catid"),), convert=_convert)
