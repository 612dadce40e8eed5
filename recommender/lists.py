"""The list as a value: `ReadNext` for Python, one Arrow record shape for every sink."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.articles import TIME, Catalog
from recommender.ranking import SOURCES, Ranked

Status = Literal["ok", "short", "withheld", "withdrawn", "unknown", "not_computed"]

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
STORY = pa.struct(
    [
        ("title", pa.large_string()),
        ("url", pa.large_string()),
        ("section", pa.large_string()),
        ("published_at", TIME),
        ("line", pa.large_string()),
    ]
)
ITEM = pa.struct(
    [
        ("rank", pa.int32()),
        ("article_id", pa.large_string()),
        *STORY,
        ("source", pa.string()),
        ("score", pa.float64()),
        ("components", COMPONENTS),
        ("reasons", pa.list_(REASON)),
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


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an item is there.

    Attributes
    ----------
    kind : str
        For programs: shared_terms, meaning, pinned, follow_up, same_section ...
    text : str
        For readers.
    weight : float
        Its part of the relevance; 0 for a fact that is not part of it.
    terms : tuple of (str, float)
        The telling terms that both stories share, with the part of each.
    """

    kind: str
    text: str
    weight: float
    terms: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Reason:
        """From a reason of a record."""
        terms = tuple((term["term"], term["weight"]) for term in record.get("terms") or ())
        return cls(record["kind"], record["text"], record["weight"], terms)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One item of a list.

    Attributes
    ----------
    rank : int
        1 is the first.
    article_id, title, line : str
    url, section : str or None
    published_at : datetime or None
    source : str
        How it came in: 'related', 'evergreen' (an undated or evergreen piece), 'pinned', or what it fills an empty
        place with: 'window', 'caps', 'same_section', 'recent'.
    score : float
        Relevance times freshness times boost; a pinned, filled-in or more varied item may stand above a higher one.
    components : mapping of str to float
        dense, lexical, relevance, freshness, boost.
    reasons : tuple of Reason
    """

    rank: int
    article_id: str
    title: str
    url: str | None
    section: str | None
    published_at: datetime | None
    line: str
    source: str
    score: float
    components: Mapping[str, float]
    reasons: tuple[Reason, ...]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Recommendation:
        """From an item of a record."""
        published = _time(record["published_at"])
        reasons = tuple(map(Reason.of, record["reasons"]))
        return cls(**{**record, "published_at": published, "reasons": reasons})


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that is not in a list.

    Attributes
    ----------
    article_id, title : str
    section : str or None
    published_at : datetime or None
    relevance, score : float
    rule : str
        What rejected it: 'blocked', 'sensitive', 'live', 'floor', 'copy', 'series', 'event', 'cap', 'evergreen', or
        'rank' (others were better, or with diversity more varied).
    """

    article_id: str
    title: str
    section: str | None
    published_at: datetime | None
    relevance: float
    score: float
    rule: str


@dataclass(frozen=True, slots=True)
class Story:
    """What a reader sees of the story that a list stands under."""

    title: str
    url: str | None
    section: str | None
    published_at: datetime | None
    line: str


@dataclass(frozen=True, slots=True)
class ReadNext:
    """The ranked list under one story.

    Attributes
    ----------
    article_id : str
    status : str
        'ok' (k items), 'short' (fewer), 'withheld' (no list at all for this story), 'withdrawn',
        'unknown' (no such story), 'not_computed' (known, but not public at `as_of`).
    items : tuple of Recommendation
    reserves : tuple of Recommendation
        Further items, which take the place of withdrawn ones.
    k : int
        Items asked for.
    version, settings : str
        Of the published version, and fingerprint of the settings; empty where there is none.
    as_of : datetime or None
        Moment that the list is for.
    story : Story or None
        The story itself; None where it is unknown or withdrawn.
    """

    article_id: str
    status: Status
    items: tuple[Recommendation, ...] = ()
    reserves: tuple[Recommendation, ...] = ()
    k: int = 0
    version: str = ""
    as_of: datetime | None = None
    settings: str = ""
    story: Story | None = None

    @property
    def shortfall(self) -> int:
        """Places that stayed empty."""
        return max(self.k - len(self.items), 0)

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @classmethod
    def of(
        cls,
        record: Mapping[str, Any],
        withdrawn: frozenset[str] = frozenset(),
        blocked: frozenset[tuple[str, str | None]] = frozenset(),
    ) -> ReadNext:
        """From a record; reserves take the places of items withdrawn or blocked (item, story or None) since."""
        every = [*record["items"], *record["reserves"]]
        live = [item for item in every if item["article_id"] not in withdrawn]
        if blocked:
            story_id = record["article_id"]
            live = [i for i in live if not {(i["article_id"], None), (i["article_id"], story_id)} & blocked]
        items = tuple(Recommendation.of({**item, "rank": rank}) for rank, item in enumerate(live, 1))
        k = record["k"]
        status = record["status"]
        if status in ("ok", "short"):
            status = "ok" if len(items) >= k else "short"
        story = record.get("story")  # lists published by earlier versions have none
        return cls(
            record["article_id"],
            status,
            items[:k],
            items[k:],
            k,
            record["version"] or "",
            _time(record["as_of"]),
            record["settings"],
            Story(**{**story, "published_at": _time(story["published_at"])}) if story else None,
        )

    def without_list(self, status: Status) -> ReadNext:
        """The same story with no items and another status."""
        return replace(self, status=status, items=(), reserves=())


def without(records: Iterable[dict[str, Any]], ids: frozenset[str]) -> tuple[list[dict[str, Any]], bool]:
    """Records, their times as datetimes, without some stories, as story and as item; and whether any was found."""
    kept, found = [], False
    for record in records:
        if record["article_id"] in ids:
            found = True
            continue
        for name in ("items", "reserves"):
            left = [item for item in record[name] if item["article_id"] not in ids]
            found |= len(left) < len(record[name])
            record[name] = [{**item, "published_at": _time(item["published_at"])} for item in left]
        if story := record.get("story"):
            record["story"] = {**story, "published_at": _time(story["published_at"])}
        kept.append({**record, "as_of": _time(record["as_of"])})
    return kept, found


def _time(value: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def to_batch(
    stories: pa.Table,
    selected: Ranked,
    catalog: Catalog,
    reasons: pa.ListArray,
    *,
    k: int,
    version: str,
    as_of: int | None,
    settings: str,
    not_computed: NDArray[np.bool_],
    withheld: NDArray[np.bool_],
) -> pa.RecordBatch:
    """Selected candidates as records of `RECORD`.

    Parameters
    ----------
    stories : pyarrow.Table, q rows of `articles.SCHEMA`
    selected : Ranked, shape (q, w)
    reasons : pyarrow.ListArray
        One list of reasons for each item, in the order of `selected.rows[selected.rows >= 0]`.
    not_computed : ndarray of bool, shape (q,)
        Stories that are not public at `as_of`; their lists are empty.
    withheld : ndarray of bool, shape (q,)
        Stories that get no list.
    """
    held = selected.rows >= 0
    place = np.broadcast_to(np.arange(1, held.shape[1] + 1, dtype=np.int32), held.shape)[held]
    items = _items(selected, held, place, catalog, reasons)
    visible = place <= k
    shown = np.minimum(held.sum(axis=1), k)
    status = np.select([withheld, not_computed, shown < k], ["withheld", "not_computed", "short"], "ok")
    size = len(stories)
    columns = [
        _whole(stories["id"]),
        pa.array(status.tolist(), pa.string()),
        pa.repeat(pa.scalar(k, pa.int32()), size),
        pa.repeat(pa.scalar(version, pa.string()), size),
        pa.repeat(pa.scalar(as_of, TIME), size),
        pa.repeat(pa.scalar(settings, pa.string()), size),
        pa.StructArray.from_arrays([_whole(stories[field.name]) for field in STORY], fields=list(STORY)),
        _lists(items, visible, shown),
        _lists(items, ~visible, held.sum(axis=1) - shown),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=RECORD)


def rejections(rule: str, rejected: Ranked, catalog: Catalog) -> Iterator[tuple[int, Rejected]]:
    """Rejected candidates as values, each with the place of its story."""
    place, column = np.nonzero(rejected.rows >= 0)
    items = catalog.table.select(["id", "title", "section", "published_at"])
    items = items.take(pa.array(rejected.rows[place, column]))
    items = items.rename_columns(["article_id", "title", "section", "published_at"])
    numbers = (rejected.relevance[place, column].round(6).tolist(), rejected.score[place, column].round(6).tolist())
    for story, item, relevance, score in zip(place.tolist(), items.to_pylist(), *numbers, strict=True):
        yield story, Rejected(**item, relevance=relevance, score=score, rule=rule)


def _items(
    selected: Ranked, held: NDArray[np.bool_], place: NDArray[np.int32], catalog: Catalog, reasons: pa.ListArray
) -> pa.StructArray:
    rows = selected.rows[held]
    shown = catalog.table.select(["id", *(field.name for field in STORY)])
    shown = shown.take(pa.array(rows)).combine_chunks()
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
        *(_whole(shown[name]) for name in shown.column_names),
        pa.array(SOURCES, pa.string()).take(pa.array(selected.source[held])),
        pa.array(selected.score[held].round(6)),
        components,
        reasons,
    ]
    return pa.StructArray.from_arrays(values, fields=list(ITEM))


def _lists(items: pa.StructArray, mask: NDArray[np.bool_], lengths: NDArray[np.int64]) -> pa.ListArray:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), items.filter(pa.array(mask)))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
