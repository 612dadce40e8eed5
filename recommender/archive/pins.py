"""Records of an archive as lists under what editors have decided by now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pyarrow as pa

from recommender.articles.catalog import Catalog
from recommender.editorial.decisions import OverlayPin
from recommender.editorial.overlay import Overlay
from recommender.lists.pinned import find_pinned_items
from recommender.lists.readnext import ReadNext
from recommender.lists.records import STORY, as_shown
from recommender.lists.values import to_lists

PinnedItems: TypeAlias = Callable[[dict[str, Any]], list[tuple[int, dict[str, Any]]]]
"""Returns the items that editors pinned into a list, by its record, each with its position."""


def current_lists(batch: pa.RecordBatch, overlay: Overlay, catalog: Catalog) -> list[ReadNext]:
    """Convert records to lists with the pins, blocks and withdrawals of the overlay."""
    pinned = _pin_finder(overlay.decisions.pins, batch.column("article_id").to_pylist(), catalog, datetime.now(UTC))
    return [
        read_next.without_list("withheld") if read_next.article_id in overlay.withheld else read_next
        for read_next in to_lists(batch, overlay.withdrawn, overlay.blocked, pinned)
    ]


def _pin_finder(
    pins: Mapping[str, Sequence[OverlayPin]], stories: Iterable[str], catalog: Catalog, now: datetime
) -> PinnedItems | None:
    """Return the function that finds pinned items of lists; None if nothing is pinned under these stories.

    A pin of a story that the archive does not contain, or that is not published yet, is left out.
    """
    if pins.keys().isdisjoint(stories):
        return None

    def story_of(article_id: str) -> dict[str, Any] | None:
        if article_id not in catalog:
            return None
        row = catalog.row(article_id)
        story: dict[str, Any] = as_shown(catalog.table.slice(row, 1)).select(STORY.names).to_pylist()[0]
        published = story["published_at"]
        return story if published is None or published <= now else None

    def pinned(record: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
        return find_pinned_items(
            record, (pin for pin in pins.get(record["article_id"], ()) if pin.holds(now)), story_of
        )

    return pinned
