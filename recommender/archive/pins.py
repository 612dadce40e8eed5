"""Records of an archive as lists under what editors have decided by now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from recommender.articles.catalog import Catalog
from recommender.editorial.overlay import Overlay
from recommender.lists.pinned import find_pinned_items
from recommender.lists.readnext import ReadNext
from recommender.lists.records import STORY, as_shown


def current_lists(batch: pa.RecordBatch, overlay: Overlay, catalog: Catalog) -> list[ReadNext]:
    """Convert records to lists with the pins, blocks and withdrawals of the overlay.

    A pin of a story that the archive does not contain, or that is not published yet, is left out.
    """
    now, pins = datetime.now(UTC), overlay.decisions.pins
    withdrawn, blocked, withheld = overlay.withdrawn, overlay.blocked, overlay.withheld

    def story_of(article_id: str) -> dict[str, Any] | None:
        if article_id not in catalog:
            return None
        row = catalog.row(article_id)
        story: dict[str, Any] = as_shown(catalog.table.slice(row, 1)).select(STORY.names).to_pylist()[0]
        published = story["published_at"]
        return story if published is None or published <= now else None

    def current_list(record: dict[str, Any]) -> ReadNext:
        held = [pin for pin in pins.get(record["article_id"], ()) if pin.holds(now)]
        pinned = find_pinned_items(record, held, story_of) if held else []
        read_next = ReadNext.of(record, withdrawn, blocked, pinned)
        return read_next.without_list("withheld") if read_next.article_id in withheld else read_next

    return list(map(current_list, batch.to_pylist()))
