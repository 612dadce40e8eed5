"""Answers of NewsAPI and GNews, which cut texts and keep the places of stories that were taken down."""

from __future__ import annotations

import re

from recommender.reading.formats.shapes.shape import Row, Shape

_CUT = re.compile(r"\s*(?:…|\.\.\.)?\s*\[\+?[\d,]+ chars\]\s*$")
_GONE = "[Removed]"


def _convert(row: Row) -> Row:
    story = {name: _CUT.sub(" …", value) if isinstance(value, str) else value for name, value in row.items()}
    return {**story, "status": "removed"} if row.get("title") == _GONE else story


SHAPE = Shape(
    name="NewsAPI",
    any_of=(("urlToImage", "publishedAt"), ("publishedAt", "content", "image", "source")),
    convert=_convert,
)
