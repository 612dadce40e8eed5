"""Measure any settings on a judged set whose archive is fitted once, with and without held-out groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.evaluation.data.judgments import Judgments
from recommender.evaluation.data.sets import EvaluationSet
from recommender.evaluation.measures.relevance import Measure, per_story
from recommender.evaluation.protocol import asked_stories
from recommender.facade import Recommender
from recommender.lists.readnext import ReadNext
from recommender.settings import Settings


@dataclass(frozen=True, eq=False)
class Asked:
    """What a set asks: stories with a good item, their judgments, and the groups of all articles."""

    judged: EvaluationSet
    stories: list[str]
    judgments: Judgments
    groups: NDArray[np.int64]
    group: Mapping[str, int]

    @classmethod
    def of(cls, judged: EvaluationSet) -> Asked:
        """Find the stories to ask, their judgments and their groups in a set."""
        stories, judgments, _ = asked_stories(judged)
        ids = judged.catalog.ids.to_pylist()
        group = dict(zip(ids, judged.groups_of(ids).tolist(), strict=True))
        groups = np.array([group[story] for story in stories], dtype=np.int64)
        return cls(judged, stories, judgments.among(stories, ids), groups, group)


@dataclass(frozen=True, eq=False)
class Bench:
    """A set with its fitted archive, on which settings are measured."""

    asked: Asked
    fold: NDArray[np.int64]
    fold_of: Mapping[str, int]
    folds: int
    rec: Recommender
    width: int

    @classmethod
    def of(cls, asked: Asked, fold: NDArray[np.int64], folds: int, rec: Recommender, width: int) -> Bench:
        """Fit an archive on the set; `width` items are asked for under each story."""
        of_group = dict(zip(asked.groups.tolist(), fold.tolist(), strict=True))
        of_article = {name: of_group.get(group, -1) for name, group in asked.group.items()}
        return cls(asked, fold, of_article, folds, rec.fit_table(asked.judged.catalog.table), width)

    def values(
        self, settings: Settings, measure: Measure, coverage: Measure
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Measure lines of `cross_validation.Values`, and the judged share of each story's items."""
        asked, judgments = self.asked, self.asked.judgments
        ranked = rankings(self.rec.under(settings), asked.judged, asked.stories, self.width)
        whole = per_story([measure, coverage], judgments, asked.stories, ranked)
        items = np.array([self.fold_of[item] for item in judgments.table["item"].to_pylist()])
        lines = np.full((self.folds + 1, len(asked.stories)), np.nan)
        lines[-1] = whole[str(measure)]
        for number, line in enumerate(lines[:-1]):
            if (items != number).any():
                kept = [[item for item in ranking if self.fold_of[item] != number] for ranking in ranked]
                left = judgments.where(items != number)
                line[:] = per_story([measure], left, asked.stories, kept)[str(measure)]
            line[self.fold == number] = np.nan
        # where nothing was judged bad, an item without a judgment is one that was not chosen
        told = bool(judgments.complete) or (judgments.grades == 0).any()
        return lines, whole[str(coverage)] if told else np.zeros(len(asked.stories))


def rankings(rec: Recommender, judged: EvaluationSet, stories: Sequence[str], k: int) -> list[list[str]]:
    """Rank the items under each story, best first, under the set's protocol; `rec` holds its whole catalog."""
    catalog = judged.catalog
    if judged.protocol == "undated":
        return [_ids(one) for one in rec.recommend_many(stories, k=k)]
    if judged.protocol == "archive":
        newest = datetime.fromtimestamp(max(int(catalog.published.max()), 0) / 1e6, UTC)
        return [_ids(one) for one in rec.recommend_many(stories, k=k, as_of=newest)]
    published = catalog.published[catalog.rows(stories)]
    found: dict[str, list[str]] = {}
    for moment in np.unique(published):
        together = [stories[place] for place in np.flatnonzero(published == moment).tolist()]
        same = catalog.ids.filter(pa.array(catalog.published == moment)).to_pylist()
        as_of = datetime.fromtimestamp(int(moment) / 1e6, UTC)
        lists = rec.recommend_many(together, k=k, as_of=as_of, exclude=same)
        found |= {one.article_id: _ids(one) for one in lists}
    return [found[story] for story in stories]


def _ids(found: ReadNext) -> list[str]:
    return [item.article_id for item in found.items]
