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
from recommender.articles.catalog import Catalog
from recommender.articles.columns import outlet_names
from recommender.features.families import FAMILIES
from recommender.lists.block import Block, Heading
from recommender.ranking.score import MORE, SOURCES, Contributions, Ranked

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
_COLUMNS = ["id", "title", "url", "section", "published_at", "line", "image_url", "source"]  # that a story is told by
_IMAGE = r"(?i)^https?://[^\s\x00-\x20]+$"
_LONGEST = 2_000  # bytes of the address of an image, which may also be the image itself
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


def titled(stories: pa.Table) -> pa.Table:
    """Show the line of a story as its headline, where it has none.

    Examples
    --------
    >>> titled(pa.table({"title": ["", "Storm"], "line": ["The ferry ran aground.", "It blew."]})).to_pylist()
    [{'title': 'The ferry ran aground.', 'line': ''}, {'title': 'Storm', 'line': 'It blew.'}]
    """
    untitled = pc.equal(stories["title"], "")
    if not pc.any(untitled).as_py():
        return stories
    for name, column in (
        ("title", pc.if_else(untitled, stories["line"], stories["title"])),
        ("line", pc.if_else(untitled, pa.scalar("", stories["line"].type), stories["line"])),
    ):
        stories = stories.set_column(stories.column_names.index(name), name, column)
    return stories


def to_table(records: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Write the items of records as a flat table, a row for each item, for pandas, Polars or a spreadsheet."""
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
    """Make the columns that readers are shown of some stories, named as in `STORY`, beside their ids."""
    stories = titled(stories)
    image = stories["image_url"]
    followed = pc.and_(pc.match_substring_regex(image, _IMAGE), pc.less(pc.binary_length(image), _LONGEST))
    image = pc.if_else(followed, image, pa.scalar(None, image.type))
    named = stories.set_column(stories.column_names.index("image_url"), "image_url", image)
    return named.append_column("outlet", outlet_names(stories).cast(pa.large_string()))


def to_batch(block: Block, reasons: pa.ListArray, heading: Heading) -> pa.RecordBatch:
    """Turn a block of lists into records of `RECORD`.

    Parameters
    ----------
    block : Block
    reasons : pyarrow.ListArray
        One list of reasons for each item, as `explain` gives them.
    heading : Heading
    """
    selected, stories, k = block.chosen, as_shown(block.stories), heading.k
    held = selected.rows >= 0
    place = np.broadcast_to(np.arange(1, held.shape[1] + 1, dtype=np.int32), held.shape)[held]
    items = _items(selected, held, place, block.catalog, reasons, block.contributions)
    visible = place <= k
    shown = np.minimum(held.sum(axis=1), k)
    filled = (selected.source[:, :k] == MORE).any(axis=1)
    status = np.select(
        [block.withheld, block.not_computed, shown == 0, shown < k, filled],
        ["withheld", "not_computed", "empty", "short", "filled"],
        "ok",
    )
    size = len(stories)
    columns = [
        _whole(stories["id"]),
        pa.array(status.tolist(), pa.string()),
        pa.repeat(pa.scalar(k, pa.int32()), size),
        pa.repeat(pa.scalar(heading.version, pa.string()), size),
        pa.repeat(pa.scalar(heading.as_of, TIME), size),
        pa.repeat(pa.scalar(heading.settings, pa.string()), size),
        pa.StructArray.from_arrays([_whole(stories[field.name]) for field in STORY], fields=list(STORY)),
        _lists(items, visible, shown),
        _lists(items, ~visible, held.sum(axis=1) - shown),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=RECORD)


def _items(
    selected: Ranked,
    held: NDArray[np.bool_],
    place: NDArray[np.int32],
    catalog: Catalog,
    reasons: pa.ListArray,
    contributions: Contributions,
) -> pa.StructArray:
    rows = selected.rows[held]
    shown = as_shown(catalog.table.select(_COLUMNS).take(pa.array(rows)).combine_chunks())
    freshness = selected.freshness[held]
    ageless = np.isnan(freshness)
    components = pa.StructArray.from_arrays(
        [
            pa.array(selected.dense[held].astype(np.float64).round(6)),
            pa.array(selected.lexical[held].astype(np.float64).round(6)),
            pa.array(selected.relevance[held].round(6)),
            pa.array(freshness.round(6), mask=ageless),
            pa.array(selected.boost[held].round(6)),
        ],
        fields=list(COMPONENTS),
    )
    values = [
        pa.array(place),
        *(_whole(shown["id" if name == "article_id" else name]) for name in ITEM.names[1:7]),
        pa.array(SOURCES, pa.string()).take(pa.array(selected.source[held])),
        pa.array(selected.score[held].round(6)),
        components,
        reasons,
        _by_family(contributions),
        *(_whole(shown[name]) for name in _LATER),
    ]
    return pa.StructArray.from_arrays(values, fields=list(ITEM))


def _by_family(contributions: Contributions) -> pa.StructArray:
    """Return the contributions to each item's score by family; null for a family that the ranker does not read."""
    values = dict(zip(contributions.families, contributions.values.T, strict=True))
    unread = pa.nulls(len(contributions.values), pa.float64())
    columns = [pa.array(values[family].round(4)) if family in values else unread for family in CONTRIBUTIONS.names]
    return pa.StructArray.from_arrays(columns, fields=list(CONTRIBUTIONS))


def _lists(items: pa.StructArray, mask: NDArray[np.bool_], lengths: NDArray[np.int64]) -> pa.ListArray:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), items.filter(pa.array(mask)))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
