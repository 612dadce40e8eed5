"""Evaluate systems on a set, and compare them with the first."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender import statistics
from recommender.articles.article import UNDATED
from recommender.errors import InputError, SettingsError
from recommender.evaluation.data.judgments import Judgments
from recommender.evaluation.data.sets import EvaluationSet
from recommender.evaluation.measures import pairs
from recommender.evaluation.measures.quality import Yardstick, ages_days, list_quality, mean_overlap, safety
from recommender.evaluation.measures.relevance import Measure, per_story
from recommender.evaluation.measures.replay import Replay, replay
from recommender.evaluation.protocol import Answers, HeldOut, ask, asked_stories
from recommender.evaluation.results import TRAINED_HERE, Comparison, Evaluation, Example, Part, SystemResult, Training
from recommender.evaluation.systems.registry import identity, make_system
from recommender.evaluation.systems.system import OwnSystem, Ranking, System
from recommender.facade import Recommender
from recommender.progress import Progress, silent
from recommender.reading.clicks import ClickLog
from recommender.settings import Settings
from recommender.statistics import Estimate
from recommender.storage.checkpoints import Ledger, Ledgers
from recommender.version import __version__

RELEVANCE = ("nDCG@5", "nDCG@10", "AP", "RR", "R@10", "Judged@5")
PAIRS = ("AUC", "Spearman", "Pearson")
DEPTH = 100  # items of a ranking before selection
_EXAMPLES = 20
_ANSWERS = "answers"  # the one shard of a system on a set

Values = Mapping[Part, Mapping[str, NDArray[np.float64]]]


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
        case = _Case.of(judged, k, wanted, Path(cache))
        opened = [_kept(system, case, ledgers) for system in made]  # all at first: what has changed is told at once
        answered = [_Answered.of(*one, case, progress) for one in zip(made, opened, strict=True)]
    return _evaluation(case, answered, seed)


@dataclass(frozen=True, eq=False)
class _Case:
    """A set, made ready: what is asked, judged and measured against."""

    judged: EvaluationSet
    k: int
    measures: Mapping[Part, list[Measure]]
    stories: list[str]
    judgments: Judgments
    counts: Mapping[str, int]
    groups: NDArray[np.int64]
    yardstick: Yardstick | None

    @classmethod
    def of(cls, judged: EvaluationSet, k: int, wanted: Sequence[Measure], cache: Path) -> _Case:
        stories, judgments, counts = asked_stories(judged)
        yardstick = None
        if "lists" in judged.uses:
            fitted = Recommender(Settings(), cache=cache).fit_table(judged.catalog.table)
            yardstick = Yardstick.of(fitted.archive, judged.events)
        else:
            stories = []
        if not stories and ("pairs" not in judged.uses or judged.protocol == "at_publication"):
            raise InputError(
                f"{judged.name}: no story has an item with a grade above 0 that may stand under it "
                f"({judged.protocol}); there is nothing to evaluate"
            )
        more = [one for one in wanted if one.part == "ranking"]
        listed = [Measure.parse(f"{name}@{k}") for name in ("nDCG", "P", "R", "Judged")]
        measures: dict[Part, list[Measure]] = {
            "relevance": list(dict.fromkeys([*map(Measure.parse, RELEVANCE), listed[0], *more])),
            "list": list(dict.fromkeys([listed[0], Measure("RR"), *listed[1:], *more])),
        }
        if _only_wanted(judgments):
            for part in measures:
                measures[part] = [one for one in measures[part] if one in more or one.name != "Judged"]
        return cls(judged, k, measures, stories, judgments, counts, judged.groups_of(stories), yardstick)

    def ids(self, ranking: Ranking) -> list[list[str]]:
        names = self.judged.catalog.ids.to_pylist()
        return [[names[row] for row in rows if row >= 0] for rows in ranking.rows.tolist()]


def _only_wanted(judgments: Judgments) -> bool:
    """Whether nothing was judged but what is wanted, as links tell it.

    There the share of judged items is the precision once more: that the better of two systems has more of them makes
    no verdict undecided, and a ranking of judged items alone has no mistakes.
    """
    return not judgments.complete and bool((judgments.grades >= judgments.relevant).all())


@dataclass(frozen=True, eq=False)
class _Answered:
    """One system's answers with their values by story."""

    system: System | HeldOut
    answers: Answers
    values: Values
    condensed: Values
    replayed: Replay | None
    training: Training

    @classmethod
    def of(cls, system: System | HeldOut, kept: Ledger | None, case: _Case, progress: Progress) -> _Answered:
        held = kept and kept.arrays(_ANSWERS)
        replayed = None
        told = () if isinstance(system, HeldOut) else system.trained_on
        if isinstance(system, HeldOut):
            answers, told = system.answers(case.judged, case.stories, k=case.k, depth=DEPTH, progress=progress)
        elif held:
            answers, replayed = Answers.of(held), Replay.of(held) if "replay.rows" in held else None
        else:
            answers = ask(system, case.judged, case.stories, k=case.k, depth=DEPTH, progress=progress)
            if case.judged.clicks is not None and case.judged.protocol != "at_publication":
                replayed = _replayed(system, case.judged, case.judged.clicks)
            if kept:
                kept.keep(_ANSWERS, **answers.arrays(), **(replayed.arrays() if replayed else {}))
        values: dict[Part, Mapping[str, NDArray[np.float64]]] = {}
        condensed: dict[Part, Mapping[str, NDArray[np.float64]]] = {}
        rankings: tuple[tuple[Part, Ranking], ...] = (("relevance", answers.ranked), ("list", answers.lists))
        for part, ranking in rankings if case.stories else ():
            given = (case.measures[part], case.judgments, case.stories, case.ids(ranking))
            values[part] = per_story(*given)
            if not _only_wanted(case.judgments):
                condensed[part] = per_story(*given, condensed=True)
        if replayed is not None:
            values["replay"] = replayed.values
        return cls(system, answers, values, condensed, replayed, _training(system, told, case.judged))


def _training(system: System | HeldOut, told: tuple[str, ...], judged: EvaluationSet) -> Training:
    if judged.known_as.intersection(told):
        return TRAINED_HERE  # whatever the folds: it has seen the answers
    if isinstance(system, HeldOut):
        return system.training
    return "left out" if told else ""


def _kept(system: System | HeldOut, case: _Case, ledgers: Ledgers | None) -> Ledger | None:
    """The ledger of a system's answers on a set; None for a system of which it is not known what decides about them."""
    known = None if isinstance(system, HeldOut) else identity(system)
    if ledgers is None or known is None:
        return None
    judged = case.judged
    inputs = {
        "set": judged.fingerprint(),
        "system": known,
        "number of items": f"{case.k}, {DEPTH}",
        "library": __version__,
    }
    return ledgers.open(f"{system.name} on {judged.name}", inputs, 1)


def _replayed(system: System, judged: EvaluationSet, clicks: ClickLog) -> Replay | None:
    """The click log in the order of a system; None if it knows only its lists."""
    rows = judged.catalog.rows
    if system.relevance(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)) is None:
        return None
    return replay(clicks, lambda sources, items: np.asarray(system.relevance(rows(sources), rows(items))))


def _evaluation(case: _Case, answered: Sequence[_Answered], seed: int) -> Evaluation:
    judged, base = case.judged, answered[0]
    figures, compared = _compared(case, answered, seed)
    pairs, pairs_compared = _pairs(case, answered, seed)
    results = tuple(
        _result(case, one, {**figures[one.system.name], **pairs.get(one.system.name, {})}, seed) for one in answered
    )
    others = [one for one in answered[1:] if case.stories]
    headline: tuple[Part, str] = ("list", f"nDCG@{case.k}") if case.stories else ("pairs", "AUC")
    if base.replayed is not None:  # what readers did says more than which items they happened to be shown
        headline = ("replay", "AUC")
    worst: tuple[Example, ...] = ()
    changed: tuple[Example, ...] = ()
    if case.stories:
        values = np.array([one.values["list"][f"nDCG@{case.k}"] for one in answered])
        worst = _examples(case, answered, values, np.argsort(values[0], kind="stable"))
        if others:
            apart = np.abs(values[1:] - values[0]).max(axis=0)
            order = np.argsort(-apart, kind="stable")
            changed = _examples(case, answered, values, order[apart[order] > 0])
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
    return Evaluation(
        judged.name,
        judged.about,
        judged.licence,
        judged.protocol,
        case.k,
        judged.judgments.relevant,
        headline,
        tuple(case.stories),
        counts,
        judged.notes,
        tuple(results),
        base.system.name,
        (*compared, *pairs_compared),
        worst,
        changed,
        {one.system.name: mean_overlap(one.answers.lists.rows, base.answers.lists.rows) for one in others},
        tuple(case.groups.tolist()),
    )


def _judged_ids(judgments: Judgments) -> set[str]:
    return {*judgments.table["story"].to_pylist(), *judgments.table["item"].to_pylist()}


def _groups(case: _Case, part: Part, base: _Answered) -> NDArray[np.int64]:
    if part == "replay" and base.replayed is not None:
        return np.unique(base.replayed.groups, return_inverse=True)[1].astype(np.int64)
    return case.groups


def _compared(
    case: _Case, answered: Sequence[_Answered], seed: int
) -> tuple[dict[str, dict[Part, dict[str, Estimate]]], list[Comparison]]:
    """Figures of every system, and comparisons with the first, of all measures that have a value by story."""
    base = answered[0]
    figures: dict[str, dict[Part, dict[str, Estimate]]] = {one.system.name: {} for one in answered}
    comparisons: list[Comparison] = []
    for one in answered:
        for part, values in one.values.items():
            groups = _groups(case, part, one)
            figures[one.system.name][part] = {
                name: statistics.bootstrap(array, groups, seed=seed) for name, array in values.items()
            }
    for part, values in base.values.items():
        groups = _groups(case, part, base)
        others = [one for one in answered[1:] if part in one.values]
        for name in values:
            if name.startswith("Judged"):
                continue
            differences = [one.values[part][name] - values[name] for one in others]
            p = [
                statistics.randomisation(each, groups, seed=seed) if _fair(one, base) else np.nan
                for one, each in zip(others, differences, strict=True)
            ]
            for one, each, alone, corrected in zip(others, differences, p, statistics.holm(p), strict=True):
                difference = statistics.bootstrap(each, groups, seed=seed)
                comparisons.append(
                    Comparison(
                        part,
                        name,
                        one.system.name,
                        base.system.name,
                        difference,
                        alone,
                        float(corrected),
                        statistics.effect_size(each),
                        *statistics.wins_ties_losses(each),
                        statistics.verdict(
                            difference,
                            float(corrected),
                            identical=_identical(part, one, base),
                            judged_gap=_judged_gap(part, one, base),
                        )
                        if _fair(one, base)
                        else TRAINED_HERE,
                    )
                )
    return figures, comparisons


def _fair(*compared: _Answered) -> bool:
    """Whether none of them knows the answers: those get no p value and no verdict, and do not count in Holm's."""
    return all(one.training != TRAINED_HERE for one in compared)


def _identical(part: Part, one: _Answered, base: _Answered) -> bool:
    if part == "replay":
        return all(np.array_equal(one.values[part][name], values) for name, values in base.values[part].items())
    a, b = (x.answers.ranked if part == "relevance" else x.answers.lists for x in (one, base))
    return np.array_equal(a.rows, b.rows)


def _judged_gap(part: Part, one: _Answered, base: _Answered) -> float:
    """Difference in the share of judged items among those shown, by the least cut-off at which it was measured."""
    name = next((name for name in base.values[part] if name.startswith("Judged")), None)
    shown = [x.values[part][name] for x in (one, base)] if name else []
    shown = [share[~np.isnan(share)] for share in shown]
    return float(shown[0].mean() - shown[1].mean()) if shown and all(map(len, shown)) else 0.0


def _pairs(
    case: _Case, answered: Sequence[_Answered], seed: int
) -> tuple[dict[str, dict[Part, dict[str, Estimate]]], list[Comparison]]:
    """The same of the scores of judged pairs."""
    base = answered[0].system.name
    named = {one.system.name: one for one in answered}
    scores = {one.system.name: one.answers.pairs for one in answered if one.answers.pairs is not None}
    figures: dict[str, dict[Part, dict[str, Estimate]]] = {name: {"pairs": {}} for name in scores}
    comparisons: list[Comparison] = []
    if not scores:
        return figures, comparisons
    judgments = case.judged.judgments
    sides = [judgments.table[side].to_pylist() for side in ("story", "item")]
    group_a, group_b = np.split(case.judged.groups_of([*sides[0], *sides[1]]), 2)
    relevant = judgments.grades >= judgments.relevant
    for name in PAIRS:
        found = pairs.pair_intervals(
            scores,
            relevant if name == "AUC" else judgments.grades,
            group_a,
            group_b,
            getattr(pairs, name.lower()),
            baseline=base if base in scores else None,
            seed=seed,
        )
        for system, estimate in found.figures.items():
            figures[system]["pairs"][name] = estimate
        others = list(found.differences)
        p_values = {one: found.p[one] if _fair(named[one], answered[0]) else np.nan for one in others}
        for system, corrected in zip(others, statistics.holm(list(p_values.values())), strict=True):
            difference, p = found.differences[system], p_values[system]
            identical = np.array_equal(scores[system], scores[base])
            said = statistics.verdict(difference, float(corrected), identical=identical, judged_gap=0.0)
            said = said if _fair(named[system], answered[0]) else TRAINED_HERE
            comparisons.append(
                Comparison("pairs", name, system, base, difference, p, float(corrected), np.nan, 0, 0, 0, said)
            )
    return figures, comparisons


def _result(case: _Case, one: _Answered, figures: Mapping[Part, Mapping[str, Estimate]], seed: int) -> SystemResult:
    system, answers, lists = one.system, one.answers, one.answers.lists
    condensed = {
        part: {name: statistics.bootstrap(array, case.groups, seed=seed) for name, array in values.items()}
        for part, values in one.condensed.items()
    }
    quality: Mapping[str, float] = {}
    counted: Mapping[str, int] = {}
    ages = np.zeros(0)
    if case.yardstick is not None:
        rows, moments = case.judged.catalog.rows(case.stories), _moments(case)
        quality = list_quality(lists.rows, rows, moments, case.yardstick, k=case.k)
        sources = lists.sources if _same_scale(system, case) else None
        counted = safety(lists.rows, rows, moments, case.yardstick, sources=sources)
        ages = ages_days(lists.rows, moments, case.yardstick)
    items = (lists.rows >= 0).sum(axis=1)
    scores = lists.scores[lists.rows >= 0]
    return SystemResult(
        system.name,
        system.about,
        figures,
        condensed,
        one.values,
        quality,
        counted,
        int((items == 0).sum()),
        float(items.mean()) if len(items) else float("nan"),
        answers.seconds_fit,
        answers.seconds_story,
        ages,
        scores[np.isfinite(scores)],
        one.training,
    )


def _moments(case: _Case) -> NDArray[np.int64]:
    published = case.judged.catalog.published
    if case.judged.protocol == "at_publication":
        return published[case.judged.catalog.rows(case.stories)]
    moment = published.max() if case.judged.protocol == "archive" else UNDATED
    return np.full(len(case.stories), moment)


def _same_scale(system: System | HeldOut, case: _Case) -> bool:
    """Whether the yardstick's `related_at` means for this system what its own does."""
    if not isinstance(system, OwnSystem) or case.judged.protocol == "at_publication":
        return False
    plain, own = Settings(), system.settings
    same = (own.embedding, own.ranking, own.selection.k) == (plain.embedding, plain.ranking, plain.selection.k)
    return same and own.selection.related_at == "auto"


def _examples(
    case: _Case, answered: Sequence[_Answered], values: NDArray[np.float64], order: NDArray[np.int64]
) -> tuple[Example, ...]:
    table = case.judged.catalog.table
    heads = pc.if_else(pc.equal(table["title"], ""), table["line"], table["title"])
    title = dict(zip(table["id"].to_pylist(), heads.to_pylist(), strict=True))
    chosen = [at for at in order.tolist() if not np.isnan(values[:, at]).any()][:_EXAMPLES]
    asked = {case.stories[at] for at in chosen}
    grades: dict[str, dict[str, float]] = {story: {} for story in asked}
    for row in case.judgments.among(asked, title).table.to_pylist():
        grades[row["story"]][row["item"]] = row["grade"]
    complete = case.judgments.complete
    lists = {one.system.name: case.ids(one.answers.lists) for one in answered}
    found = []
    for at in chosen:
        story = case.stories[at]
        known = grades[story]
        shown = {
            name: tuple(
                (item, title[item], known.get(item, 0.0 if story in complete and item in complete else None))
                for item in every[at]
            )
            for name, every in lists.items()
        }
        best = sorted((item for item in known if known[item] > 0), key=lambda item: (-known[item], item))[: case.k]
        wanted = tuple((item, title[item], known[item]) for item in best)
        by_system = {one.system.name: float(values[place, at]) for place, one in enumerate(answered)}
        found.append(Example(story, title[story], by_system, shown, wanted))
    return tuple(found)
