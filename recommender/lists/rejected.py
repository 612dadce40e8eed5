"""Rejected candidates as values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.articles.catalog import Catalog
from recommender.lists.readnext import Rejected
from recommender.lists.records import with_titles
from recommender.ranking.score import Ranked
from recommender.selection.pipeline import After
from recommender.selection.rules import Rule
from recommender.settings import Cap


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
