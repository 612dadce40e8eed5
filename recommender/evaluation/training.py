"""Measure rankers that learn from links, on stories that they did not learn from.

Three figures are told apart. *Left out*: the ranker never saw that newsroom; `evaluate` gives it, from what a system
tells as `trained_on`. *Cross-validated*: trained on the newsroom's own links, group by group left out.
*Chronological*: trained on the older stories, measured on the newer ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recommender.articles.article import UNDATED
from recommender.articles.links import link_groups
from recommender.errors import InputError, SettingsError
from recommender.evaluation.data.sets import EvaluationSet
from recommender.evaluation.evaluate import evaluate
from recommender.evaluation.protocol import Fold, HeldOut, stories_to_evaluate
from recommender.evaluation.results import Evaluation
from recommender.evaluation.systems.system import System
from recommender.statistics import fold_of

MakeSystem = Callable[[pa.Table], System]
"""From links, columns story and item, to a system that learned from them and from nothing else of the set."""


def cross_validated(
    make_system: MakeSystem | Mapping[str, MakeSystem],
    judged: EvaluationSet,
    *,
    folds: int = 5,
    seed: int = 0,
    against: Sequence[str | System] = ("tfidf",),
    **asked: Any,
) -> Evaluation:
    """Measure a system that learns from links on stories whose whole group it did not learn from.

    The stories are split into folds, groups whole. For each fold a system is made from the links of all other groups
    and asked for the stories of the fold; the answers of all folds count as those of one system. Under
    'at_publication' its archive and vocabulary are the past of each story, while the links it learned from may be
    later ones, of other groups.

    Parameters
    ----------
    make_system : callable, or mapping of name to callable
        From links to a `System`; see `HeldOut.make`. One alone is called 'learned'.
    judged : EvaluationSet
        Its relevant judgments are the links.
    folds : int, default 5
    seed : int, default 0
        Of the folds and of resampling.
    against : sequence of str or System, default ('tfidf',)
        The first is the baseline.
    **asked
        As `evaluate` takes them: `k`, `measures`, `cache`, `progress`.

    Returns
    -------
    Evaluation
        The systems of `against` and the learned ones, all on the same stories; intervals and tests by group.

    Raises
    ------
    InputError
        If the set has fewer than two groups, or no lists.
    SettingsError
        If there are fewer than two folds.
    """
    made, parts = by_group(judged, folds=folds, seed=seed)
    about = f"learned from links of other groups, {len(parts)} folds"
    systems = [HeldOut(name, about, make, parts, "cross-validated") for name, make in _named(make_system).items()]
    return evaluate([*against, *systems], made, seed=seed, **asked)


def chronological(
    make_system: MakeSystem | Mapping[str, MakeSystem],
    judged: EvaluationSet,
    *,
    share: float = 0.7,
    seed: int = 0,
    against: Sequence[str | System] = ("tfidf",),
    **asked: Any,
) -> Evaluation:
    """Measure a system that learned from the links of older stories on the newer ones, as a newsroom would use it.

    Groups with an article on both sides of the cut are left out of training, and their newer stories are measured.

    Parameters
    ----------
    make_system : callable, or mapping of name to callable
        As `cross_validated` takes it.
    judged : EvaluationSet
        With dates.
    share : float, default 0.7
        Of the stories with links, that are older.
    seed : int, default 0
        Of resampling.
    against, **asked
        As `cross_validated` takes them.

    Returns
    -------
    Evaluation
        Of the newer stories alone, for every system.

    Raises
    ------
    InputError
        If the set has no dates or no lists, or a side would be empty.
    SettingsError
        If the share is not between 0 and 1.
    """
    made, parts = by_time(judged, share=share)
    about = f"learned from links of the older {share:.0%} of the stories"
    systems = [HeldOut(name, about, make, parts, "chronological") for name, make in _named(make_system).items()]
    return evaluate([*against, *systems], made, seed=seed, **asked)


def by_group(judged: EvaluationSet, *, folds: int = 5, seed: int = 0) -> tuple[EvaluationSet, tuple[Fold, ...]]:
    """Split the stories of a set into folds that share no group, each with the links of all other groups.

    A group here is what links or the set's own groups join, directly or through others.

    Parameters
    ----------
    judged : EvaluationSet
    folds : int, default 5
        Fewer where there are fewer groups.
    seed : int, default 0

    Returns
    -------
    EvaluationSet
        The set with these groups, for lists alone.
    tuple of Fold
    """
    if folds < 2:
        raise SettingsError(f"folds is {folds}, expected at least 2")
    made = _joined(judged)
    stories = stories_to_evaluate(made)[0]
    groups = made.groups_of(stories)
    if len(np.unique(groups)) < 2:
        raise InputError(
            f"{judged.name}: its {len(stories)} stories with links are {len(np.unique(groups))} groups; expected two "
            "and more, to learn from one and measure on another"
        )
    fold = fold_of(groups, folds, seed=seed)
    links = made.judgments.links()
    parts = []
    for number in range(int(fold.max()) + 1):
        mine = [story for story, held in zip(stories, fold == number, strict=True) if held]
        parts.append(Fold(frozenset(mine), _outside(links, made, mine)))
    counts = {"folds": len(parts), "stories of the largest group": int(np.bincount(groups).max())}
    return replace(made, counts={**made.counts, **counts}), tuple(parts)


def by_time(judged: EvaluationSet, *, share: float = 0.7) -> tuple[EvaluationSet, tuple[Fold, ...]]:
    """Split a set in time: the newer stories to measure on, with the links of groups that are older altogether.

    Parameters
    ----------
    judged : EvaluationSet
    share : float, default 0.7
        Of the stories with links, that are older than the cut.

    Returns
    -------
    EvaluationSet
        The set with judgments of the newer stories alone, for lists alone; the archive stays whole.
    tuple of Fold
        One.
    """
    if not 0 < share < 1:
        raise SettingsError(f"share is {share}, expected a number between 0 and 1")
    if not judged.dated:
        raise InputError(f"{judged.name} has no dates; use cross_validated")
    made = _joined(judged)
    published = dict(zip(made.catalog.ids.to_pylist(), made.catalog.published.tolist(), strict=True))
    stories = [story for story in stories_to_evaluate(made)[0] if published[story] != UNDATED]
    times = np.array([published[story] for story in stories], dtype=np.int64)
    cut = int(np.quantile(times, share, method="higher")) if len(times) else 0
    newer = [story for story in stories if published[story] >= cut]
    links = made.judgments.links()
    ends = {*links["story"].to_pylist(), *links["item"].to_pylist()}
    # an undated article may be of either side
    late = [one for one in ends if published[one] >= cut or published[one] == UNDATED]
    older = _outside(links, made, [*newer, *late])
    if not newer or not len(older):
        raise InputError(
            f"{judged.name}: of {len(stories)} stories {len(newer)} are newer than the cut, and {len(older)} links are "
            f"of groups that are older altogether; expected some of both"
        )
    directed = made.judgments.directed()
    mine = pc.is_in(directed.table["story"], pa.array(newer, pa.large_string())).to_numpy()
    learned = len(pc.unique(older["story"]))
    counts = {
        "stories to learn from": learned,
        "links to learn from": len(older),
        "older stories left out": len(stories) - len(newer) - len(set(older["story"].to_pylist()) & set(stories)),
    }
    part = replace(made, judgments=directed.where(mine), counts={**made.counts, **counts})
    return part, (Fold(frozenset(newer), older),)


def _named(make_system: MakeSystem | Mapping[str, MakeSystem]) -> Mapping[str, MakeSystem]:
    return make_system if isinstance(make_system, Mapping) else {"learned": make_system}


def _joined(judged: EvaluationSet) -> EvaluationSet:
    """Prepare the set for lists, in groups that no link and no group of its own leaves."""
    if "lists" not in judged.uses:
        raise InputError(f"{judged.name} judges {' and '.join(judged.uses)}, not lists")
    links = judged.judgments.links()
    own = {one: f"\U0010ffff{group}" for one, group in judged.group.items()}  # sorts after every id: never a name
    group = link_groups([*links["story"].to_pylist(), *own], [*links["item"].to_pylist(), *own.values()])
    held = {one: name for one, name in group.items() if not one.startswith("\U0010ffff")}
    return replace(judged, group=held, uses=("lists",), clicks=None)


def _outside(links: pa.Table, judged: EvaluationSet, held_out: Sequence[str]) -> pa.Table:
    """Find links of groups of which no article is held out."""
    closed = {judged.group.get(one, one) for one in held_out}
    ends = [[judged.group.get(one, one) not in closed for one in links[side].to_pylist()] for side in ("story", "item")]
    return links.filter(pa.array(np.logical_and(*np.array(ends, dtype=bool).reshape(2, len(links)))))
