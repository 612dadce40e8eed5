"""Measure rankers that learn from links, on stories that they did not learn from.

There are three kinds of figures. *Left out*: the ranker never saw the newsroom; `evaluate` recognises this by
`trained_on`. *Cross-validated*: trained on links of other groups of the newsroom. *Chronological*: trained on older
stories, measured on newer ones.
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
from recommender.evaluation.results import Evaluation, Training
from recommender.evaluation.systems.system import System
from recommender.statistics import fold_of

MakeSystem = Callable[[pa.Table], System]
"""Makes a system that learned from the given links, columns story and item, and from nothing else of the set."""


def cross_validated(
    make_system: MakeSystem | Mapping[str, MakeSystem],
    judged: EvaluationSet,
    *,
    folds: int = 5,
    seed: int = 0,
    against: Sequence[str | System] = ("tfidf",),
    **options: Any,
) -> Evaluation:
    """Measure a system that learns from links on stories of groups that it did not learn from.

    The stories are split into folds of whole groups. For each fold a system is made from the links of all other groups
    and measured on the stories of the fold; the answers of all folds count as those of one system. Under
    'at_publication' archive and vocabulary are older than each story, while links of other groups may be newer.

    Parameters
    ----------
    make_system : callable, or mapping of name to callable
        Makes a `System` of links; see `HeldOut.make`. A single one is called 'learned'.
    judged : EvaluationSet
        Its relevant judgments are the links.
    folds : int, default 5
    seed : int, default 0
        Of the folds and of resampling.
    against : sequence of str or System, default ('tfidf',)
        Systems to compare with; the first is the baseline.
    **options
        Options of `evaluate`: `k`, `measures`, `cache`, `progress`.

    Raises
    ------
    InputError
        If the set has fewer than two groups, or no lists.
    SettingsError
        If there are fewer than two folds.
    """
    grouped, parts = by_group(judged, folds=folds, seed=seed)
    about = f"learned from links of other groups, {len(parts)} folds"
    systems = _held_out(make_system, about, parts, "cross-validated")
    return evaluate([*against, *systems], grouped, seed=seed, **options)


def chronological(
    make_system: MakeSystem | Mapping[str, MakeSystem],
    judged: EvaluationSet,
    *,
    share: float = 0.7,
    seed: int = 0,
    against: Sequence[str | System] = ("tfidf",),
    **options: Any,
) -> Evaluation:
    """Measure a system that learned from the links of older stories on the newer ones, as a newsroom would use it.

    Groups with articles on both sides of the cut are left out of training, and their newer stories are measured. All
    systems are measured on the newer stories only.

    Parameters
    ----------
    judged : EvaluationSet
        A set with dates.
    share : float, default 0.7
        Share of the stories with links that are older than the cut.
    make_system, seed, against, **options
        As in `cross_validated`.

    Raises
    ------
    InputError
        If the set has no dates or no lists, or a side would be empty.
    SettingsError
        If the share is not between 0 and 1.
    """
    newer, parts = by_time(judged, share=share)
    about = f"learned from links of the older {share:.0%} of the stories"
    systems = _held_out(make_system, about, parts, "chronological")
    return evaluate([*against, *systems], newer, seed=seed, **options)


def _held_out(
    make_system: MakeSystem | Mapping[str, MakeSystem], about: str, folds: tuple[Fold, ...], training: Training
) -> list[HeldOut]:
    by_name = make_system if isinstance(make_system, Mapping) else {"learned": make_system}
    return [HeldOut(name, about, make, folds, training) for name, make in by_name.items()]


def by_group(judged: EvaluationSet, *, folds: int = 5, seed: int = 0) -> tuple[EvaluationSet, tuple[Fold, ...]]:
    """Split the stories of a set into at most `folds` folds that share no group, with the links of all other groups.

    A group here contains all articles that links or groups of the set join, directly or through others. The returned
    set has these groups, and is for lists only.
    """
    if folds < 2:
        raise SettingsError(f"folds is {folds}, expected at least 2")
    grouped = _with_joined_groups(judged)
    stories = stories_to_evaluate(grouped)[0]
    groups = grouped.groups_of(stories)
    if len(np.unique(groups)) < 2:
        raise InputError(
            f"{judged.name}: its {len(stories)} stories with links are {len(np.unique(groups))} groups; expected two "
            "and more, to learn from one and measure on another"
        )
    fold = fold_of(groups, folds, seed=seed)
    links = grouped.judgments.links()
    parts = []
    for number in range(int(fold.max()) + 1):
        of_fold = [stories[row] for row in np.flatnonzero(fold == number)]
        parts.append(Fold(frozenset(of_fold), _links_without(links, grouped, of_fold)))
    counts = {"folds": len(parts), "stories of the largest group": int(np.bincount(groups).max())}
    return replace(grouped, counts={**grouped.counts, **counts}), tuple(parts)


def by_time(judged: EvaluationSet, *, share: float = 0.7) -> tuple[EvaluationSet, tuple[Fold, ...]]:
    """Split a set in time: one fold of newer stories, with the links of groups that are older as a whole.

    The `share` of the stories with links is older than the cut. The returned set has judgments of the newer stories
    only and the whole archive, and is for lists only.
    """
    if not 0 < share < 1:
        raise SettingsError(f"share is {share}, expected a number between 0 and 1")
    if not judged.dated:
        raise InputError(f"{judged.name} has no dates; use cross_validated")
    grouped = _with_joined_groups(judged)
    published = dict(zip(grouped.catalog.ids.to_pylist(), grouped.catalog.published.tolist(), strict=True))
    stories = [story for story in stories_to_evaluate(grouped)[0] if published[story] != UNDATED]
    times = np.array([published[story] for story in stories], dtype=np.int64)
    cut = int(np.quantile(times, share, method="higher")) if len(times) else 0
    newer = [story for story in stories if published[story] >= cut]
    links = grouped.judgments.links()
    linked = {*links["story"].to_pylist(), *links["item"].to_pylist()}
    # An undated article may be of either side.
    not_older = [name for name in linked if published[name] >= cut or published[name] == UNDATED]
    older_links = _links_without(links, grouped, [*newer, *not_older])
    if not newer or not len(older_links):
        raise InputError(
            f"{judged.name}: of {len(stories)} stories {len(newer)} are newer than the cut, and {len(older_links)} "
            "links are of groups that are older altogether; expected some of both"
        )
    directed = grouped.judgments.directed()
    is_newer = pc.is_in(directed.table["story"], pa.array(newer, pa.large_string())).to_numpy()
    learned = set(older_links["story"].to_pylist())
    counts = {
        "stories to learn from": len(learned),
        "links to learn from": len(older_links),
        "older stories left out": len(stories) - len(newer) - len(learned.intersection(stories)),
    }
    part = replace(grouped, judgments=directed.where(is_newer), counts={**grouped.counts, **counts})
    return part, (Fold(frozenset(newer), older_links),)


def _with_joined_groups(judged: EvaluationSet) -> EvaluationSet:
    """Return the set for lists only, with groups that no link leaves and that contain the set's groups as a whole."""
    if "lists" not in judged.uses:
        raise InputError(f"{judged.name} judges {' and '.join(judged.uses)}, not lists")
    links = judged.judgments.links()
    # Names of groups are joined like articles; with this prefix they sort after every id, so none names a joined group.
    group_of = {article_id: f"\U0010ffff{group}" for article_id, group in judged.group.items()}
    joined = link_groups([*links["story"].to_pylist(), *group_of], [*links["item"].to_pylist(), *group_of.values()])
    articles = {name: group for name, group in joined.items() if not name.startswith("\U0010ffff")}
    return replace(judged, group=articles, uses=("lists",), clicks=None)


def _links_without(links: pa.Table, judged: EvaluationSet, held_out: Sequence[str]) -> pa.Table:
    """Return the links of groups of which no article is held out."""
    held_out_groups = {judged.group.get(name, name) for name in held_out}
    ends = zip(links["story"].to_pylist(), links["item"].to_pylist(), strict=True)
    is_kept = [held_out_groups.isdisjoint(judged.group.get(name, name) for name in pair) for pair in ends]
    return links.filter(pa.array(is_kept, pa.bool_()))
