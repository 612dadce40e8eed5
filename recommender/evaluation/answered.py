"""A set prepared for evaluation, and what one system answered on it."""

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
from recommender.evaluation.measures.relevance import Measure, per_story
from recommender.evaluation.measures.replay import Replay, replay
from recommender.evaluation.measures.yardstick import Yardstick
from recommender.evaluation.protocol import Answers, HeldOut, ask, asked_stories
from recommender.evaluation.results import TRAINED_HERE, Part, Training
from recommender.evaluation.systems.registry import identity
from recommender.evaluation.systems.system import Ranking, System
from recommender.facade import Recommender
from recommender.progress import Progress
from recommender.reading.clicks import ClickLog
from recommender.settings import Settings
from recommender.storage.checkpoints import Ledger, Ledgers
from recommender.version import __version__

RELEVANCE = ("nDCG@5", "nDCG@10", "AP", "RR", "R@10", "Judged@5")
DEPTH = 100  # items of a ranking before selection
_ANSWERS = "answers"  # the one shard of a system on a set

Values = Mapping[Part, Mapping[str, NDArray[np.float64]]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Case:
    """A set prepared for evaluation: what is asked, judged and measured against."""

    judged: EvaluationSet
    k: int
    measures: Mapping[Part, list[Measure]]
    stories: list[str]
    judgments: Judgments
    counts: Mapping[str, int]
    groups: NDArray[np.int64]
    yardstick: Yardstick | None

    @classmethod
    def of(cls, judged: EvaluationSet, k: int, wanted: Sequence[Measure], cache: Path) -> Case:
        """Find the stories of a set that can be asked, and an archive to measure their lists against."""
        stories, judgments, counts = asked_stories(judged)
        yardstick = None
        if judged.asks_stories:
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
        }
        if "lists" in judged.uses:
            measures["list"] = list(dict.fromkeys([listed[0], Measure("RR"), *listed[1:], *more]))
        if only_wanted(judgments):
            for part in measures:
                measures[part] = [one for one in measures[part] if one in more or one.name != "Judged"]
        return cls(
            judged=judged,
            k=k,
            measures=measures,
            stories=stories,
            judgments=judgments,
            counts=counts,
            groups=judged.groups_of(stories),
            yardstick=yardstick,
        )

    @property
    def graded(self) -> Part:
        """The part that grades of items bear on: the final list, or the ranking before selection alone."""
        return "list" if "list" in self.measures else "relevance"

    @property
    def moments(self) -> NDArray[np.int64]:
        """The moment that each story's list is for, (q,); `UNDATED` where time does not count."""
        published = self.judged.catalog.published
        if self.judged.protocol == "at_publication":
            return published[self.judged.catalog.rows(self.stories)]
        moment = published.max() if self.judged.protocol == "archive" else UNDATED
        return np.full(len(self.stories), moment)

    @cached_property
    def distinct(self) -> DistinctNDCG:
        """The measure of lists in which nothing counts twice."""
        assert self.yardstick is not None
        return DistinctNDCG.of(self.stories, self.judgments, self.yardstick, self.k)

    def ids(self, ranking: Ranking) -> list[list[str]]:
        """List the article ids of a ranking, line by line."""
        names = self.judged.catalog.ids.to_pylist()
        return [[names[row] for row in rows if row >= 0] for rows in ranking.rows.tolist()]


def only_wanted(judgments: Judgments) -> bool:
    """Tell whether only wanted items were judged, as where links are the judgments.

    There the share of judged items is the precision once more: that the better of two systems has more of them makes
    no verdict undecided, and a ranking of judged items alone has no mistakes.
    """
    return not judgments.complete and bool((judgments.grades >= judgments.relevant).all())


@dataclass(frozen=True, eq=False)
class Answered:
    """One system's answers with their values by story."""

    system: System | HeldOut
    answers: Answers
    values: Values
    condensed: Values
    replayed: Replay | None
    training: Training

    @classmethod
    def of(cls, system: System | HeldOut, kept: Ledger | None, case: Case, progress: Progress) -> Answered:
        """Ask a system, or take what a ledger kept of its answers, and measure it story by story."""
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
            if part not in case.measures:
                continue
            given = (case.measures[part], case.judgments, case.stories, case.ids(ranking))
            values[part] = per_story(*given)
            if not only_wanted(case.judgments):
                condensed[part] = per_story(*given, condensed=True)
        if case.yardstick is not None and "list" in values:
            first, distinct = f"nDCG@{case.k}", case.distinct(answers.lists.rows)
            values["list"] = {first: values["list"][first], f"{DISTINCT}@{case.k}": distinct, **values["list"]}
        if replayed is not None:
            values["replay"] = replayed.values
        return cls(system, answers, values, condensed, replayed, _training(system, told, case.judged))


def _training(system: System | HeldOut, told: tuple[str, ...], judged: EvaluationSet) -> Training:
    if judged.known_as.intersection(told):
        return TRAINED_HERE  # whatever the folds: it has seen the answers
    if isinstance(system, HeldOut):
        return system.training
    return "left out" if told else ""


def ledger_of(system: System | HeldOut, case: Case, ledgers: Ledgers | None) -> Ledger | None:
    """Open the ledger of a system's answers on a set; None where it is not known what decides about the answers."""
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
    """Replay the click log in the order of a system; None if it knows only its lists."""
    rows = judged.catalog.rows
    if system.relevance(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)) is None:
        return None
    return replay(clicks, lambda sources, items: np.asarray(system.relevance(rows(sources), rows(items))))
