"""Ask systems for rankings and lists, on the whole archive or in time order on older stories only."""

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

_BLOCK = 256  # stories that are asked for together
_GROWTH = 1.1  # growth of the archive after which systems are fitted again


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of one system on one set, in rows of the set's catalog."""

    ranked: Ranking  # before selection, (q, depth)
    lists: Ranking  # (q, k)
    pairs: NDArray[np.float64] | None  # scores of the judged pairs, (m,)
    seconds_fit: float  # mean of the fits
    seconds_story: float  # mean of the ranking and list of a story

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the answers as arrays by name, which `from_arrays` reads."""
        seconds = np.array([self.seconds_fit, self.seconds_story])
        pairs = {} if self.pairs is None else {"pairs": self.pairs}
        return {**self.ranked.arrays("ranked"), **self.lists.arrays("lists"), **pairs, "seconds": seconds}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Answers:
        """Build answers from the result of `arrays`."""
        ranked, lists = (Ranking.from_arrays(arrays, name) for name in ("ranked", "lists"))
        return cls(ranked, lists, arrays.get("pairs"), *arrays["seconds"].tolist())


def stories_to_evaluate(judged: EvaluationSet) -> tuple[list[str], Judgments, dict[str, int]]:
    """Return the stories to evaluate under a set's protocol, their directed judgments, and counts of omitted judgments.

    A story is evaluated if an item that its list may show has a grade above 0.
    """
    judgments, counts = judged.judgments.directed(), {}
    if judged.protocol == "at_publication":
        published = judged.catalog.published
        stories, items = (judged.catalog.rows(judgments.table[side].to_pylist()) for side in ("story", "item"))
        is_older = (published[items] < published[stories]) & (published[stories] != UNDATED)
        counts["judgments of later items"] = int((~is_older).sum())
        judgments = judgments.where(is_older)
    good = pc.unique(judgments.table["story"].filter(pc.greater(judgments.table["grade"], 0))).to_pylist()
    counts["judged stories without a good item"] = len(judged.judgments.directed().stories) - len(good)
    return sorted(good), judgments, counts


@dataclass(frozen=True, eq=False)
class Fold:
    """Stories to evaluate, and the links that a system may learn from before it is asked for them.

    Attributes
    ----------
    links : pyarrow.Table
        Columns story and item; none touches a story of the fold.
    """

    stories: frozenset[str]
    links: pa.Table


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A system that is trained for each fold on links that leave out the fold's stories.

    `evaluate` takes it like any other system.

    Attributes
    ----------
    make : callable
        From links (columns story and item) to a `System`. The system may train here or in its `fit`, which gets the
        links between stories that it is fitted on. Its `trained_on` must not name the set of these links: that would
        say that it learned the whole set.
    folds : tuple of Fold
        Every story that is evaluated is in one of them.
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
        """Ask the system of each fold for its stories, and combine the answers, without pairs, and all `trained_on`.

        Raises
        ------
        InputError
            If a story is in no fold or in two, or a fold's links touch its stories.
        """
        if not stories:
            raise InputError(f"{self.name} can be held out on stories alone, and {judged.name} has none to ask")
        ranked, lists = Ranking.empty(len(stories), depth), Ranking.empty(len(stories), k)
        n_folds = np.zeros(len(stories), dtype=np.int64)  # that each story is in
        trained_on: set[str] = set()
        fit_seconds, asking_seconds = [], 0.0
        for fold in self.folds:
            rows = np.flatnonzero([story in fold.stories for story in stories])
            if not len(rows):
                continue
            system = self.make(fold.links)
            trained_on.update(system.trained_on)
            answers = ask(
                system,
                judged,
                [stories[row] for row in rows],
                k=k,
                depth=depth,
                links=fold.links,
                all_stories=stories,
                pairs=False,
                progress=progress,
            )
            n_folds[rows] += 1
            ranked.put(rows, answers.ranked)
            lists.put(rows, answers.lists)
            fit_seconds.append(answers.seconds_fit)
            asking_seconds += answers.seconds_story * len(rows)
        for story, count in zip(stories, n_folds.tolist(), strict=True):
            if count != 1:
                raise InputError(f"{self.name}: the story {story!r} is in {count} folds; expected every story in one")
        combined = Answers(ranked, lists, None, float(np.mean(fit_seconds)), asking_seconds / len(stories))
        return combined, tuple(sorted(trained_on))


def ask(
    system: System,
    judged: EvaluationSet,
    stories: list[str],
    *,
    k: int,
    depth: int,
    links: pa.Table | None = None,
    all_stories: list[str] | None = None,
    pairs: bool = True,
    progress: Progress = silent,
) -> Answers:
    """Ask a system for lists of `k` items and rankings of `depth` items, under the protocol of the set.

    Parameters
    ----------
    links : pyarrow.Table, optional
        Links that the system may learn from, columns story and item; each fit gets those between its stories.
    all_stories : list of str, optional
        All stories of the evaluation, if `stories` are a part of them. Under 'at_publication' they determine when
        systems are fitted again, so that a part of the stories gets the same answers as with all of them.
    pairs : bool, default True
        Whether to score judged pairs, if the set has any.

    Raises
    ------
    InputError
        If a link touches a story that is evaluated: the system would have seen the answer.
    """
    rows = judged.catalog.rows(stories)
    if links is not None:
        _check_held_out(links, stories, system.name)
        known = judged.catalog.ids.combine_chunks()
        is_known = [pc.is_in(links[side], known) for side in ("story", "item")]
        links = links.filter(pc.and_(*is_known))
    ranked, lists = Ranking.empty(len(rows), depth), Ranking.empty(len(rows), k)
    if judged.protocol == "at_publication":
        moments = judged.catalog.published[judged.catalog.rows(all_stories or stories)]
        seconds = _ask_in_time(system, judged, rows, moments, links, (ranked, lists), progress)
        return Answers(ranked, lists, None, *seconds)
    start_time = time.perf_counter()
    system.fit(judged.catalog.table, links)
    fit_time = time.perf_counter()
    for start in range(0, len(rows), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(rows)))
        _ask_block(system, judged.catalog.table.take(pa.array(rows[block])), block, ranked, lists)
        progress(f"{system.name} on {judged.name}", int(block[-1]) + 1, len(rows))
    end_time = time.perf_counter()
    scores = None
    if pairs and "pairs" in judged.uses:
        a, b = (judged.catalog.rows(judged.judgments.table[side].to_pylist()) for side in ("story", "item"))
        scores = system.relevance(a, b)
    return Answers(ranked, lists, scores, fit_time - start_time, (end_time - fit_time) / max(len(rows), 1))


def _ask_block(
    system: System, stories: pa.Table, positions: NDArray[np.int64], ranked: Ranking, lists: Ranking
) -> None:
    ranked.put(positions, system.rank(stories, ranked.rows.shape[1]))
    lists.put(positions, system.lists(stories, lists.rows.shape[1]))


def _check_held_out(links: pa.Table, stories: list[str], name: str) -> None:
    evaluated = pa.array(stories, pa.large_string())
    for side in ("story", "item"):
        leaked = links.filter(pc.is_in(links[side].cast(pa.large_string()), evaluated))
        if len(leaked):
            row = leaked.slice(0, 1).to_pylist()[0]
            raise InputError(
                f"{name} may not learn from the link of {row['story']!r} to {row['item']!r}: {row[side]!r} is asked"
            )


def _ask_in_time(
    system: System,
    judged: EvaluationSet,
    rows: NDArray[np.int64],
    moments: NDArray[np.int64],
    links: pa.Table | None,
    answers: tuple[Ranking, Ranking],
    progress: Progress,
) -> tuple[float, float]:
    """Fill in the answers, the oldest stories first, those of one moment together on the archive of older stories.

    Between two fits systems only add new stories, as between two runs of a job. Returns the seconds of a fit and of a
    story.
    """
    table, published = judged.catalog.table, judged.catalog.published
    fitted_at = _sizes_of_fits(published, moments)
    ends = [] if links is None else [judged.catalog.rows(links[side].to_pylist()) for side in ("story", "item")]
    n_fitted = n_added = n_fits = 0
    fit_seconds = asking_seconds = 0.0
    in_order = np.argsort(published[rows], kind="stable")
    for moment, group in groupby(in_order, key=lambda position: published[rows[position]]):
        positions = np.fromiter(group, dtype=np.int64)
        n_older = int(np.searchsorted(published, moment, side="left"))
        progress(f"{system.name} on {judged.name}", int((published[rows] < moment).sum()), len(rows))
        if not n_older:
            continue
        if fitted_at[int(moment)] != n_fitted:
            start_time = time.perf_counter()
            n_fitted = n_added = fitted_at[int(moment)]
            past_links = None if links is None else links.filter(pa.array(np.maximum(*ends) < n_fitted))
            system.fit(table.slice(0, n_fitted), past_links)
            n_fits += 1
            fit_seconds += time.perf_counter() - start_time
        if n_older > n_added:
            system.add(table.slice(n_added, n_older - n_added))
            n_added = n_older
        start_time = time.perf_counter()
        _ask_block(system, table.take(pa.array(rows[positions])), positions, *answers)
        asking_seconds += time.perf_counter() - start_time
    progress(f"{system.name} on {judged.name}", len(rows), len(rows))
    return fit_seconds / max(n_fits, 1), asking_seconds / max(len(rows), 1)


def _sizes_of_fits(published: NDArray[np.int64], moments: NDArray[np.int64]) -> dict[int, int]:
    """Return, for each moment, the number of oldest stories that systems are fitted on."""
    n_fitted, sizes = 0, {}
    for moment in np.unique(moments).tolist():
        n_older = int(np.searchsorted(published, moment, side="left"))  # the catalog is in publication order
        if n_older and n_older >= _GROWTH * n_fitted:
            n_fitted = n_older
        sizes[moment] = n_fitted
    return sizes
