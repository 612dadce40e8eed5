"""Items that editors pinned after lists were made, in lists that an archive makes itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from recommender.articles.catalog import Catalog
from recommender.editorial.decisions import OverlayPin
from recommender.lists.pinned import find_pinned_items
from recommender.lists.records import STORY, as_shown

PinnedItems: TypeAlias = Callable[[dict[str, Any]], list[tuple[int, dict[str, Any]]]]
"""Returns the items that editors pinned into a list, by its record, each with its position."""


def pin_finder(
    pins: Mapping[str, Sequence[OverlayPin]], stories: Iterable[str], catalog: Catalog, now: datetime
) -> PinnedItems | None:
    """Make the function that finds pinned items of lists; None where nothing is pinned under these stories.

    A pin of a story that the archive does not hold, or that is not published yet, is left out.
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
