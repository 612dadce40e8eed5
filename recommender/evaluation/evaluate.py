"""Evaluate systems on a set, and compare them with the first."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from recommender import statistics
from recommender.errors import SettingsError
from recommender.evaluation.answered import Answered, Case, ledger_of
from recommender.evaluation.comparisons import compare_pairs, compare_stories
from recommender.evaluation.data.judgments import Judgments
from recommender.evaluation.data.sets import EvaluationSet
from recommender.evaluation.examples import changed_most, worst_of
from recommender.evaluation.measures.exposure import ages_days
from recommender.evaluation.measures.overlap import mean_overlap
from recommender.evaluation.measures.quality import by_list, list_quality, list_statuses
from recommender.evaluation.measures.relevance import Measure
from recommender.evaluation.measures.safety import safety
from recommender.evaluation.protocol import HeldOut
from recommender.evaluation.results import Evaluation, Part, SystemResult
from recommender.evaluation.systems.registry import make_system
from recommender.evaluation.systems.system import OwnSystem, System
from recommender.progress import Progress, silent
from recommender.settings import Settings
from recommender.statistics import Estimate
from recommender.storage.checkpoints import Ledgers


def evaluate(
    systems: Sequence[str | System | HeldOut],
    judged: EvaluationSet,
    *,
    k: int = 5,
    measures: Sequence[str] = (),
    cache: str | Path | None = None,
    seed: int = 0,
    ledgers: Ledgers | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Measure systems on one set and compare each with the first.

    Parameters
    ----------
    systems : sequence of str, System or HeldOut
        As `make_system` takes them; the first is the one that the others are compared with. One that was trained on
        this set (`System.trained_on`) is marked and gets no verdict; a `HeldOut` is trained as it is asked, see
        `recommender.evaluation.training`.
    judged : EvaluationSet
    k : int, default 5
        Items of a final list.
    measures : sequence of str, optional
        Further measures, such as 'P@3' or 'nDCG@20'.
    cache : path, optional
        Vector cache; without it vectors are kept for this call alone.
    seed : int, default 0
        Of resampling.
    ledgers : Ledgers, optional
        Keeps what each system answered, so that an interrupted call asks only the others; whoever made them clears
        them when all is done. A `System` of your own is always asked.
    progress : callable, optional
        Called with (stage, done, total).

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        If no story and no pair of the set can be evaluated.
    SettingsError
        If `k`, a system or a measure is none, or two systems have one name.

    Examples
    --------
    >>> from recommender.evaluation import evaluate, load_set
    >>> found = evaluate(["tfidf", "recent"], load_set("sample"))
    >>> found.protocol, found.comparisons[0].system, found.comparisons[0].verdict
    ('archive', 'recent', 'worse')
    """
    if k < 1:
        raise SettingsError(f"k is {k}, expected at least 1")
    with ExitStack() as stack:
        if cache is None:
            cache = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "vectors.sqlite"
        made: list[System | HeldOut] = [
            make_system(one, cache=Path(cache)) if isinstance(one, str) else one for one in systems
        ]
        names = [system.name for system in made]
        if not names or len(set(names)) < len(names):
            raise SettingsError(f"the systems are {', '.join(names) or 'none'}; expected one and more, each name once")
        wanted = [Measure.parse(text) for text in measures]
        case = Case.of(judged, k, wanted, Path(cache))
        opened = [ledger_of(system, case, ledgers) for system in made]  # all at first: what has changed is told at once
        answered = [Answered.of(*one, case, progress) for one in zip(made, opened, strict=True)]
    return _evaluation(case, answered, seed)


def _evaluation(case: Case, answered: Sequence[Answered], seed: int) -> Evaluation:
    judged, base = case.judged, answered[0]
    figures, compared = compare_stories(case, answered, seed)
    pairs, pairs_compared = compare_pairs(case, answered, seed)
    headline = _headline(case, base)
    return Evaluation(
        name=judged.name,
        about=judged.about,
        licence=judged.licence,
        protocol=judged.protocol,
        k=case.k,
        relevant=judged.judgments.relevant,
        headline=headline,
        stories=tuple(case.stories),
        counts=_counts(case, answered),
        notes=judged.notes,
        systems=tuple(
            _result(case, one, {**figures[one.system.name], **pairs.get(one.system.name, {})}, seed) for one in answered
        ),
        baseline=base.system.name,
        comparisons=(*compared, *pairs_compared),
        worst=worst_of(case, answered),
        changed=changed_most(case, answered),
        stability={
            one.system.name: mean_overlap(one.answers.lists.rows, base.answers.lists.rows)
            for one in answered[1:]
            if case.stories
        },
        groups=tuple(case.groups.tolist()),
    )


def _headline(case: Case, base: Answered) -> tuple[Part, str]:
    if base.replayed is not None:  # what readers did says more than which items they happened to be shown
        return "replay", "AUC"
    return (case.graded, f"nDCG@{case.k}") if case.stories else ("pairs", "AUC")


def _counts(case: Case, answered: Sequence[Answered]) -> dict[str, int]:
    judged = case.judged
    counts = {
        "articles": len(judged.catalog),
        "judged pairs": len(judged.judgments),
        "stories evaluated": len(case.stories),
        "groups": len(np.unique(judged.groups_of(case.stories or sorted(_judged_ids(judged.judgments))))),
        "articles without judgments": len(judged.catalog) - len(_judged_ids(judged.judgments)),
        **case.counts,
        **judged.counts,
    }
    if replayed := next((one.replayed for one in answered if one.replayed is not None), None):
        counts |= {"lists replayed": len(replayed.rows), "lists not replayed": replayed.left_out}
    return counts


def _judged_ids(judgments: Judgments) -> set[str]:
    return {*judgments.table["story"].to_pylist(), *judgments.table["item"].to_pylist()}


def _result(case: Case, one: Answered, figures: Mapping[Part, Mapping[str, Estimate]], seed: int) -> SystemResult:
    system, answers, lists = one.system, one.answers, one.answers.lists
    condensed = {
        part: {name: statistics.bootstrap(array, case.groups, seed=seed) for name, array in values.items()}
        for part, values in one.condensed.items()
    }
    items = (lists.rows >= 0).sum(axis=1)
    return SystemResult(
        system=system.name,
        about=system.about,
        figures=figures,
        condensed=condensed,
        per_story=one.values,
        unanswered=int((items == 0).sum()),
        items=float(items.mean()) if len(items) else float("nan"),
        seconds_fit=answers.seconds_fit,
        seconds_story=answers.seconds_story,
        training=one.training,
        **_make_up(case, one, seed),
    )


def _make_up(case: Case, one: Answered, seed: int) -> dict[str, Any]:
    """Measure what the final lists are like, apart from judgments."""
    if case.yardstick is None:
        return {"quality": {}, "safety": {}, "ages_days": np.zeros(0)}
    lists, moments, yardstick, k = one.answers.lists, case.moments, case.yardstick, case.k
    stories = case.judged.catalog.rows(case.stories)
    each = by_list(lists.rows, stories, yardstick, k=k, sources=lists.sources)
    told = lists.sources if _same_scale(one.system, case) else None
    return {
        "quality": list_quality(lists.rows, stories, moments, yardstick, k=k, sources=lists.sources),
        "intervals": {name: statistics.bootstrap(array, case.groups, seed=seed) for name, array in each.items()},
        "statuses": list_statuses(lists.sources, k),
        "safety": safety(lists.rows, stories, moments, yardstick, sources=told),
        "ages_days": ages_days(lists.rows, moments, yardstick),
    }


def _same_scale(system: System | HeldOut, case: Case) -> bool:
    """Tell whether relevance of this system is on the yardstick's scale, so that its `related_at` may be compared."""
    if not isinstance(system, OwnSystem) or case.judged.protocol == "at_publication":
        return False
    plain, own = Settings(), system.settings
    same = (own.embedding, own.ranking, own.selection.k) == (plain.embedding, plain.ranking, plain.selection.k)
    return same and own.selection.related_at == "auto"
