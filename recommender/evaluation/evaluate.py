"""Evaluate systems on a set, and compare them with the first."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from recommender.errors import SettingsError
from recommender.evaluation.answered import Answered, Case, open_ledger
from recommender.evaluation.comparisons import compare_pairs, compare_stories, estimates
from recommender.evaluation.data.sets import EvaluationSet
from recommender.evaluation.examples import changed_examples, worst_examples
from recommender.evaluation.measures.exposure import ages_days
from recommender.evaluation.measures.overlap import mean_overlap
from recommender.evaluation.measures.quality import list_quality, list_statuses, values_by_list
from recommender.evaluation.measures.reference import ShownLists
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
        As `make_system` takes them; the others are compared with the first. One that was trained on this set
        (`System.trained_on`) is marked and gets no verdict; a `HeldOut` is trained during the evaluation, see
        `recommender.evaluation.training`.
    judged : EvaluationSet
    k : int, default 5
        Items of a final list.
    measures : sequence of str, optional
        Further measures, such as 'P@3' or 'nDCG@20'.
    cache : path, optional
        Vector cache; without it vectors are kept only for this call.
    seed : int, default 0
        Of resampling.
    ledgers : Ledgers, optional
        Keeps the answers of each system, so that an interrupted call asks only the others; the caller clears them in
        the end. A `System` of your own is always asked.
    progress : callable, optional
        Called with (stage, done, total).

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
            make_system(system, cache=Path(cache)) if isinstance(system, str) else system for system in systems
        ]
        names = [system.name for system in made]
        if not names or len(set(names)) < len(names):
            raise SettingsError(f"the systems are {', '.join(names) or 'none'}; expected one and more, each name once")
        case = Case.from_set(judged, k, [Measure.parse(text) for text in measures], Path(cache))
        # All ledgers are opened first, so that warnings about answers that cannot be used come at once.
        opened = [open_ledger(system, case, ledgers) for system in made]
        answered = [
            Answered.from_system(system, ledger, case, progress) for system, ledger in zip(made, opened, strict=True)
        ]
    return _evaluation(case, answered, seed)


def _evaluation(case: Case, answered: Sequence[Answered], seed: int) -> Evaluation:
    judged, base = case.judged, answered[0]
    figures, comparisons = compare_stories(case, answered, seed)
    pair_figures, pair_comparisons = compare_pairs(case, answered, seed)
    return Evaluation(
        name=judged.name,
        about=judged.about,
        licence=judged.licence,
        protocol=judged.protocol,
        k=case.k,
        relevant=judged.judgments.relevant,
        headline=_headline(case, base),
        stories=tuple(case.stories),
        counts=_counts(case, answered),
        notes=judged.notes,
        systems=tuple(
            _result(case, each, figures[each.system.name] | pair_figures.get(each.system.name, {}), seed)
            for each in answered
        ),
        baseline=base.system.name,
        comparisons=(*comparisons, *pair_comparisons),
        worst=worst_examples(case, answered),
        changed=changed_examples(case, answered),
        stability={
            each.system.name: mean_overlap(each.answers.lists.rows, base.answers.lists.rows)
            for each in answered[1:]
            if case.stories
        },
        groups=tuple(case.groups.tolist()),
    )


def _headline(case: Case, base: Answered) -> tuple[Part, str]:
    if base.replayed is not None:  # the clicks say more than the grades of the few items that were shown
        return "replay", "AUC"
    return (case.graded, f"nDCG@{case.k}") if case.stories else ("pairs", "AUC")


def _counts(case: Case, answered: Sequence[Answered]) -> dict[str, int]:
    judged = case.judged
    judged_ids = {*judged.judgments.table["story"].to_pylist(), *judged.judgments.table["item"].to_pylist()}
    counts = {
        "articles": len(judged.catalog),
        "judged pairs": len(judged.judgments),
        "stories evaluated": len(case.stories),
        "groups": len(np.unique(judged.groups_of(case.stories or sorted(judged_ids)))),
        "articles without judgments": len(judged.catalog) - len(judged_ids),
        **case.counts,
        **judged.counts,
    }
    if replayed := next((each.replayed for each in answered if each.replayed is not None), None):
        counts |= {"lists replayed": len(replayed.rows), "lists not replayed": replayed.left_out}
    return counts


def _result(case: Case, answered: Answered, figures: Mapping[Part, Mapping[str, Estimate]], seed: int) -> SystemResult:
    n_items = (answered.answers.lists.rows >= 0).sum(axis=1)
    return SystemResult(
        system=answered.system.name,
        about=answered.system.about,
        figures=figures,
        condensed={part: estimates(values, case.groups, seed) for part, values in answered.condensed.items()},
        per_story=answered.values,
        unanswered=int((n_items == 0).sum()),
        items=float(n_items.mean()) if len(n_items) else float("nan"),
        seconds_fit=answered.answers.seconds_fit,
        seconds_story=answered.answers.seconds_story,
        training=answered.training,
        **_measure_lists(case, answered, seed),
    )


def _measure_lists(case: Case, answered: Answered, seed: int) -> dict[str, Any]:
    """Compute what needs no judgments: quality, statuses, safety and ages of the final lists."""
    if case.reference is None:
        return {"quality": {}, "safety": {}, "ages_days": np.zeros(0)}
    ranking, stories = answered.answers.lists, case.judged.catalog.rows(case.stories)
    lists = ShownLists(ranking.rows, stories, case.moments, case.reference, ranking.sources)
    is_comparable = _has_scale_of_reference(answered.system, case)
    return {
        "quality": list_quality(lists, case.k),
        "intervals": estimates(values_by_list(lists, case.k), case.groups, seed),
        "statuses": list_statuses(ranking.sources, case.k),
        "safety": safety(lists if is_comparable else replace(lists, sources=None)),
        "ages_days": ages_days(lists),
    }


def _has_scale_of_reference(system: System | HeldOut, case: Case) -> bool:
    """Check whether the relevance of a system can be compared with the `related_at` of the reference."""
    if not isinstance(system, OwnSystem) or case.judged.protocol == "at_publication":
        return False
    default, settings = Settings(), system.settings
    return (
        (settings.embedding, settings.ranking) == (default.embedding, default.ranking)
        and settings.selection.k == default.selection.k
        and settings.selection.related_at == "auto"
    )
