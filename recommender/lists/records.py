"""Lists as Arrow records: one shape for every sink."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.article import TIME
from recommender.articles.columns import as_array, outlet_names
from recommender.features.families import FAMILIES
from recommender.lists.block import Block, Heading
from recommender.ranking.score import MORE, SOURCES, Contributions

TERM = pa.struct([("term", pa.string()), ("weight", pa.float64())])
REASON = pa.struct([("kind", pa.string()), ("text", pa.string()), ("weight", pa.float64()), ("terms", pa.list_(TERM))])
COMPONENTS = pa.struct(
    [
        ("dense", pa.float64()),
        ("lexical", pa.float64()),
        ("relevance", pa.float64()),
        ("freshness", pa.float64()),
        ("boost", pa.float64()),
    ]
)
CONTRIBUTIONS = pa.struct([(name, pa.float64()) for name in FAMILIES])
STORY = pa.struct(
    [
        ("title", pa.large_string()),
        ("url", pa.large_string()),
        ("section", pa.large_string()),
        ("published_at", TIME),
        ("line", pa.large_string()),
        ("image_url", pa.large_string()),
        ("outlet", pa.large_string()),
    ]
)
_LATER = ("image_url", "outlet")  # last in an item: lists of earlier versions lack them
_COLUMNS = ["id", "title", "url", "section", "published_at", "line", "image_url", "source"]  # that readers are shown
_IMAGE = r"(?i)^https?://[^\s\x00-\x20]+$"
_SOURCES = pa.array(SOURCES, pa.string())
_LONGEST_URL = 2_000  # bytes; a longer one is the image itself
ITEM = pa.struct(
    [
        ("rank", pa.int32()),
        ("article_id", pa.large_string()),
        *(field for field in STORY if field.name not in _LATER),
        ("source", pa.string()),
        ("score", pa.float64()),
        ("components", COMPONENTS),
        ("reasons", pa.list_(REASON)),
        ("contributions", CONTRIBUTIONS),
        *(STORY.field(name) for name in _LATER),
    ]
)
_FLAT = pa.schema(
    [
        ("story", pa.large_string()),
        ("status", pa.string()),
        *(ITEM.field(name) for name in ("rank", "article_id", *STORY.names, "source", "score")),
        ("reasons", pa.large_string()),
    ]
)
RECORD = pa.schema(
    [
        ("article_id", pa.large_string()),
        ("status", pa.string()),
        ("k", pa.int32()),
        ("version", pa.string()),
        ("as_of", TIME),
        ("settings", pa.string()),
        ("story", STORY),
        ("items", pa.list_(ITEM)),
        ("reserves", pa.list_(ITEM)),
    ]
)


def with_titles(stories: pa.Table) -> pa.Table:
    """Return stories with their line as the headline, where they have none.

    Examples
    --------
    >>> with_titles(pa.table({"title": ["", "Storm"], "line": ["The ferry ran aground.", "It blew."]})).to_pylist()
    [{'title': 'The ferry ran aground.', 'line': ''}, {'title': 'Storm', 'line': 'It blew.'}]
    """
    titles, lines = stories["title"], stories["line"]
    is_untitled = pc.equal(titles, "")
    if not pc.any(is_untitled).as_py():
        return stories
    stories = _set_column(stories, "title", pc.if_else(is_untitled, lines, titles))
    return _set_column(stories, "line", pc.if_else(is_untitled, pa.scalar("", lines.type), lines))


def _set_column(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, column)


def to_table(records: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return the items of records as a flat table, a row for each item, for pandas, Polars or a spreadsheet."""
    rows = [
        {
            **{name: item.get(name) for name in _FLAT.names},
            "story": record["article_id"],
            "status": record["status"],
            "reasons": "; ".join(reason["text"] for reason in item["reasons"]),
        }
        for record in records
        for item in record["items"]
    ]
    for row in rows:
        if isinstance(row["published_at"], str):
            row["published_at"] = datetime.fromisoformat(row["published_at"])
    return pa.Table.from_pylist(rows, schema=_FLAT)


def as_shown(stories: pa.Table) -> pa.Table:
    """Return the columns of stories that readers are shown, named as in `STORY`, and their ids."""
    stories = with_titles(stories)
    image, outlet = stories["image_url"], outlet_names(stories).cast(pa.large_string())
    if image.null_count == len(stories):
        return stories.append_column("outlet", outlet)
    is_url = pc.and_(pc.match_substring_regex(image, _IMAGE), pc.less(pc.binary_length(image), _LONGEST_URL))
    shown = _set_column(stories, "image_url", pc.if_else(is_url, image, pa.scalar(None, image.type)))
    return shown.append_column("outlet", outlet)


def to_batch(block: Block, reasons: pa.ListArray, heading: Heading) -> pa.RecordBatch:
    """Convert a block of lists to records of `RECORD`.

    `reasons`: one list of reasons for each item, as `explain` returns them.
    """
    has_item, stories, k = block.chosen.has_item, as_shown(block.stories), heading.k
    rank = np.broadcast_to(np.arange(1, has_item.shape[1] + 1, dtype=np.int32), has_item.shape)[has_item]
    items = _items(block, rank, reasons)
    n_items = np.minimum(has_item.sum(axis=1), k)
    n_reserves = has_item.sum(axis=1) - n_items
    is_filled = (block.chosen.source[:, :k] == MORE).any(axis=1)
    status = np.select(
        [block.withheld, block.not_computed, n_items == 0, n_items < k, is_filled],
        ["withheld", "not_computed", "empty", "short", "filled"],
        "ok",
    )
    size = len(stories)
    columns = [
        as_array(stories["id"]),
        pa.array(status.tolist(), pa.string()),
        pa.repeat(pa.scalar(k, pa.int32()), size),
        pa.repeat(pa.scalar(heading.version, pa.string()), size),
        pa.repeat(pa.scalar(heading.as_of, TIME), size),
        pa.repeat(pa.scalar(heading.settings, pa.string()), size),
        pa.StructArray.from_arrays([as_array(stories[field.name]) for field in STORY], fields=list(STORY)),
        _group(items, rank <= k, n_items),
        _group(items, rank > k, n_reserves),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=RECORD)


def _items(block: Block, rank: NDArray[np.int32], reasons: pa.ListArray) -> pa.StructArray:
    """Return the items of all lists, one after another, as records."""
    chosen, has_item = block.chosen, block.chosen.has_item
    rows = pa.array(chosen.rows[has_item])
    shown = as_shown(block.catalog.table.select(_COLUMNS).take(rows).combine_chunks())
    freshness = chosen.freshness[has_item]
    components = pa.StructArray.from_arrays(
        [
            pa.array(chosen.dense[has_item].astype(np.float64).round(6)),
            pa.array(chosen.lexical[has_item].astype(np.float64).round(6)),
            pa.array(chosen.relevance[has_item].round(6)),
            pa.array(freshness.round(6), mask=np.isnan(freshness)),
            pa.array(chosen.boost[has_item].round(6)),
        ],
        fields=list(COMPONENTS),
    )
    values = [
        pa.array(rank),
        *(as_array(shown["id" if name == "article_id" else name]) for name in ITEM.names[1:7]),
        _SOURCES.take(pa.array(chosen.source[has_item])),
        pa.array(chosen.score[has_item].round(6)),
        components,
        reasons,
        _by_family(block.contributions),
        *(as_array(shown[name]) for name in _LATER),
    ]
    return pa.StructArray.from_arrays(values, fields=list(ITEM))


def _by_family(contributions: Contributions) -> pa.StructArray:
    """Return the contributions to each item's score by family; null for a family that the ranker does not read."""
    values = dict(zip(contributions.families, contributions.values.T, strict=True))
    unread = pa.nulls(len(contributions.values), pa.float64())
    columns = [pa.array(values[family].round(4)) if family in values else unread for family in CONTRIBUTIONS.names]
    return pa.StructArray.from_arrays(columns, fields=list(CONTRIBUTIONS))


def _group(items: pa.StructArray, mask: NDArray[np.bool_], lengths: NDArray[np.int64]) -> pa.ListArray:
    """Group the items of a mask as one list for each story."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    if len(lengths) == 1 and len(mask):  # of one story they are consecutive, and a slice is no copy
        return pa.ListArray.from_arrays(pa.array(offsets), items.slice(mask.argmax(), lengths[0]))
    return pa.ListArray.from_arrays(pa.array(offsets), items.filter(pa.array(mask)))
