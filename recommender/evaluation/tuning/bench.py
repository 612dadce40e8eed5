"""Measure settings on a judged set whose archive is fitted once, with and without held-out groups."""

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
from recommender.evaluation.protocol import stories_to_evaluate
from recommender.facade import Recommender
from recommender.lists.readnext import ReadNext
from recommender.settings import Settings


@dataclass(frozen=True, eq=False)
class Questions:
    """The stories of a set to evaluate, their judgments, and the groups of all articles."""

    judged: EvaluationSet
    stories: list[str]
    judgments: Judgments
    groups: NDArray[np.int64]
    group_of: Mapping[str, int]

    @classmethod
    def from_set(cls, judged: EvaluationSet) -> Questions:
        """Find the stories to evaluate, their judgments and their groups."""
        stories, judgments, _ = stories_to_evaluate(judged)
        ids = judged.catalog.ids.to_pylist()
        group_of = dict(zip(ids, judged.groups_of(ids).tolist(), strict=True))
        groups = np.array([group_of[story] for story in stories], dtype=np.int64)
        return cls(judged, stories, judgments.among(stories, ids), groups, group_of)


@dataclass(frozen=True, eq=False)
class Bench:
    """A set with its fitted archive, on which settings are measured."""

    questions: Questions
    fold: NDArray[np.int64]
    fold_of: Mapping[str, int]
    folds: int
    rec: Recommender
    width: int

    @classmethod
    def fit(cls, questions: Questions, fold: NDArray[np.int64], folds: int, rec: Recommender, width: int) -> Bench:
        """Fit an archive on the set; `width` items are measured under each story."""
        fold_of_group = dict(zip(questions.groups.tolist(), fold.tolist(), strict=True))
        fold_of = {name: fold_of_group.get(group, -1) for name, group in questions.group_of.items()}
        return cls(questions, fold, fold_of, folds, rec.fit_table(questions.judged.catalog.table), width)

    def values(
        self, settings: Settings, measure: Measure, coverage: Measure
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Compute the values of `cross_validation.Values`, and the judged share of the items of each story."""
        stories, judgments = self.questions.stories, self.questions.judgments
        ranked = rankings(self.rec.under(settings), self.questions.judged, stories, self.width)
        with_all = per_story([measure, coverage], judgments, stories, ranked)
        item_folds = np.array([self.fold_of[item] for item in judgments.table["item"].to_pylist()])
        values = np.full((self.folds + 1, len(stories)), np.nan)
        values[-1] = with_all[str(measure)]
        for number, row in enumerate(values[:-1]):
            if (item_folds != number).any():
                kept = [[item for item in ranking if self.fold_of[item] != number] for ranking in ranked]
                left = judgments.where(item_folds != number)
                row[:] = per_story([measure], left, stories, kept)[str(measure)]
            row[self.fold == number] = np.nan
        # If no item was judged bad, an item without a judgment is one that was not chosen.
        has_bad_items = bool(judgments.complete) or (judgments.grades == 0).any()
        return values, with_all[str(coverage)] if has_bad_items else np.zeros(len(stories))


def rankings(rec: Recommender, judged: EvaluationSet, stories: Sequence[str], k: int) -> list[list[str]]:
    """Rank the items under each story, best first, under the set's protocol; `rec` is fitted on its whole catalog."""
    catalog = judged.catalog
    if judged.protocol == "undated":
        return _item_ids(rec.recommend_many(stories, k=k))
    if judged.protocol == "archive":
        newest = datetime.fromtimestamp(max(int(catalog.published.max()), 0) / 1e6, UTC)
        return _item_ids(rec.recommend_many(stories, k=k, as_of=newest))
    published = catalog.published[catalog.rows(stories)]
    items: dict[str, list[str]] = {}
    for moment in np.unique(published):
        of_moment = [stories[row] for row in np.flatnonzero(published == moment).tolist()]
        same_moment = catalog.ids.filter(pa.array(catalog.published == moment)).to_pylist()
        as_of = datetime.fromtimestamp(int(moment) / 1e6, UTC)
        lists = rec.recommend_many(of_moment, k=k, as_of=as_of, exclude=same_moment)
        items |= dict(zip(of_moment, _item_ids(lists), strict=True))
    return [items[story] for story in stories]


def _item_ids(lists: Sequence[ReadNext]) -> list[list[str]]:
    return [[item.article_id for item in read_next.items] for read_next in lists]
