"""Judgments from click logs of related-article lists."""

from __future__ import annotations

import pyarrow.compute as pc

from recommender.errors import InputError
from recommender.evaluation.data.judgments import Judgments
from recommender.reading.clicks import ClickLog


def next_click(log: ClickLog) -> Judgments:
    """Build judgments from clicks: the items that readers of a story opened next.

    Grade 1 = clicked under the story at least once, 0 = shown under it and never clicked; votes = times shown.
    Only shown items are judged, and a click depends on the place in the list as well as on the item (Joachims et al.
    2005), so these grades favour the system that was logged.

    Raises
    ------
    InputError
        If no list has a source.

    Examples
    --------
    >>> log = ClickLog.of([{"source": "a", "shown": ["b", "c"], "clicked": [clicked]} for clicked in "bb"])
    >>> next_click(log).table.select(["item", "grade", "votes"]).to_pylist()
    [{'item': 'b', 'grade': 1.0, 'votes': 2}, {'item': 'c', 'grade': 0.0, 'votes': 2}]
    """
    items = log.items.filter(pc.is_valid(log.items["source"]))
    if not len(items):
        raise InputError("no list of the log tells the story under which it stood; expected a column source or story")
    pairs = items.group_by(["source", "item"]).aggregate([("clicked", "max"), ("clicked", "count")])
    columns = (pairs[name].to_pylist() for name in ("source", "item", "clicked_max", "clicked_count"))
    return Judgments.of(
        ((source, item, float(hit), times) for source, item, hit, times in zip(*columns, strict=True)), relevant=1.0
    )
