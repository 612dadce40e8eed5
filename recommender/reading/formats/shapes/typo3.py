"""Rows of news of TYPO3: `uid` is the id of a story, which elsewhere is that of a user."""

from __future__ import annotations

from recommender.reading.formats.shapes.shape import Row, Shape, fill, without


def _convert(row: Row) -> Row:
    story = fill(without(row, "uid", "pid", "starttime", "endtime"), expires_at=row.get("endtime"))
    return {**fill(story, available_from=row.get("starttime")), "id": row["uid"]}


SHAPE = Shape(name="TYPO3", any_of=(("uid", "bodytext"),), convert=_convert)
