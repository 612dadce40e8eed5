"""How systems are asked: with the whole archive at hand, or with the past alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.errors import InputError
from recommender.evaluation.data.judgments import Judgments
from recommender.evaluation.data.sets import EvaluationSet
from recommender.evaluation.results import Training
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
        """Write the answers as arrays by name, which `of` reads."""
        seconds = np.array([self.seconds_fit, self.seconds_story])
        pairs = {} if self.pairs is None else {"pairs": self.pairs}
        return {**self.ranked.arrays("ranked"), **self.lists.arrays("lists"), **pairs, "seconds": seconds}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Answers:
        """Rebuild answers from what `arrays` gave."""
        ranked, lists = (Ranking.from_arrays(arrays, name) for name in ("ranked", "lists"))
        return cls(ranked, lists, arrays.get("pairs"), *arrays["seconds"].tolist())


def asked_stories(judged: EvaluationSet) -> tuple[list[str], Judgments, dict[str, int]]:
    """Find the stories to evaluate under a set's protocol, the judgments that hold there, and what is left out.

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


@dataclass(frozen=True, eq=False)
class Fold:
    """Stories to ask, and the links that a system may learn from before it is asked.

    Attributes
    ----------
    stories : frozenset of str
    links : pyarrow.Table
        Columns story and item; none touches a story of the fold.
    """

    stories: frozenset[str]
    links: pa.Table


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A system that is trained anew for each fold, on links that leave the fold's stories out.

    Stands among the systems of `evaluate` like any other.

    Attributes
    ----------
    name, about : str
    make : callable
        From links (columns story and item) to a `System`. The same links are given to its `fit`, as far as they are
        between stories that it then holds: it may train in either place. What it returns must not tell of these links
        in its `trained_on`: a set that is named there was learned whole, folds or not.
    folds : tuple of Fold
        Every story that is asked is in one of them.
    training : {'cross-validated', 'chronological'}
    """

    name: str
    about: str
    make: Callable[[pa.Table], System]
    folds: tuple[Fold, ...]
    training: Training

    def answers(
        self, judged: EvaluationSet, stories: list[str], *, k: int, depth: int, progress: Progress = silent
    ) -> tuple[Answers, tuple[str, ...]]:
        """Ask each fold's system for the fold's stories, and put the answers together.

        Returns
        -------
        Answers
            In the order of `stories`; no pairs.
        tuple of str
            What the made systems tell as `trained_on`.

        Raises
        ------
        InputError
            If a story is in no fold or in two, or a fold's links touch its stories.
        """
        if not stories:
            raise InputError(f"{self.name} can be held out on stories alone, and {judged.name} has none to ask")
        place = {story: at for at, story in enumerate(stories)}
        ranked, lists = Ranking.empty(len(stories), depth), Ranking.empty(len(stories), k)
        asked = np.zeros(len(stories), dtype=np.int64)
        told: set[str] = set()
        fitting, asking = [], 0.0
        for fold in self.folds:
            mine = [story for story in stories if story in fold.stories]
            if not mine:
                continue
            system = self.make(fold.links)
            told.update(system.trained_on)
            found = ask(
                system, judged, mine, k=k, depth=depth, links=fold.links, among=stories, pairs=False, progress=progress
            )
            at = np.array([place[story] for story in mine])
            asked[at] += 1
            ranked.put(at, found.ranked)
            lists.put(at, found.lists)
            fitting.append(found.seconds_fit)
            asking += found.seconds_story * len(mine)
        if (asked != 1).any():
            odd = int(np.flatnonzero(asked != 1)[0])
            raise InputError(
                f"{self.name}: the story {stories[odd]!r} is in {asked[odd]} folds; expected every story in one"
            )
        return Answers(ranked, lists, None, float(np.mean(fitting)), asking / len(stories)), tuple(sorted(told))


def ask(
    system: System,
    judged: EvaluationSet,
    stories: list[str],
    *,
    k: int,
    depth: int,
    links: pa.Table | None = None,
    among: list[str] | None = None,
    pairs: bool = True,
    progress: Progress = silent,
) -> Answers:
    """Ask a system for rankings and lists under the protocol of the set.

    Parameters
    ----------
    system : System
    judged : EvaluationSet
    stories : list of str, length q
    k : int
        Items of a list.
    depth : int
        Items of a ranking.
    links : pyarrow.Table, optional
        What the system may learn from, columns story and item; each fit is given those between the stories that it
        holds.
    among : list of str, optional
        All stories of the evaluation, of which `stories` are a part: under 'at_publication' systems learn anew at the
        moments at which they would if all were asked, so that the answers of parts are those of the whole.
    pairs : bool, default True
        Whether judged pairs are scored, where the set has any.
    progress : callable, optional
        Called with (stage, done, total).

    Raises
    ------
    InputError
        If a link touches a story that is asked: the system would have seen the answer.
    """
    rows = judged.catalog.rows(stories)
    if links is not None:
        _check_apart(links, stories, system.name)
        known = judged.catalog.ids.combine_chunks()
        held = [pc.is_in(links[side], known) for side in ("story", "item")]
        links = links.filter(pc.and_(*held))
    if judged.protocol == "at_publication":
        moments = judged.catalog.published[judged.catalog.rows(among or stories)]
        ranked, lists, seconds = _in_time(system, judged, rows, moments, k, depth, links, progress)
        return Answers(ranked, lists, None, *seconds)
    started = time.perf_counter()
    system.fit(judged.catalog.table, links)
    fitted = time.perf_counter()
    ranked, lists = Ranking.empty(len(rows), depth), Ranking.empty(len(rows), k)
    for start in range(0, len(rows), _BLOCK):
        part = np.arange(start, min(start + _BLOCK, len(rows)))
        _answer(system, judged.catalog.table.take(pa.array(rows[part])), part, ranked, lists)
        progress(f"{system.name} on {judged.name}", int(part[-1]) + 1, len(rows))
    asked = time.perf_counter()
    scores = None
    if pairs and "pairs" in judged.uses:
        a, b = (judged.catalog.rows(judged.judgments.table[side].to_pylist()) for side in ("story", "item"))
        scores = system.relevance(a, b)
    return Answers(ranked, lists, scores, fitted - started, (asked - fitted) / max(len(rows), 1))


def _answer(system: System, stories: pa.Table, at: NDArray[np.int64], ranked: Ranking, lists: Ranking) -> None:
    ranked.put(at, system.rank(stories, ranked.rows.shape[1]))
    lists.put(at, system.lists(stories, lists.rows.shape[1]))


def _check_apart(links: pa.Table, stories: list[str], name: str) -> None:
    asked = pa.array(stories, pa.large_string())
    for side in ("story", "item"):
        touched = links.filter(pc.is_in(links[side].cast(pa.large_string()), asked))
        if len(touched):
            row = touched.slice(0, 1).to_pylist()[0]
            raise InputError(
                f"{name} may not learn from the link of {row['story']!r} to {row['item']!r}: {row[side]!r} is asked"
            )


def _epochs(published: NDArray[np.int64], moments: NDArray[np.int64]) -> dict[int, int]:
    """Tell how many stories a system has learned from at each moment: all older ones, or those of its last epoch."""
    learned, found = 0, {}
    for moment in np.unique(moments).tolist():
        older = int(np.searchsorted(published, moment, side="left"))  # the catalog is in publication order
        if older and older >= _EPOCH * learned:
            learned = older
        found[moment] = learned
    return found


def _in_time(
    system: System,
    judged: EvaluationSet,
    rows: NDArray[np.int64],
    moments: NDArray[np.int64],
    k: int,
    depth: int,
    links: pa.Table | None,
    progress: Progress,
) -> tuple[Ranking, Ranking, tuple[float, float]]:
    """Ask story after story, oldest first; those of one moment together, on what is older than they are.

    Between two epochs systems hold what came in and learn nothing, as between two runs of a job.
    """
    table, published = judged.catalog.table, judged.catalog.published
    ranked, lists = Ranking.empty(len(rows), depth), Ranking.empty(len(rows), k)
    epochs = _epochs(published, moments)
    ends = [] if links is None else [judged.catalog.rows(links[side].to_pylist()) for side in ("story", "item")]
    learned = held = fits = 0
    fitting = asking = 0.0
    for moment, members in groupby(np.argsort(published[rows], kind="stable"), key=lambda at: published[rows[at]]):
        at = np.fromiter(members, dtype=np.int64)
        older = int(np.searchsorted(published, moment, side="left"))
        progress(f"{system.name} on {judged.name}", int((published[rows] < moment).sum()), len(rows))
        if not older:
            continue
        started = time.perf_counter()
        if epochs[int(moment)] != learned:
            learned = held = epochs[int(moment)]
            past = None if links is None else links.filter(pa.array(np.maximum(*ends) < learned))
            system.fit(table.slice(0, learned), past)
            fits += 1
            fitting += time.perf_counter() - started
        if older > held:
            system.add(table.slice(held, older - held))
        held, started = older, time.perf_counter()
        _answer(system, table.take(pa.array(rows[at])), at, ranked, lists)
        asking += time.perf_counter() - started
    progress(f"{system.name} on {judged.name}", len(rows), len(rows))
    return ranked, lists, (fitting / max(fits, 1), asking / max(len(rows), 1))
