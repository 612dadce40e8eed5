"""A set prepared for evaluation, and the measured answers of one system on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.errors import InputError
from recommender.evaluation.data.judgments import Judgments
from recommender.evaluation.data.sets import EvaluationSet
from recommender.evaluation.measures.distinct import DISTINCT, DistinctNDCG
from recommender.evaluation.measures.reference import Reference
from recommender.evaluation.measures.relevance import Measure, per_story
from recommender.evaluation.measures.replay import Replay, replay
from recommender.evaluation.protocol import Answers, HeldOut, ask, stories_to_evaluate
from recommender.evaluation.results import TRAINED_HERE, Part, Training
from recommender.evaluation.systems.registry import identity_of
from recommender.evaluation.systems.system import Ranking, System
from recommender.facade import Recommender
from recommender.progress import Progress
from recommender.reading.clicks import ClickLog
from recommender.settings import Settings
from recommender.storage.checkpoints import Ledger, Ledgers
from recommender.version import __version__

RELEVANCE = ("nDCG@5", "nDCG@10", "AP", "RR", "R@10", "Judged@5")
DEPTH = 100  # items of a ranking before selection
_ANSWERS = "answers"  # the name of the only shard of a ledger

Values = Mapping[Part, Mapping[str, NDArray[np.float64]]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Case:
    """A set prepared for evaluation: its stories, judgments, groups and measures."""

    judged: EvaluationSet
    k: int
    measures: Mapping[Part, list[Measure]]
    stories: list[str]
    judgments: Judgments
    counts: Mapping[str, int]
    groups: NDArray[np.int64]
    reference: Reference | None

    @classmethod
    def from_set(cls, judged: EvaluationSet, k: int, further: Sequence[Measure], cache: Path) -> Case:
        """Find the stories to evaluate, fit the archive that lists are measured by, and choose the measures."""
        stories, judgments, counts = stories_to_evaluate(judged)
        reference = None
        if judged.asks_stories:
            fitted = Recommender(Settings(), cache=cache).fit_table(judged.catalog.table)
            reference = Reference.from_events(fitted.archive, judged.events)
        else:
            stories = []
        if not stories and ("pairs" not in judged.uses or judged.protocol == "at_publication"):
            raise InputError(
                f"{judged.name}: no story has an item with a grade above 0 that may stand under it "
                f"({judged.protocol}); there is nothing to evaluate"
            )
        return cls(
            judged=judged,
            k=k,
            measures=_measures_of(judged, judgments, k, further),
            stories=stories,
            judgments=judgments,
            counts=counts,
            groups=judged.groups_of(stories),
            reference=reference,
        )

    @property
    def graded(self) -> Part:
        """The part that the grades judge: the final list, or only the ranking before selection."""
        return "list" if "list" in self.measures else "relevance"

    @property
    def moments(self) -> NDArray[np.int64]:
        """The moment of the list of each story, (q,); `UNDATED` where time does not count."""
        published = self.judged.catalog.published
        if self.judged.protocol == "at_publication":
            return published[self.judged.catalog.rows(self.stories)]
        moment = published.max() if self.judged.protocol == "archive" else UNDATED
        return np.full(len(self.stories), moment)

    @cached_property
    def distinct(self) -> DistinctNDCG:
        """The nDCG of lists in which repeats gain nothing."""
        assert self.reference is not None
        return DistinctNDCG.from_judgments(self.stories, self.judgments, self.reference, self.k)

    def ids(self, ranking: Ranking) -> list[list[str]]:
        """Return the article ids of the ranking of each story."""
        ids = self.judged.catalog.ids.to_pylist()
        return [[ids[row] for row in rows if row >= 0] for rows in ranking.rows.tolist()]


def _measures_of(
    judged: EvaluationSet, judgments: Judgments, k: int, further: Sequence[Measure]
) -> dict[Part, list[Measure]]:
    """Choose the measures of rankings and of lists, with those of `further` that measure rankings."""
    further = [measure for measure in further if measure.part == "ranking"]
    ndcg, *others = (Measure.parse(f"{name}@{k}") for name in ("nDCG", "P", "R", "Judged"))
    measures: dict[Part, list[Measure]] = {"relevance": [*map(Measure.parse, RELEVANCE), ndcg, *further]}
    if "lists" in judged.uses:
        measures["list"] = [ndcg, Measure("RR"), *others, *further]
    if has_only_positive_grades(judgments):
        measures = {
            part: [measure for measure in chosen if measure in further or measure.name != "Judged"]
            for part, chosen in measures.items()
        }
    return {part: list(dict.fromkeys(chosen)) for part, chosen in measures.items()}


def has_only_positive_grades(judgments: Judgments) -> bool:
    """Check whether only relevant items were judged, as in sets whose judgments are links.

    In such a set the share of judged items is the precision, which must not make a verdict undecided, and a ranking of
    judged items alone has no mistakes.
    """
    return not judgments.complete and bool((judgments.grades >= judgments.relevant).all())


@dataclass(frozen=True, eq=False)
class Answered:
    """The answers of one system with the values of each measure by story."""

    system: System | HeldOut
    answers: Answers
    values: Values
    condensed: Values
    replayed: Replay | None
    training: Training

    @classmethod
    def from_system(cls, system: System | HeldOut, ledger: Ledger | None, case: Case, progress: Progress) -> Answered:
        """Ask a system, or read its answers from a ledger, and measure them story by story."""
        replayed = None
        if isinstance(system, HeldOut):
            answers, trained_on = system.answers(case.judged, case.stories, k=case.k, depth=DEPTH, progress=progress)
        else:
            trained_on = system.trained_on
            answers, replayed = _ask_or_read(system, ledger, case, progress)
        values: dict[Part, Mapping[str, NDArray[np.float64]]] = {}
        condensed: dict[Part, Mapping[str, NDArray[np.float64]]] = {}
        for part, measures in case.measures.items() if case.stories else ():
            ranking = answers.ranked if part == "relevance" else answers.lists
            arguments = (measures, case.judgments, case.stories, case.ids(ranking))
            values[part] = per_story(*arguments)
            if not has_only_positive_grades(case.judgments):
                condensed[part] = per_story(*arguments, condensed=True)
        if case.reference is not None and "list" in values:
            first, distinct = f"nDCG@{case.k}", case.distinct(answers.lists.rows)
            values["list"] = {first: values["list"][first], f"{DISTINCT}@{case.k}": distinct, **values["list"]}
        if replayed is not None:
            values["replay"] = replayed.values
        return cls(system, answers, values, condensed, replayed, _training_of(system, trained_on, case.judged))


def _ask_or_read(
    system: System, ledger: Ledger | None, case: Case, progress: Progress
) -> tuple[Answers, Replay | None]:
    if arrays := ledger and ledger.arrays(_ANSWERS):
        return Answers.from_arrays(arrays), Replay.from_arrays(arrays) if "replay.rows" in arrays else None
    answers = ask(system, case.judged, case.stories, k=case.k, depth=DEPTH, progress=progress)
    replayed = None
    if case.judged.clicks is not None and case.judged.protocol != "at_publication":
        replayed = _replay(system, case.judged, case.judged.clicks)
    if ledger:
        ledger.keep(_ANSWERS, **answers.arrays(), **(replayed.arrays() if replayed else {}))
    return answers, replayed


def _replay(system: System, judged: EvaluationSet, clicks: ClickLog) -> Replay | None:
    """Replay the click log in the order of a system; None if it knows only its lists."""
    rows = judged.catalog.rows
    if system.relevance(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)) is None:
        return None
    return replay(clicks, lambda sources, items: np.asarray(system.relevance(rows(sources), rows(items))))


def _training_of(system: System | HeldOut, trained_on: tuple[str, ...], judged: EvaluationSet) -> Training:
    if judged.known_as.intersection(trained_on):
        return TRAINED_HERE  # the system has seen the answers, even if there are folds
    if isinstance(system, HeldOut):
        return system.training
    return "left out" if trained_on else ""


def open_ledger(system: System | HeldOut, case: Case, ledgers: Ledgers | None) -> Ledger | None:
    """Open the ledger of a system's answers on a set; None for a system without an identity."""
    identity = None if isinstance(system, HeldOut) else identity_of(system)
    if ledgers is None or identity is None:
        return None
    inputs = {
        "set": case.judged.fingerprint(),
        "system": identity,
        "number of items": f"{case.k}, {DEPTH}",
        "library": __version__,
    }
    return ledgers.open(f"{system.name} on {case.judged.name}", inputs, 1)
