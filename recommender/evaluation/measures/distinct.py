"""Distinct nDCG: the relevance of a list in which nothing counts twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.evaluation.data.judgments import Judgments
from recommender.evaluation.measures.relevance import integer_grades
from recommender.evaluation.measures.repeats import repeats, tell_the_same
from recommender.evaluation.measures.yardstick import Yardstick

DISTINCT = "distinct nDCG"
MEANING = (
    "nDCG in which an item gains nothing if a better placed one reports its event within a day, or is its copy: "
    "alpha-nDCG with alpha = 1 (Clarke et al. 2008), over the best list without repeats"
)


@dataclass(frozen=True, eq=False, kw_only=True)
class DistinctNDCG:
    """The relevance of lists with no gain for repeats, one value a story.

    ``sum g_i (1 - r_i) / log2(1 + i)`` over the same sum of the best list; g_i is the grade of the item in place i, and
    r_i is 1 if it repeats a better placed item, graded or not (`repeats`). The best list takes, place after place, the
    greatest grade that repeats nothing above it; of equal grades, the item that fewest others repeat. Where
    repeats form groups, as reports of an event do without dates, no list is better; else this is the greedy
    approximation of Clarke et al. (2008). Without any repeat it is nDCG (Järvelin & Kekäläinen 2002).

    Attributes
    ----------
    judged : ndarray of int64, shape (m,)
        Line of the story times the size of the catalog, plus the row of the item; ascending.
    grades : ndarray of int64, shape (m,)
    best : ndarray of float64, shape (q,)
        Discounted gain of the best list; 0 where no item has a grade above 0.
    yardstick : Yardstick

    Examples
    --------
    >>> from recommender import Recommender, Settings
    >>> rec = Recommender(Settings.of({"embedding": {"model": "tfidf"}})).fit([
    ...     {"id": article_id, "title": f"Story {article_id}"} for article_id in "abcd"
    ... ])
    >>> told = Yardstick.of(rec.archive, {"b": "fire", "c": "fire"})
    >>> judgments = Judgments.of([("a", "b", 1), ("a", "c", 1), ("a", "d", 1)])
    >>> measure = DistinctNDCG.of(["a"], judgments, told, 3)
    >>> measure(np.array([[1, 3, 2]])).round(3).tolist(), measure(np.array([[1, 2, 3]])).round(3).tolist()
    ([1.0], [0.92])
    """

    judged: NDArray[np.int64]
    grades: NDArray[np.int64]
    best: NDArray[np.float64]
    yardstick: Yardstick

    @classmethod
    def of(cls, stories: Sequence[str], judgments: Judgments, yardstick: Yardstick, k: int) -> DistinctNDCG:
        """Prepare for lists of `k` places under these stories, by directed judgments of articles in the archive."""
        catalog = yardstick.archive.catalog
        place = {story: line for line, story in enumerate(stories)}
        line = np.array([place.get(story, -1) for story in judgments.table["story"].to_pylist()], dtype=np.int64)
        asked = line >= 0
        line, grades = line[asked], integer_grades(judgments.grades, judgments.relevant)[0][asked]
        item = catalog.rows(judgments.table["item"].filter(pa.array(asked)).to_pylist())
        order = np.lexsort((item, line))
        line, item, grades = line[order], item[order], grades[order]
        best = np.zeros(len(stories))
        for at in np.unique(line[grades > 0]).tolist():
            mine = (line == at) & (grades > 0)
            best[at] = _discounted(_best(item[mine], grades[mine], k, yardstick)[None, :])[0]
        return cls(judged=line * len(catalog) + item, grades=grades, best=best, yardstick=yardstick)

    def __call__(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Compute the value of each story's list.

        Parameters
        ----------
        rows : ndarray of int64, shape (q, k)
            Catalog rows of the items, best first; -1 = empty place.

        Returns
        -------
        ndarray of float64, shape (q,)
            NaN for a story without an item with a grade above 0.
        """
        gained = _discounted(np.where(repeats(rows, self.yardstick), 0, self._gains(rows)))
        found = np.full(len(rows), np.nan)
        np.divide(gained, self.best, out=found, where=self.best > 0)
        return found

    def _gains(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find the grade of each place, (q, k); 0 where nobody graded the item."""
        if not len(self.judged):
            return np.zeros_like(rows)
        size = len(self.yardstick.archive.catalog)
        asked = np.where(rows >= 0, np.arange(len(rows))[:, None] * size + rows, -1)
        at = np.minimum(np.searchsorted(self.judged, asked), len(self.judged) - 1)
        return np.where(self.judged[at] == asked, self.grades[at], 0)


def _discounted(gains: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray((gains / np.log2(np.arange(gains.shape[1]) + 2)).sum(axis=1))


def _best(items: NDArray[np.int64], grades: NDArray[np.int64], k: int, yardstick: Yardstick) -> NDArray[np.int64]:
    """Find the grades of the best list without repeats, at most k, of one story's items with a grade above 0."""
    group = yardstick.archive.catalog.copy_group[items]
    first, second = np.broadcast_arrays(items[:, None], items[None, :])
    same = (group[:, None] == group[None, :]) | tell_the_same(first, second, yardstick)
    chosen: list[int] = []
    left = np.ones(len(items), dtype=bool)
    while left.any() and len(chosen) < k:
        among = np.flatnonzero(left & (grades == grades[left].max()))
        best = among[np.argmin(same[among][:, left].sum(axis=1))]
        chosen.append(int(grades[best]))
        left &= ~same[best]
        left[best] = False
    return np.array(chosen, dtype=np.int64)
