"""Records as values: the lists that a batch holds, and rejected candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.articles.catalog import Catalog
from recommender.lists.readnext import ReadNext, Reason, Recommendation, Rejected, Story
from recommender.lists.records import COMPONENTS, CONTRIBUTIONS, with_titles
from recommender.ranking.score import Ranked
from recommender.selection.pipeline import After
from recommender.selection.rules import Rule
from recommender.settings import Cap


def to_lists(
    batch: pa.RecordBatch,
    withdrawn: frozenset[str],
    blocked: frozenset[tuple[str, str | None]],
    pinned: Callable[[dict[str, Any]], Sequence[tuple[int, Mapping[str, Any]]]] | None = None,
) -> list[ReadNext]:
    """Convert records to lists, as `ReadNext.of` does with each.

    The columns are converted one by one: dicts of dicts, one for each reason, would take most of a call. `pinned` finds
    the items that later pins put into a record; None where there are none.
    """
    if pinned is not None:
        return [ReadNext.of(record, withdrawn, blocked, pinned(record)) for record in batch.to_pylist()]
    listed = [batch.column(name).flatten().field("article_id") for name in ("items", "reserves")]
    hidden = withdrawn.union(item for item, _ in blocked)
    if hidden and not hidden.isdisjoint(pa.chunked_array(listed).to_pylist()):  # reserves take their places
        return [ReadNext.of(record, withdrawn, blocked) for record in batch.to_pylist()]
    columns = {name: batch.column(name).to_pylist() for name in ("article_id", "status", "k", "version", "as_of")}
    settings = batch.column("settings").to_pylist()
    stories = map(Story, *_fields(batch.column("story")).values())
    items, reserves = (_group(batch.column(name), _recommendations) for name in ("items", "reserves"))
    article_id, status, k, version, as_of = columns.values()
    return list(map(ReadNext, article_id, status, items, reserves, k, version, as_of, settings, stories))


def _recommendations(items: pa.StructArray) -> Iterator[Recommendation]:
    columns = _fields(items)
    names = [field.name for field in COMPONENTS]
    parts = zip(*_fields(items.field("components")).values(), strict=True)
    columns["components"] = [dict(zip(names, values, strict=True)) for values in parts]
    families = [field.name for field in CONTRIBUTIONS]
    contributions = zip(*_fields(items.field("contributions")).values(), strict=True)
    columns["contributions"] = [_without_null(dict(zip(families, values, strict=True))) for values in contributions]
    columns["reasons"] = _group(items.field("reasons"), _reasons)
    return map(Recommendation, *columns.values())


def _without_null(values: dict[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}


def _reasons(reasons: pa.StructArray) -> Iterator[Reason]:
    columns = _fields(reasons)
    columns["terms"] = _group(reasons.field("terms"), lambda terms: zip(*_fields(terms).values(), strict=True))
    return map(Reason, *columns.values())


def _fields(structs: pa.StructArray) -> dict[str, list[Any]]:
    """Return the plain fields of structs, by name; nested ones stay empty."""
    nested = {field.name for field in structs.type if pa.types.is_nested(field.type)}
    return {field.name: [] if field.name in nested else structs.field(field.name).to_pylist() for field in structs.type}


def _group(lists: pa.ListArray, make: Callable[[pa.Array], Iterable[Any]]) -> list[tuple[Any, ...]]:
    """Make values of all lists' entries by one call of `make`, and group them as one tuple a list."""
    values = iter(make(lists.flatten()))
    return [tuple(islice(values, length)) for length in lists.value_lengths().to_pylist()]


def to_rejected(
    rule: Rule | None, candidates: Ranked, after: After, catalog: Catalog
) -> Iterator[tuple[int, Rejected]]:
    """Convert candidates that a rule rejected to values, each with the index of its story; see `Trace`."""
    row, column = np.nonzero(candidates.has_item)
    columns = ["id", "title", "section", "published_at", "line"]
    items = with_titles(catalog.table.select(columns).take(pa.array(candidates.rows[row, column]))).drop_columns("line")
    items = items.rename_columns(["article_id", "title", "section", "published_at"])
    relevances = candidates.relevance[row, column].round(6).tolist()
    scores = candidates.score[row, column].round(6).tolist()
    details = [""] * len(row)
    if rule is not None and rule.relation:
        keys = zip(row.tolist(), candidates.rows[row, column].tolist(), strict=True)
        details = _relations(rule, np.array([after.get(key, -1) for key in keys], dtype=np.int64), catalog)
    name = "rank" if rule is None else rule.name
    stories = row.tolist()
    for story, item, relevance, score, detail in zip(
        stories, items.to_pylist(), relevances, scores, details, strict=True
    ):
        yield story, Rejected(**item, relevance=relevance, score=score, rule=name, detail=detail)


def _relations(rule: Rule, rows: NDArray[np.int64], catalog: Catalog) -> list[str]:
    """Name the items in catalog rows that keep candidates out, or the story where a row is -1."""
    items = with_titles(catalog.table.select(["id", "title", "line"]).take(pa.array(np.maximum(rows, 0))))
    titles = zip((rows >= 0).tolist(), items["title"].to_pylist(), items["id"].to_pylist(), strict=True)
    names = (f"“{title or item_id}”" if is_item else "the story" for is_item, title, item_id in titles)
    return [f"{rule.relation} {name}" for name in names]


def add_reached_caps(rejected: Rejected, listed: Sequence[str], caps: Sequence[Cap], catalog: Catalog) -> Rejected:
    """Name the caps that keep a candidate out of a list, which has reached them by the ids that stand in it."""
    if rejected.rule != "cap":
        return rejected
    rows = pa.array(catalog.rows([rejected.article_id, *listed]))
    reached = []
    for cap in caps:
        value, *listed_values = catalog.table[cap.by].take(rows).to_pylist()
        if value is not None and cap.value in (None, value) and listed_values.count(value) >= cap.at_most:
            reached.append(f"{cap.by} = {value}, at most {cap.at_most}")
    return replace(rejected, detail="; ".join(reached))
