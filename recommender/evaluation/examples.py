"""Choose stories for a report, with the items that each system showed and those that the judges wanted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommender.evaluation.answered import Answered, Case
from recommender.evaluation.results import Example
from recommender.lists.records import with_titles

_EXAMPLES = 20


def worst_examples(case: Case, answered: Sequence[Answered]) -> tuple[Example, ...]:
    """Return the stories with the lowest nDCG of the first system."""
    values = _values(case, answered)
    return _examples(case, answered, values, np.argsort(values[0], kind="stable"))


def changed_examples(case: Case, answered: Sequence[Answered]) -> tuple[Example, ...]:
    """Return the stories whose nDCG differs most between the first system and another."""
    values = _values(case, answered)
    differences = np.abs(values[1:] - values[0]).max(axis=0, initial=0.0)
    order = np.argsort(-differences, kind="stable")
    return _examples(case, answered, values, order[differences[order] > 0])


def _values(case: Case, answered: Sequence[Answered]) -> NDArray[np.float64]:
    """Return the nDCG of each system on each story, (systems, q)."""
    if not case.stories:
        return np.zeros((len(answered), 0))
    return np.array([each.values[case.graded][f"nDCG@{case.k}"] for each in answered])


def _examples(
    case: Case, answered: Sequence[Answered], values: NDArray[np.float64], order: NDArray[np.int64]
) -> tuple[Example, ...]:
    table = case.judged.catalog.table
    titles = dict(zip(table["id"].to_pylist(), with_titles(table)["title"].to_pylist(), strict=True))
    chosen = [row for row in order.tolist() if not np.isnan(values[:, row]).any()][:_EXAMPLES]
    stories = {case.stories[row] for row in chosen}
    grades: dict[str, dict[str, float]] = {story: {} for story in stories}
    for judgment in case.judgments.among(stories, titles).table.to_pylist():
        grades[judgment["story"]][judgment["item"]] = judgment["grade"]
    lists = {each.system.name: case.ids(each.answers.lists) for each in answered}
    examples = []
    for row in chosen:
        story = case.stories[row]
        best = sorted(grades[story].items(), key=lambda graded: (-graded[1], graded[0]))[: case.k]
        examples.append(
            Example(
                story=story,
                title=titles[story],
                values={each.system.name: float(values[number, row]) for number, each in enumerate(answered)},
                lists={
                    name: tuple((item, titles[item], _grade(case, grades[story], story, item)) for item in items[row])
                    for name, items in lists.items()
                },
                wanted=tuple((item, titles[item], grade) for item, grade in best if grade > 0),
            )
        )
    return tuple(examples)


def _grade(case: Case, grades: dict[str, float], story: str, item: str) -> float | None:
    """Return the grade of an item, 0 where all pairs were judged; None if it was not judged."""
    complete = case.judgments.complete
    return grades.get(item, 0.0 if story in complete and item in complete else None)
