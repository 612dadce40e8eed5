"""Lists as a later boost of sections orders them: items and reserves change places, by the odds of their relevance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recommender.lists.readnext import MORE, MOST_REASONS, renumbered


def boosted(record: dict[str, Any], factors: Mapping[str, float], learned: bool) -> dict[str, Any]:
    """Reorder the items and reserves of a record; what is related stays before the next best, and pins where they are.

    `factors`: of sections, on top of the boosts that the record was made with. `learned`: whether scores are
    probabilities, whose odds are multiplied.

    Examples
    --------
    >>> def item(name, section, score):
    ...     return {"article_id": name, "section": section, "score": score, "rank": 0, "source": "related",
    ...             "components": {"boost": 1.0}, "reasons": []}
    >>> both = {"items": [item("a", "news", 0.6)], "reserves": [item("b", "sport", 0.5)]}
    >>> found = boosted(both, {"sport": 3.0}, learned=True)["items"][0]
    >>> found["article_id"], found["score"], found["reasons"][0]["text"]
    ('b', 0.75, 'lifted at the desk')
    """
    items = [*record["items"], *record["reserves"]]
    if not any(item["section"] in factors and item["source"] != "pinned" for item in items):
        return record
    boosted_items = [_boost_item(item, factors, learned) for item in items if item["source"] != "pinned"]
    boosted_items.sort(key=lambda item: (item["source"] in MORE, -item["score"]))
    others = iter(boosted_items)
    items = renumbered(item if item["source"] == "pinned" else next(others) for item in items)
    n_items = len(record["items"])
    return {**record, "items": items[:n_items], "reserves": items[n_items:]}


def _boost_item(item: dict[str, Any], factors: Mapping[str, float], learned: bool) -> dict[str, Any]:
    factor = factors.get(item["section"], 1.0)
    if factor == 1:
        return item
    product = item["score"] * factor
    text = "lifted at the desk" if factor > 1 else "lowered at the desk"
    boost_reason: dict[str, Any] = {
        "kind": "boosted" if factor > 1 else "buried",
        "text": text,
        "weight": 0.0,
        "terms": [],
    }
    others = [reason for reason in item["reasons"] if reason["kind"] not in ("boosted", "buried")]
    return {
        **item,
        "score": round(product / (1 - item["score"] + product) if learned else product, 6),
        "components": {**item["components"], "boost": round((item["components"]["boost"] or 1.0) * factor, 6)},
        "reasons": [boost_reason, *others][:MOST_REASONS],
    }
