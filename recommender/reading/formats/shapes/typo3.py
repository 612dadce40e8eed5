"""Rows of news of TYPO3: `uid` is the id of a story, which elsewhere is that of a user."""

from __future__ import annotations

from recommender.reading.formats.shapes.shape import Row, Shape, filled, without


def _plain(row: Row) -> Row:
    plain = filled(without(row, "uid", "pid", "starttime", "endtime"), expires_at=row.get("endtime"))
    return {**filled(plain, available_from=row.get("starttime")), "id": row["uid"]}


SHAPE = Shape(name="TYPO3", any_of=(frozenset(("uid", "bodytext")),), plain=_plain)
