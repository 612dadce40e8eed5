"""Distinct nDCG: nDCG of a list in which repeats gain nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.evaluation.data.judgments import Judgments
from recommender.evaluation.measures.arrays import ratio
from recommender.evaluation.measures.reference import Reference
from recommender.evaluation.measures.relevance import integer_grades
from recommender.evaluation.measures.repeats import mask_repeats, report_same_event

DISTINCT = "distinct nDCG"
MEANING = (
    "nDCG in which an item gains nothing if a better placed one reports its event within a day, or is its copy: "
    "alpha-nDCG with alpha = 1 (Clarke et al. 2008), over the best list without repeats"
)


@dataclass(frozen=True, eq=False, kw_only=True)
class DistinctNDCG:
    """The nDCG of lists in which repeats gain nothing, one value per story.

    ``sum g_i (1 - r_i) / log2(1 + i)`` over the same sum of the best list; g_i is the grade of the item in place i, and
    r_i is 1 if it repeats a better placed item, graded or not. The best list takes, place after place, the
    greatest grade that repeats nothing above it; of equal grades, the item that fewest others repeat. Where
    repeats form groups, as reports of an event do without dates, no list is better; else this is the greedy
    approximation of Clarke et al. (2008). Without any repeat it is nDCG (Järvelin & Kekäläinen 2002).

    Examples
    --------
    >>> from recommender import Recommender, Settings
    >>> rec = Recommender(Settings.of({"embedding": {"model": "tfidf"}})).fit([
    ...     {"id": article_id, "title": f"Story {article_id}"} for article_id in "abcd"
    ... ])
    >>> reference = Reference.from_events(rec.archive, {"b": "fire", "c": "fire"})
    >>> judgments = Judgments.of([("a", "b", 1), ("a", "c", 1), ("a", "d", 1)])
    >>> measure = DistinctNDCG.from_judgments(["a"], judgments, reference, 3)
    >>> measure(np.array([[1, 3, 2]])).round(3).tolist(), measure(np.array([[1, 2, 3]])).round(3).tolist()
    ([1.0], [0.92])
    """

    judged: NDArray[np.int64]  # number of the story times the size of the catalog, plus the row of the item; ascending
    grades: NDArray[np.int64]  # of the judged pairs
    best: NDArray[np.float64]  # discounted gain of the best list, (q,); 0 if no item has a grade above 0
    reference: Reference

    @classmethod
    def from_judgments(cls, stories: Sequence[str], judgments: Judgments, reference: Reference, k: int) -> DistinctNDCG:
        """Prepare the measure for lists of `k` places, by stories and directed judgments of articles in the archive."""
        catalog = reference.archive.catalog
        numbers = {story: number for number, story in enumerate(stories)}
        story = np.array([numbers.get(name, -1) for name in judgments.table["story"].to_pylist()], dtype=np.int64)
        is_known = story >= 0
        story, grades = story[is_known], integer_grades(judgments.grades, judgments.relevant)[0][is_known]
        item = catalog.rows(judgments.table["item"].filter(pa.array(is_known)).to_pylist())
        order = np.lexsort((item, story))
        story, item, grades = story[order], item[order], grades[order]
        best = np.zeros(len(stories))
        for number in np.unique(story[grades > 0]).tolist():
            is_good = (story == number) & (grades > 0)
            best_grades = _best_grades(item[is_good], grades[is_good], k, reference)
            best[number] = _discounted(best_grades[None, :])[0]
        return cls(judged=story * len(catalog) + item, grades=grades, best=best, reference=reference)

    def __call__(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Compute the value of the list of each story, (q,), from catalog rows, (q, k), best first; -1 = empty place.

        It is NaN for a story without an item with a grade above 0.
        """
        gains = np.where(mask_repeats(rows, self.reference), 0, self._grades_of(rows))
        return ratio(_discounted(gains), self.best)

    def _grades_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the grade of the item at each place, (q, k); 0 where nobody graded the item."""
        if not len(self.judged):
            return np.zeros_like(rows)
        size = len(self.reference.archive.catalog)
        pairs = np.where(rows >= 0, np.arange(len(rows))[:, None] * size + rows, -1)
        index = np.minimum(np.searchsorted(self.judged, pairs), len(self.judged) - 1)
        return np.where(self.judged[index] == pairs, self.grades[index], 0)


def _discounted(gains: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray((gains / np.log2(np.arange(gains.shape[1]) + 2)).sum(axis=1))


def _best_grades(
    items: NDArray[np.int64], grades: NDArray[np.int64], k: int, reference: Reference
) -> NDArray[np.int64]:
    """Return the grades of the best list without repeats, at most k, of one story's items with a grade above 0."""
    copy_group = reference.archive.catalog.copy_group[items]
    first, second = np.broadcast_arrays(items[:, None], items[None, :])
    repeats = (copy_group[:, None] == copy_group[None, :]) | report_same_event(first, second, reference)
    chosen: list[int] = []
    is_left = np.ones(len(items), dtype=bool)
    while is_left.any() and len(chosen) < k:
        highest = np.flatnonzero(is_left & (grades == grades[is_left].max()))
        best = highest[np.argmin(repeats[highest][:, is_left].sum(axis=1))]
        chosen.append(int(grades[best]))
        is_left &= ~repeats[best]
        is_left[best] = False
    return np.array(chosen, dtype=np.int64)
