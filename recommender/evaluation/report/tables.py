"""Evaluations as tables of text, for the HTML page, the Markdown and the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from recommender.evaluation.report.wording import (
    MARKS,
    PARTS,
    against_baseline,
    figure_of,
    headline_name,
    interval,
    judged_share,
    number,
    p_value,
    signed,
    with_sign,
    with_training,
)
from recommender.evaluation.results import Evaluation, Part
from recommender.statistics import Estimate, short


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    value: float = float("nan")  # sort key
    interval: str = ""
    verdict: str = "not shown"
    strong: bool = False
    alarm: bool = False

    def __str__(self) -> str:
        return " ".join(part for part in (self.text, self.interval, MARKS[self.verdict]) if part)

    @classmethod
    def from_estimate(cls, estimate: Estimate | None, verdict: str = "not shown", strong: bool = False) -> _Cell:
        if estimate is None or np.isnan(estimate.value):
            return _Cell("-")
        return _Cell(short(estimate.value), estimate.value, interval(estimate), verdict, strong)


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    cells: tuple[_Cell, ...]
    under: bool = False
    """Whether it belongs to the row above."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows and columns under a title."""

    title: str
    first: str
    columns: tuple[str, ...]
    rows: tuple[_Row, ...]
    note: str = ""

    @property
    def groups(self) -> Iterator[list[_Row]]:
        """The rows, each with the rows under it."""
        group: list[_Row] = []
        for row in self.rows:
            if group and not row.under:
                yield group
                group = []
            group.append(row)
        if group:
            yield group


def summary_table(evaluation: Evaluation) -> list[dict[str, str]]:
    """Return a row for each system, as text by column.

    Columns are the system, its headline figure, the difference from the baseline with its verdict, the share of judged
    items, items of a list, unanswered stories and milliseconds per story; if a system was trained, also its training.
    """
    part, measure = evaluation.headline
    comparisons = against_baseline(evaluation)
    rows = []
    is_trained = any(result.training for result in evaluation.systems)
    for result in evaluation.systems:
        comparison = comparisons.get((part, measure, result.system))
        judged = judged_share(result, part)
        rows.append(
            {
                "system": result.system,
                **({"training": result.training} if is_trained else {}),
                headline_name(evaluation): str(figure_of(result, part, measure)),
                f"against {evaluation.baseline}": signed(comparison.difference) if comparison else "",
                "p (Holm)": p_value(comparison.p_holm) if comparison else "",
                "verdict": comparison.verdict if comparison else "",
                "judged": "-" if np.isnan(judged) else f"{judged:.0%}",
                "items": number(result.items),
                "unanswered": f"{result.unanswered:,}",
                "ms a story": number(result.seconds_story * 1000),
            }
        )
    return rows


def tables_of(evaluation: Evaluation) -> list[Table]:
    """Return all tables but the comparisons by other measures, in the order of the report."""
    tables = (
        *(_figures(evaluation, part) for part in PARTS),
        _comparisons(evaluation, f"Comparisons by {headline_name(evaluation)}", by_headline=True),
        _lists(evaluation),
        _safety(evaluation),
        _speed(evaluation),
    )
    return [table for table in tables if table]


def other_comparisons(evaluation: Evaluation) -> Table | None:
    """Return the table of comparisons by all but the headline measure."""
    return _comparisons(evaluation, "Comparisons by other measures", by_headline=False)


def meanings_of(tables: Iterable[Table], meanings: Mapping[str, str]) -> dict[str, str]:
    """Return the meanings of the columns that have one, by the name with or without its cut-off."""
    names = dict.fromkeys(name for table in tables for name in table.columns)
    found = {name: meanings.get(name) or meanings.get(name.partition("@")[0]) for name in names}
    return {name: meaning for name, meaning in found.items() if meaning}


def _figures(evaluation: Evaluation, part: Part) -> Table | None:
    """Return the table of the figures of a part, with those of judged items only under them."""
    columns = _names(result.figures.get(part, {}) for result in evaluation.systems)
    if not columns:
        return None
    rows = []
    for result in evaluation.systems:
        figures, condensed = result.figures.get(part, {}), result.condensed.get(part, {})
        cells = []
        for measure in columns:
            verdict = _verdict_of(evaluation, part, measure, result.system)
            is_strong = verdict == "better" or _is_best_baseline(evaluation, part, measure, result.system)
            cells.append(_Cell.from_estimate(figures.get(measure), verdict, is_strong))
        rows.append(_Row(with_training(result), tuple(cells)))
        if condensed:
            cells = [_Cell.from_estimate(condensed.get(measure)) for measure in columns]
            rows.append(_Row("judged items only", tuple(cells), under=True))
    return Table(PARTS[part][0], "System", columns, tuple(rows))


def _verdict_of(evaluation: Evaluation, part: Part, measure: str, system: str) -> str:
    comparison = against_baseline(evaluation).get((part, measure, system))
    return comparison.verdict if comparison else "not shown"


def _is_best_baseline(evaluation: Evaluation, part: Part, measure: str, system: str) -> bool:
    """Check whether a system is the baseline and all others are worse."""
    others = [result.system for result in evaluation.systems if result.system != evaluation.baseline]
    return (
        system == evaluation.baseline
        and len(others) > 0
        and all(_verdict_of(evaluation, part, measure, other) == "worse" for other in others)
    )


def _comparisons(evaluation: Evaluation, title: str, *, by_headline: bool) -> Table | None:
    rows = tuple(
        _Row(
            f"{each.system} - {each.baseline}, {each.measure} {PARTS[each.part][1]}",
            (
                _Cell(
                    with_sign(each.difference.value),
                    each.difference.value,
                    interval(each.difference),
                    strong=each.verdict in ("better", "worse"),
                ),
                _Cell(p_value(each.p), each.p),
                _Cell(p_value(each.p_holm), each.p_holm),
                _Cell(with_sign(each.effect), each.effect),
                *(
                    _Cell("-" if each.part == "pairs" else f"{count:,}", float(count))
                    for count in (each.wins, each.ties, each.losses)
                ),
                _Cell(each.verdict, float(list(MARKS).index(each.verdict)), verdict=each.verdict),
            ),
        )
        for each in evaluation.comparisons
        if ((each.part, each.measure) == evaluation.headline) == by_headline
    )
    columns = ("Difference", "p", "p (Holm)", "Effect d", "Wins", "Ties", "Losses", "Verdict")
    return Table(title, "Comparison", columns, rows) if rows else None


def _lists(evaluation: Evaluation) -> Table | None:
    if not evaluation.stories and not any(result.quality for result in evaluation.systems):
        return None
    columns = [name for name in _names(result.quality for result in evaluation.systems) if name != "items"]
    statuses = _names(result.statuses for result in evaluation.systems)
    overlap = f"overlap with {evaluation.baseline}"
    rows = tuple(
        _Row(
            result.system,
            (
                _number(result.items),
                _count(result.unanswered),
                _number(evaluation.stability.get(result.system, float("nan"))),
                *(_count(result.statuses.get(name, 0)) for name in statuses),
                *(
                    _Cell.from_estimate(result.intervals[name])
                    if name in result.intervals
                    else _number(result.quality.get(name, float("nan")))
                    for name in columns
                ),
            ),
        )
        for result in evaluation.systems
    )
    return Table("Make-up of the lists", "System", ("items", "unanswered", overlap, *statuses, *columns), rows)


def _safety(evaluation: Evaluation) -> Table | None:
    columns = _names(result.safety for result in evaluation.systems)
    if not any(any(result.safety.values()) for result in evaluation.systems):
        return None
    rows = tuple(
        _Row(result.system, tuple(_alarm(result.safety.get(name)) for name in columns)) for result in evaluation.systems
    )
    return Table("Safety", "System", columns, rows, "Every count must be 0.")


def _speed(evaluation: Evaluation) -> Table:
    rows = tuple(
        _Row(result.system, (_number(result.seconds_fit), _number(result.seconds_story * 1000)))
        for result in evaluation.systems
    )
    return Table("Speed", "System", ("seconds to fit", "milliseconds a story"), rows)


def _names(mappings: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for mapping in mappings for name in mapping))


def _number(value: float) -> _Cell:
    return _Cell(number(value), value)


def _count(value: int) -> _Cell:
    return _Cell(f"{value:,}", float(value))


def _alarm(count: int | None) -> _Cell:
    return _Cell("-", 0.0) if count is None else _Cell(f"{count:,}", float(count), alarm=count > 0)
