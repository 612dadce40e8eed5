"""How systems are asked: with the whole archive at hand, or with the past alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.evaluation.data.judgments import Judgments
from recommender.evaluation.data.sets import EvaluationSet
from recommender.evaluation.systems.system import Ranking, System
from recommender.progress import Progress, silent

_BLOCK = 256  # stories asked together
_EPOCH = 1.1  # growth of the past after which systems learn anew


@dataclass(frozen=True, eq=False)
class Answers:
    """What one system answered on one set; rows are those of the set's catalog.

    Attributes
    ----------
    ranked : Ranking, shape (q, depth)
        Before selection.
    lists : Ranking, shape (q, k)
    pairs : ndarray of float64, shape (m,), or None
        Scores of the judged pairs.
    seconds_fit, seconds_story : float
        Fitting once; ranking and list of one story.
    """

    ranked: Ranking
    lists: Ranking
    pairs: NDArray[np.float64] | None
    seconds_fit: float
    seconds_story: float

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it as arrays by name, for `of`."""
        seconds = np.array([self.seconds_fit, self.seconds_story])
        pairs = {} if self.pairs is None else {"pairs": self.pairs}
        return {**self.ranked.arrays("ranked"), **self.lists.arrays("lists"), **pairs, "seconds": seconds}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Answers:
        """What `arrays` gave."""
        ranked, lists = (Ranking.from_arrays(arrays, name) for name in ("ranked", "lists"))
        return cls(ranked, lists, arrays.get("pairs"), *arrays["seconds"].tolist())


def asked_stories(judged: EvaluationSet) -> tuple[list[str], Judgments, dict[str, int]]:
    """Stories to evaluate under a set's protocol, the judgments that hold there, and what is left out.

    A story is asked for if anything that may stand under it has a grade above 0.
    """
    judgments, counts = judged.judgments.directed(), {}
    if judged.protocol == "at_publication":
        published = judged.catalog.published
        rows = [judged.catalog.rows(judgments.table[side].to_pylist()) for side in ("story", "item")]
        older = (published[rows[1]] < published[rows[0]]) & (published[rows[0]] != UNDATED)
        counts["judgments of later items"] = int((~older).sum())
        judgments = judgments.where(older)
    good = pc.unique(judgments.table["story"].filter(pc.greater(judgments.table["grade"], 0))).to_pylist()
    counts["judged stories without a good item"] = len(judged.judgments.directed().stories) - len(good)
    return sorted(good), judgments, counts


def ask(
    system: System, judged: EvaluationSet, stories: list[str], *, k: int, depth: int, progress: Progress = silent
) -> Answers:
    """Rankings and lists of a system under the protocol of the set.

    Parameters
    ----------
    system : System
    judged : EvaluationSet
    stories : list of str, length q
    k : int
        Items of a list.
    depth : int
        Items of a ranking.
    progress : callable, optional
        Called with (stage, done, total).
    """
    rows = judged.catalog.rows(stories)
    if judged.protocol == "at_publication":
        ranked, lists, seconds = _in_time(system, judged, rows, k, depth, progress)
        return Answers(ranked, lists, None, *seconds)
    started = time.perf_counter()
    system.fit(judged.catalog.table)
    fitted = time.perf_counter()
    ranked, lists = Ranking.empty(len(rows), depth), Ranking.empty(len(rows), k)
    for start in range(0, len(rows), _BLOCK):
        part = np.arange(start, min(start + _BLOCK, len(rows)))
        _answer(system, judged.catalog.table.take(pa.array(rows[part])), part, ranked, lists)
        progress(f"{system.name} on {judged.name}", int(part[-1]) + 1, len(rows))
    asked = time.perf_counter()
    pairs = None
    if "pairs" in judged.uses:
        a, b = (judged.catalog.rows(judged.judgments.table[side].to_pylist()) for side in ("story", "item"))
        pairs = system.relevance(a, b)
    return Answers(ranked, lists, pairs, fitted - started, (asked - fitted) / max(len(rows), 1))


def _answer(system: System, stories: pa.Table, at: NDArray[np.int64], ranked: Ranking, lists: Ranking) -> None:
    for found, into in (
        (system.rank(stories, ranked.rows.shape[1]), ranked),
        (system.lists(stories, lists.rows.shape[1]), lists),
    ):
        into.rows[at], into.scores[at], into.sources[at] = found.rows, found.scores, found.sources


def _in_time(
    system: System, judged: EvaluationSet, rows: NDArray[np.int64], k: int, depth: int, progress: Progress
) -> tuple[Ranking, Ranking, tuple[float, float]]:
    """Story after story, oldest first; those of one moment together, on what is older than they are.

    Between two epochs systems hold what came in and learn nothing, as between two runs of a job.
    """
    table, published = judged.catalog.table, judged.catalog.published
    ranked, lists = Ranking.empty(len(rows), depth), Ranking.empty(len(rows), k)
    learned = held = fits = 0
    fitting = asking = 0.0
    for moment, members in groupby(np.argsort(published[rows], kind="stable"), key=lambda at: published[rows[at]]):
        at = np.fromiter(members, dtype=np.int64)
        older = int(np.searchsorted(published, moment, side="left"))  # the catalog is in publication order
        progress(f"{system.name} on {judged.name}", int((published[rows] < moment).sum()), len(rows))
        if not older:
            continue
        started = time.perf_counter()
        if older >= _EPOCH * learned:
            system.fit(table.slice(0, older))
            learned, fits = older, fits + 1
            fitting += time.perf_counter() - started
        elif older > held:
            system.add(table.slice(held, older - held))
        held, started = older, time.perf_counter()
        _answer(system, table.take(pa.array(rows[at])), at, ranked, lists)
        asking += time.perf_counter() - started
    progress(f"{system.name} on {judged.name}", len(rows), len(rows))
    return ranked, lists, (fitting / max(fits, 1), asking / max(len(rows), 1))
