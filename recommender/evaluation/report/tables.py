"""Evaluations as tables of text, the same for the page, the Markdown and the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recommender.evaluation.report.wording import (
    MARKS,
    PARTS,
    against_baseline,
    figure_of,
    headline_name,
    judged_share,
    number,
    p_value,
    signed,
    with_sign,
    with_training,
)
from recommender.evaluation.results import Comparison, Evaluation, Part
from recommender.statistics import Estimate, short


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    value: float = float("nan")  # to sort by
    interval: str = ""
    verdict: str = "not shown"
    strong: bool = False
    alarm: bool = False

    def __str__(self) -> str:
        return " ".join(part for part in (self.text, self.interval, MARKS[self.verdict]) if part)

    @classmethod
    def of(cls, estimate: Estimate | None, verdict: str = "not shown", strong: bool = False) -> _Cell:
        if estimate is None or np.isnan(estimate.value):
            return _Cell("-")
        interval = f"[{short(estimate.low)}, {short(estimate.high)}]"
        return _Cell(short(estimate.value), estimate.value, interval, verdict, strong)


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
        """Rows with those that belong to them."""
        group: list[_Row] = []
        for row in self.rows:
            if group and not row.under:
                yield group
                group = []
            group.append(row)
        if group:
            yield group


def summary_table(evaluation: Evaluation) -> list[dict[str, str]]:
    """Make a table of one row for each system, in plain words and figures.

    Returns
    -------
    list of dict of str to str
        All rows have the same names: the system, its headline figure, the difference from the baseline with its
        verdict, judged items, items of a list, unanswered stories and milliseconds for one story; where a system was
        trained also what its ranker had seen of the set.
    """
    part, measure = evaluation.headline
    found = against_baseline(evaluation)
    rows = []
    trained = any(result.training for result in evaluation.systems)
    for result in evaluation.systems:
        comparison = found.get((part, measure, result.system))
        judged = judged_share(result, part)
        rows.append(
            {
                "system": result.system,
                **({"training": result.training} if trained else {}),
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
    """Make all tables but the long list of comparisons, in the order of the report."""
    headline = [one for one in evaluation.comparisons if (one.part, one.measure) == evaluation.headline]
    found = (
        *(_figures(evaluation, part) for part in PARTS),
        _comparisons(headline, f"Comparisons by {headline_name(evaluation)}"),
        _lists(evaluation),
        _safety(evaluation),
        _speed(evaluation),
    )
    return [table for table in found if table]


def other_comparisons(evaluation: Evaluation) -> Table | None:
    """Make the long table: comparisons by all but the headline measure."""
    others = [one for one in evaluation.comparisons if (one.part, one.measure) != evaluation.headline]
    return _comparisons(others, "Comparisons by other measures")


def meanings_of(tables: Iterable[Table], meanings: Mapping[str, str]) -> dict[str, str]:
    """Find the meanings of the columns that have one, by the whole name or the name before its cut."""
    names = dict.fromkeys(name for table in tables for name in table.columns)
    return {
        name: meanings.get(name) or meanings[name.partition("@")[0]]
        for name in names
        if name in meanings or name.partition("@")[0] in meanings
    }


def _figures(evaluation: Evaluation, part: Part) -> Table | None:
    """Make the table of each system's figures of a part, beneath them those of judged items only."""
    found = against_baseline(evaluation)
    columns = _names(result.figures.get(part, {}) for result in evaluation.systems)
    if not columns:
        return None
    beaten = {
        measure
        for measure in columns
        if all(
            (part, measure, one.system) in found and found[part, measure, one.system].verdict == "worse"
            for one in evaluation.systems
            if one.system != evaluation.baseline
        )
    }
    rows = []
    for result in evaluation.systems:
        cells = []
        for measure in columns:
            comparison = found.get((part, measure, result.system))
            said = comparison.verdict if comparison else "not shown"
            alone = result.system == evaluation.baseline and len(evaluation.systems) > 1 and measure in beaten
            cells.append(_Cell.of(result.figures.get(part, {}).get(measure), said, said == "better" or alone))
        rows.append(_Row(with_training(result), tuple(cells)))
        condensed = result.condensed.get(part, {})
        if condensed:
            rows.append(
                _Row("judged items only", tuple(_Cell.of(condensed.get(measure)) for measure in columns), under=True)
            )
    return Table(PARTS[part][0], "System", columns, tuple(rows))


def _comparisons(among: Sequence[Comparison], title: str) -> Table | None:
    if not among:
        return None
    columns = ("Difference", "p", "p (Holm)", "Effect d", "Wins", "Ties", "Losses", "Verdict")
    rows = tuple(
        _Row(
            f"{one.system} - {one.baseline}, {one.measure} {PARTS[one.part][1]}",
            (
                _Cell(
                    with_sign(one.difference.value),
                    one.difference.value,
                    f"[{short(one.difference.low)}, {short(one.difference.high)}]",
                    strong=one.verdict in ("better", "worse"),
                ),
                _Cell(p_value(one.p), one.p),
                _Cell(p_value(one.p_holm), one.p_holm),
                _Cell(with_sign(one.effect), one.effect),
                *(
                    _Cell("-" if one.part == "pairs" else f"{count:,}", float(count))
                    for count in (one.wins, one.ties, one.losses)
                ),
                _Cell(one.verdict, float(list(MARKS).index(one.verdict)), verdict=one.verdict),
            ),
        )
        for one in among
    )
    return Table(title, "Comparison", columns, rows)


def _lists(evaluation: Evaluation) -> Table | None:
    """Make the table of what the lists are like, apart from judgments."""
    if not evaluation.stories and not any(result.quality for result in evaluation.systems):
        return None
    columns = [name for name in _names(result.quality for result in evaluation.systems) if name != "items"]
    statuses = _names(result.statuses for result in evaluation.systems)
    overlap = f"overlap with {evaluation.baseline}"
    rows = tuple(
        _Row(
            result.system,
            (
                _Cell(number(result.items), result.items),
                _Cell(f"{result.unanswered:,}", float(result.unanswered)),
                _count(evaluation.stability.get(result.system, float("nan"))),
                *(_Cell(f"{(count := result.statuses.get(name, 0)):,}", float(count)) for name in statuses),
                *(
                    _Cell.of(result.intervals[name])
                    if name in result.intervals
                    else _count(result.quality.get(name, float("nan")))
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
        _Row(
            result.system,
            tuple(
                _Cell(f"{result.safety.get(name, 0):,}", float(result.safety.get(name, 0)), alarm=name in result.safety)
                if result.safety.get(name)
                else _Cell("0" if name in result.safety else "-", 0.0)
                for name in columns
            ),
        )
        for result in evaluation.systems
    )
    return Table("Safety", "System", columns, rows, "Every count must be 0.")


def _speed(evaluation: Evaluation) -> Table:
    rows = tuple(
        _Row(result.system, (_count(result.seconds_fit), _count(result.seconds_story * 1000)))
        for result in evaluation.systems
    )
    return Table("Speed", "System", ("seconds to fit", "milliseconds a story"), rows)


def _names(mappings: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for mapping in mappings for name in mapping))


def _count(value: float) -> _Cell:
    return _Cell(number(value), value)
