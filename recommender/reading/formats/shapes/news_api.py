"""Answers of NewsAPI and GNews, which cut texts and keep the places of stories that were taken down."""

from __future__ import annotations

import re

from recommender.reading.formats.shapes.shape import Row, Shape

_CUT = re.compile(r"\s*(?:…|\.\.\.)?\s*\[\+?[\d,]+ chars\]\s*$")
_GONE = "[Removed]"


def _plain(row: Row) -> Row:
    plain = {name: _CUT.sub(" …", value) if isinstance(value, str) else value for name, value in row.items()}
    return {**plain, "status": "removed"} if row.get("title") == _GONE else plain


SHAPE = Shape(
    name="NewsAPI",
    any_of=(frozenset(("urlToImage", "publishedAt")), frozenset(("publishedAt", "content", "image", "source"))),
    plain=_plain,
)
