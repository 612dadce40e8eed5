"""Lists as a later boost of sections orders them: items and reserves change places, by the odds of their relevance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recommender.lists.readnext import MORE, MOST_REASONS


def boosted(record: dict[str, Any], factors: Mapping[str, float], learned: bool) -> dict[str, Any]:
    """Reorder the items and reserves of a record; what is related stays before the next best, and pins where they are.

    Parameters
    ----------
    record : dict
    factors : mapping of str to float
        Of sections, beside what the record was made with.
    learned : bool
        Whether scores are probabilities, whose odds are multiplied.

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
    live = [*record["items"], *record["reserves"]]
    if not any(item["section"] in factors and item["source"] != "pinned" for item in live):
        return record
    free = [_boosted(item, factors, learned) for item in live if item["source"] != "pinned"]
    free.sort(key=lambda item: (item["source"] in MORE, -item["score"]))
    others = iter(free)
    live = [item if item["source"] == "pinned" else next(others) for item in live]
    live = [item if item["rank"] == rank else {**item, "rank": rank} for rank, item in enumerate(live, 1)]
    shown = len(record["items"])
    return {**record, "items": live[:shown], "reserves": live[shown:]}


def _boosted(item: dict[str, Any], factors: Mapping[str, float], learned: bool) -> dict[str, Any]:
    factor = factors.get(item["section"], 1.0)
    if factor == 1:
        return item
    times = item["score"] * factor
    text = "lifted at the desk" if factor > 1 else "lowered at the desk"
    reason: dict[str, Any] = {"kind": "boosted" if factor > 1 else "buried", "text": text, "weight": 0.0, "terms": []}
    other = [one for one in item["reasons"] if one["kind"] not in ("boosted", "buried")]
    return {
        **item,
        "score": round(times / (1 - item["score"] + times) if learned else times, 6),
        "components": {**item["components"], "boost": round((item["components"]["boost"] or 1.0) * factor, 6)},
        "reasons": [reason, *other][:MOST_REASONS],
    }
