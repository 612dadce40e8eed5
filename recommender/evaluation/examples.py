"""Choose stories for a report: what each system showed under them, and what the judges wanted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommender.evaluation.answered import Answered, Case
from recommender.evaluation.results import Example
from recommender.lists.records import titled

_EXAMPLES = 20


def worst_of(case: Case, answered: Sequence[Answered]) -> tuple[Example, ...]:
    """Find the stories with the lowest nDCG of the first system."""
    if not case.stories:
        return ()
    values = _values(case, answered)
    return _examples(case, answered, values, np.argsort(values[0], kind="stable"))


def changed_most(case: Case, answered: Sequence[Answered]) -> tuple[Example, ...]:
    """Find the stories whose nDCG differs most between the first system and another."""
    if not case.stories or len(answered) < 2:
        return ()
    values = _values(case, answered)
    apart = np.abs(values[1:] - values[0]).max(axis=0)
    order = np.argsort(-apart, kind="stable")
    return _examples(case, answered, values, order[apart[order] > 0])


def _values(case: Case, answered: Sequence[Answered]) -> NDArray[np.float64]:
    return np.array([one.values[case.graded][f"nDCG@{case.k}"] for one in answered])


def _examples(
    case: Case, answered: Sequence[Answered], values: NDArray[np.float64], order: NDArray[np.int64]
) -> tuple[Example, ...]:
    table = case.judged.catalog.table
    title = dict(zip(table["id"].to_pylist(), titled(table)["title"].to_pylist(), strict=True))
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
