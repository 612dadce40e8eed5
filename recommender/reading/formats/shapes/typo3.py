"""Rows of news of TYPO3: `uid` is the id of a story, which elsewhere is that of a user."""

from __future__ import annotations

from recommender.reading.formats.shapes.shape import Row, Shape, fill_missing, without


def _convert(row: Row) -> Row:
    story = fill_missing(without(row, "uid", "pid", "starttime", "endtime"), expires_at=row.get("endtime"))
    return {**fill_missing(story, available_from=row.get("starttime")), "id": row["uid"]}


SHAPE = Shape(name="TYPO3", any_of=(("uid", "bodytext"),), convert=_convert)
