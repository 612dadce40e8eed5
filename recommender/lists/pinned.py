"""Items that editors pinned after a list was made, as records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from recommender.editorial.decisions import OverlayPin
from recommender.lists.readnext import MOST_REASONS

_OPEN = ("ok", "filled", "short", "empty")  # lists that a pin may stand in
_FIGURES: dict[str, Any] = {
    "score": 0.0,
    "components": dict.fromkeys(("dense", "lexical", "relevance", "freshness", "boost")),
    "contributions": None,
}


def find_pinned_items(
    record: Mapping[str, Any], pins: Iterable[OverlayPin], story_of: Callable[[str], Mapping[str, Any] | None]
) -> list[tuple[int, dict[str, Any]]]:
    """Find the items that editors pinned under a story, each with its position; for `readnext.current`.

    Parameters
    ----------
    record : mapping
        The list that they are pinned into; items that it has already keep their figures.
    pins : iterable of OverlayPin
        In the order of their positions.
    story_of : callable
        What a reader sees of a story that is public, by its id; None for any other, whose pin is left out.
    """
    if record["status"] not in _OPEN:
        return []
    known = {item["article_id"]: item for item in (*record["items"], *record["reserves"])}
    pinned = []
    for pin in pins:
        item = known.get(pin.item) or _unmeasured(pin.item, story_of(pin.item))
        if item is not None and pin.item != record["article_id"]:
            text = f"pinned by {pin.by}" if pin.by else "pinned"
            others = [reason for reason in item["reasons"] if reason["kind"] != "pinned"]
            reasons = [{"kind": "pinned", "text": text, "weight": 0.0, "terms": []}, *others][:MOST_REASONS]
            pinned.append((pin.position, {**item, "source": "pinned", "reasons": reasons}))
    return pinned


def _unmeasured(article_id: str, story: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Make an item without figures, for a pinned story that was no candidate."""
    if story is None:
        return None
    return {"rank": 0, "article_id": article_id, **story, "source": "pinned", **_FIGURES, "reasons": []}
