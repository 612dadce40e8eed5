"""Evaluations -> a report to read (HTML, Markdown) and to compute with (JSON)."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.cells import cell_len

from recommender.errors import InputError
from recommender.evaluation import measures
from recommender.evaluation.quality import QUALITY, SAFETY
from recommender.evaluation.results import Comparison, Estimate, Evaluation, Example, Part, SystemResult, short
from recommender.storage import check_writable, write_atomically

FORMAT = 1
MARKS = {"better": "▲", "worse": "▼", "no loss": "≈", "identical": "=", "undecided": "?", "not shown": ""}
LEGEND = {
    "▲": "better than the baseline",
    "▼": "worse",
    "≈": "no loss: a loss of more than .005 lies outside the 95 % interval",
    "=": "the same for every story",
    "?": "undecided, because the shares of judged items differ too much",
    "no mark": "no difference shown, which is not the same as no difference",
}
PARTS: dict[Part, tuple[str, str]] = {
    "relevance": ("Relevance before selection", "of the ranking"),
    "list": ("Quality of the final list", "of the list"),
    "pairs": ("Scores of judged pairs", "of judged pairs"),
    "replay": ("Lists of the click log, reordered", "of reordered lists"),
}
PROTOCOLS = {
    "archive": "every list draws on the whole archive, so an item may be newer than its story.",
    "at_publication": "each list is made as of its story's publication, from what was out by then.",
    "undated": "the set has no times, so freshness and age play no part.",
}
MEANINGS: Mapping[str, str] = {**measures.MEANINGS, **QUALITY, **SAFETY}
EXAMPLES = 20  # stories of each kind that a page shows
BESIDE = 6  # most systems whose lists stand side by side
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
# what Markdown would act on, and no more: intervals and names with underscores stay readable in a terminal
_MARKUP = re.compile(r"([\\`*|~]|(?<![^\W_])_|_(?![^\W_])|\](?=[(\[:]|$)|<(?=[A-Za-z/!?])|^[#>+=-])")


def write_report(
    evaluations: Sequence[Evaluation],
    folder: Path | str,
    *,
    settings: Mapping[str, Any],
    meanings: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write `report.html`, `report.md` and `report.json`.

    The page holds all that it shows and loads nothing. All three are made before the first is written, and each
    replaces its predecessor at once. The same evaluations give the same bytes.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        At least one.
    folder : path
        Made where it is missing.
    settings : mapping
        How the evaluation was run; reported as it is.
    meanings : mapping of str to str, optional
        What each measure means, by its name ('nDCG@5' or 'nDCG'); default `MEANINGS`.

    Returns
    -------
    list of Path
        The three files.

    Raises
    ------
    InputError
        If there is no evaluation.
    PublishError
        If nothing can be written to the folder.
    """
    if not evaluations:
        raise InputError("no evaluations were given, expected at least one; evaluate a set first")
    target = Path(folder)
    check_writable(target)
    made = {
        "report.html": to_html(evaluations, settings=settings, meanings=meanings).encode(errors="replace"),
        "report.md": to_markdown(evaluations, settings=settings, meanings=meanings).encode(errors="replace"),
        "report.json": to_json(evaluations, settings=settings),
    }
    for name, data in made.items():
        write_atomically(target / name, data)
    return [target / name for name in made]


def to_json(evaluations: Sequence[Evaluation], *, settings: Mapping[str, Any]) -> bytes:
    """All values as JSON, `{"format": 1, "settings": ..., "sets": [...]}`: sorted names, null for NaN."""
    document = {"format": FORMAT, "settings": settings, "sets": [one.to_dict() for one in evaluations]}
    options = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(document, default=_simple, option=options)


def to_html(
    evaluations: Sequence[Evaluation], *, settings: Mapping[str, Any], meanings: Mapping[str, str] | None = None
) -> str:
    """The report as one page: style, plots and the script that sorts its tables inside."""
    here = Path(__file__).parent / "templates"
    style, script = ((here / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    env = Environment(
        loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    env.filters["mark"] = MARKS.__getitem__
    env.filters["clean"] = _clean
    env.globals["short"] = short
    meanings = MEANINGS if meanings is None else meanings
    return env.get_template("report.html").render(
        sets=[
            _Page.of(one, number, MEANINGS if meanings is None else meanings)
            for number, one in enumerate(evaluations, 1)
        ],
        settings=_flat(settings),
        legend=LEGEND,
        style=style,
        script=script,
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
    )


def to_markdown(
    evaluations: Sequence[Evaluation],
    *,
    settings: Mapping[str, Any] | None = None,
    meanings: Mapping[str, str] | None = None,
) -> str:
    """The report in Markdown that reads well in a terminal: no plots, examples shortened."""
    return "\n".join(_markdown(evaluations, settings or {}, MEANINGS if meanings is None else meanings)) + "\n"


def summary_table(evaluation: Evaluation) -> list[dict[str, str]]:
    """One row for each system, in plain words and figures.

    Returns
    -------
    list of dict of str to str
        All rows have the same names: the system, its headline figure, the difference from the baseline with its
        verdict, judged items, items of a list, unanswered stories and milliseconds for one story.
    """
    part, measure = evaluation.headline
    found = _against(evaluation)
    rows = []
    for result in evaluation.systems:
        comparison = found.get((part, measure, result.system))
        judged = _judged(result, part)
        rows.append(
            {
                "system": result.system,
                _headline(evaluation): str(_figure(result, part, measure)),
                f"against {evaluation.baseline}": signed(comparison.difference) if comparison else "",
                "p (Holm)": _p(comparison.p_holm) if comparison else "",
                "verdict": comparison.verdict if comparison else "",
                "judged": "-" if np.isnan(judged) else f"{judged:.0%}",
                "items": number(result.items),
                "unanswered": f"{result.unanswered:,}",
                "ms a story": number(result.seconds_story * 1000),
            }
        )
    return rows


def verdicts(evaluation: Evaluation) -> list[str]:
    """One sentence for each system: how it compares with the baseline, before selection and in its lists."""
    return [sentence for _, sentence in _verdicts(evaluation)]


def signed(difference: Estimate) -> str:
    """A difference with its sign and interval.

    Examples
    --------
    >>> signed(Estimate(0.0214, 0.004, 0.038)), signed(Estimate(-0.0301, -0.05, -0.01))
    ('+.021 [.004, .038]', '-.030 [-.050, -.010]')
    """
    return f"{_plus(difference.value)} [{short(difference.low)}, {short(difference.high)}]"


def number(value: float) -> str:
    """Three decimals below ten, one above.

    Examples
    --------
    >>> number(0.25), number(4.9), number(1234.56), number(float("nan"))
    ('.250', '4.900', '1,234.6', '-')
    """
    return short(value) if np.isnan(value) or abs(value) < 10 else f"{value:,.1f}"


def verdict(evaluation: Evaluation, comparison: Comparison) -> str:
    """One sentence on a comparison, which calls no noise a gain."""
    system, baseline = comparison.system, comparison.baseline
    what = f"{comparison.measure} {PARTS[comparison.part][1]}"
    figures = f"{what} {signed(comparison.difference)}" + (
        "" if np.isnan(comparison.p_holm) else f", {_p(comparison.p_holm, 'p')} after Holm"
    )
    on = f"on {evaluation.name}"
    match comparison.verdict:
        case "better" | "worse":
            return f"{system} is {comparison.verdict} than {baseline} {on}: {figures}."
        case "no loss":
            return f"No loss of {system} against {baseline} {on}, and no gain shown: {figures}."
        case "identical" if comparison.part == "list" and evaluation.stability.get(system, 0.0) >= 1 - 1e-9:
            return f"{system} and {baseline} give identical lists {on}."
        case "identical":
            return f"{system} and {baseline} are identical {on}: the same {what} for every story."
        case "undecided":
            return f"Undecided between {system} and {baseline} {on}: {_unequal(evaluation, comparison)} ({figures})."
        case _:
            return f"No difference shown between {system} and {baseline} {on}: {figures}."


def _unequal(evaluation: Evaluation, comparison: Comparison) -> str:
    named = {result.system: result for result in evaluation.systems}
    ours, theirs = (_judged(named[name], comparison.part) for name in (comparison.system, comparison.baseline))
    points = round(100 * (ours - theirs)) if np.isfinite(ours - theirs) else 0
    if not points:
        return "the shares of their items that were judged differ too much"
    return f"{abs(points)} points {'fewer' if points < 0 else 'more'} of its items were judged"


def _verdicts(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Of each system the verdict and its sentence: of its ranking before selection, and on the headline measure."""
    part, measure = evaluation.headline
    found = _against(evaluation)
    told = []
    for result in evaluation.systems:
        before = found.get(("relevance", measure, result.system))
        comparison = found.get((part, measure, result.system))
        if before and before is not comparison:
            told.append((before.verdict, verdict(evaluation, before)))
        if comparison:
            told.append((comparison.verdict, verdict(evaluation, comparison)))
            told += [("not shown", sentence) for sentence in _repeats(evaluation, result)]
        elif result.system != evaluation.baseline or len(evaluation.systems) == 1:
            figure = f"{_headline(evaluation)} {_figure(result, part, measure)}"
            told.append(("not shown", f"{result.system} on {evaluation.name}: {figure}, not compared."))
    return told


def _repeats(evaluation: Evaluation, result: SystemResult) -> Iterator[str]:
    """What relevance of single items does not count against a list: one event told again."""
    name = "same event again"
    base = next(one for one in evaluation.systems if one.system == evaluation.baseline)
    ours, theirs = (one.quality.get(name, np.nan) for one in (result, base))
    if abs(ours - theirs) >= 0.05:
        yield (
            f"On {evaluation.name} a list of {result.system} tells an event again {short(ours)} times, one of "
            f"{base.system} {short(theirs)}: grades of single items do not count that."
        )


def _alarms(evaluation: Evaluation) -> list[str]:
    return [
        f"{result.system} on {evaluation.name}: {count:,} × {name}; expected 0"
        for result in evaluation.systems
        for name, count in result.safety.items()
        if count
    ]


def carries(evaluation: Evaluation) -> str:
    """How far the figures carry, from counts and interval widths."""
    part, measure = evaluation.headline
    what, stories = _headline(evaluation), len(evaluation.stories)
    groups = evaluation.counts.get("groups")
    base = f"{stories:,} {'story' if stories == 1 else 'stories'}" if stories else "Judged pairs without stories"
    if part == "replay":
        base = f"{evaluation.counts['lists replayed']:,} logged lists"
    told = [f"{base}{f' in {groups:,} groups' if groups and part != 'replay' else ''} carry these figures."]
    compared = [c for c in _against(evaluation).values() if (c.part, c.measure) == (part, measure)]
    intervals = [c.difference for c in compared if c.verdict != "identical"]
    widths = [(one.high - one.low) / 2 for one in intervals if np.isfinite(one.high - one.low)]
    if widths:
        told.append(
            f"The 95 % interval of a difference in {what} reaches ±{short(float(np.median(widths)))} "
            f"(median of {len(widths)}): differences below about that cannot be seen here, "
            "and no mark does not mean no difference."
        )
    else:
        told.append(f"There is no interval of a difference in {what}, so nothing can be said about gains or losses.")
    if len(evaluation.systems) > 2:
        told.append(
            f"p values are corrected for the {len(evaluation.systems) - 1} systems compared on a measure (Holm), not "
            "across measures or sets."
        )
    judged = [_judged(result, part) for result in evaluation.systems]
    shares = [share for share in judged if np.isfinite(share)]
    if shares and min(shares) < 1:
        told.append(
            f"Of the first items {min(shares):.0%} to {max(shares):.0%} were judged, by system; "
            "the others count as not relevant, which is hard on systems that the judges never saw."
        )
    told.append(
        "Readers could only click what they were shown, and clicks say what tempts, not what is related."
        if part == "replay"
        else "Judges said what is related to a story, which need not be what readers open."
    )
    return " ".join(told)


# -- tables that both the page and the Markdown show ------------------------------------------


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
class _Table:
    title: str
    first: str
    columns: tuple[str, ...]
    rows: tuple[_Row, ...]
    note: str = ""

    @property
    def groups(self) -> Iterator[list[_Row]]:
        group: list[_Row] = []
        for row in self.rows:
            if group and not row.under:
                yield group
                group = []
            group.append(row)
        if group:
            yield group


def _figures(evaluation: Evaluation, part: Part) -> _Table | None:
    """Each system's figures of a part, beneath them those of judged items only."""
    found = _against(evaluation)
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
        rows.append(_Row(result.system, tuple(cells)))
        condensed = result.condensed.get(part, {})
        if condensed:
            rows.append(
                _Row("judged items only", tuple(_Cell.of(condensed.get(measure)) for measure in columns), under=True)
            )
    return _Table(PARTS[part][0], "System", columns, tuple(rows))


def _comparisons(evaluation: Evaluation, among: Sequence[Comparison], title: str) -> _Table | None:
    if not among:
        return None
    columns = ("Difference", "p", "p (Holm)", "Effect d", "Wins", "Ties", "Losses", "Verdict")
    rows = tuple(
        _Row(
            f"{one.system} - {one.baseline}, {one.measure} {PARTS[one.part][1]}",
            (
                _Cell(
                    _plus(one.difference.value),
                    one.difference.value,
                    f"[{short(one.difference.low)}, {short(one.difference.high)}]",
                    strong=one.verdict in ("better", "worse"),
                ),
                _Cell(_p(one.p), one.p),
                _Cell(_p(one.p_holm), one.p_holm),
                _Cell(_plus(one.effect), one.effect),
                *(
                    _Cell("-" if one.part == "pairs" else f"{count:,}", float(count))
                    for count in (one.wins, one.ties, one.losses)
                ),
                _Cell(one.verdict, float(list(MARKS).index(one.verdict)), verdict=one.verdict),
            ),
        )
        for one in among
    )
    return _Table(title, "Comparison", columns, rows)


def _lists(evaluation: Evaluation) -> _Table | None:
    """What the lists are like, apart from judgments."""
    if not evaluation.stories and not any(result.quality for result in evaluation.systems):
        return None
    columns = [name for name in _names(result.quality for result in evaluation.systems) if name != "items"]
    overlap = f"overlap with {evaluation.baseline}"
    rows = tuple(
        _Row(
            result.system,
            (
                _Cell(number(result.items), result.items),
                _Cell(f"{result.unanswered:,}", float(result.unanswered)),
                _count(evaluation.stability.get(result.system, float("nan"))),
                *(_count(result.quality.get(name, float("nan"))) for name in columns),
            ),
        )
        for result in evaluation.systems
    )
    return _Table("Make-up of the lists", "System", ("items", "unanswered", overlap, *columns), rows)


def _safety(evaluation: Evaluation) -> _Table | None:
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
    return _Table("Safety", "System", columns, rows, "Every count must be 0.")


def _speed(evaluation: Evaluation) -> _Table:
    rows = tuple(
        _Row(result.system, (_count(result.seconds_fit), _count(result.seconds_story * 1000)))
        for result in evaluation.systems
    )
    return _Table("Speed", "System", ("seconds to fit", "milliseconds a story"), rows)


def _tables(evaluation: Evaluation) -> list[_Table]:
    """All but the long list of comparisons, in the order of the report."""
    headline = [one for one in evaluation.comparisons if (one.part, one.measure) == evaluation.headline]
    found = (
        *(_figures(evaluation, part) for part in PARTS),
        _comparisons(evaluation, headline, f"Comparisons by {_headline(evaluation)}"),
        _lists(evaluation),
        _safety(evaluation),
        _speed(evaluation),
    )
    return [table for table in found if table]


def _every_comparison(evaluation: Evaluation) -> _Table | None:
    others = [one for one in evaluation.comparisons if (one.part, one.measure) != evaluation.headline]
    return _comparisons(evaluation, others, "Comparisons by other measures")


def _explained(tables: Iterable[_Table], meanings: Mapping[str, str]) -> dict[str, str]:
    """Meanings of the columns that have one, by the whole name or the name before its cut."""
    names = dict.fromkeys(name for table in tables for name in table.columns)
    return {
        name: meanings.get(name) or meanings[name.partition("@")[0]]
        for name in names
        if name in meanings or name.partition("@")[0] in meanings
    }


# -- HTML -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Page:
    """What the template needs of one set."""

    evaluation: Evaluation
    key: str
    headline: str
    protocol: str
    verdicts: list[tuple[str, str]]
    alarms: list[str]
    tables: list[_Table]
    others: _Table | None
    meanings: dict[str, str]
    plots: list[tuple[str, str, str]]
    """Caption, remark, SVG."""
    examples: list[tuple[str, str, list[str], Sequence[Example]]]
    """Heading, remark, systems, stories."""
    hidden: int
    """Systems whose lists the examples leave out."""
    carries: str

    @classmethod
    def of(cls, evaluation: Evaluation, number: int, meanings: Mapping[str, str]) -> _Page:
        tables, key = _tables(evaluation), f"set-{number}"
        names = [result.system for result in evaluation.systems]
        first, base, headline = names[0] if names else "", evaluation.baseline, _headline(evaluation)
        beside = list(dict.fromkeys([first, base, *names]))[:BESIDE]
        examples = [
            (f"Where {first} does worst", f"Least {headline}.", beside, evaluation.worst[:EXAMPLES]),
            (
                f"What changed most against {base}",
                f"Greatest differences in {headline}. + marks what {base} does not show.",
                beside,
                evaluation.changed[:EXAMPLES],
            ),
        ]
        return cls(
            evaluation,
            key,
            headline,
            PROTOCOLS.get(evaluation.protocol, ""),
            _verdicts(evaluation),
            _alarms(evaluation),
            tables,
            _every_comparison(evaluation),
            _explained(tables, meanings),
            _plots(evaluation, key),
            [one for one in examples if one[3]],
            len(names) - len(beside),
            carries(evaluation),
        )


def _plots(evaluation: Evaluation, key: str) -> list[tuple[str, str, str]]:
    from recommender.evaluation import plots  # matplotlib takes half a second

    part, measure = evaluation.headline
    what, base = _headline(evaluation), evaluation.baseline
    told = {result.system: (result, _figure(result, part, measure)) for result in evaluation.systems}
    near = [plots.Point(name, one.quality.get("distance", float("nan")), y) for name, (one, y) in told.items()]
    fast = [plots.Point(name, one.seconds_story * 1000, y) for name, (one, y) in told.items()]
    per_story = {name: one.per_story.get(part, {}).get(measure) for name, (one, _) in told.items()}
    reference = per_story.pop(base, None)
    apart = (
        {name: values - reference for name, values in per_story.items() if values is not None}
        if reference is not None
        else {}
    )
    found = [
        (
            f"{what} against variety",
            "Bars are 95 % intervals; the hollow square is the baseline. Further right, lists are more varied.",
            plots.against(near, base, x="distance between the items of a list", y=what, key=f"{key}-variety"),
        ),
        (
            f"{what} against speed",
            "Bars are 95 % intervals; the hollow square is the baseline. Further left is faster.",
            plots.against(fast, base, x="milliseconds a story, log scale", y=what, log=True, key=f"{key}-speed"),
        ),
        (
            f"Story by story against {base}",
            f"Each story's difference in {what}, sorted: above the line the system is better, below it {base} is.",
            plots.differences(apart, what=what, key=f"{key}-differences"),
        ),
        (
            "Age of shown items",
            "Share of items up to each age when their list was made.",
            plots.ages({name: one.ages_days for name, (one, _) in told.items()}, key=f"{key}-ages"),
        ),
        (
            "Scores of shown items",
            "Each system on its own scale: shapes compare, places do not. The tick is the median.",
            plots.scores({name: one.scores for name, (one, _) in told.items()}, key=f"{key}-scores"),
        ),
    ]
    return [(caption, remark, svg) for caption, remark, svg in found if svg]


# -- Markdown ---------------------------------------------------------------------------------


def _markdown(
    evaluations: Sequence[Evaluation], settings: Mapping[str, Any], meanings: Mapping[str, str]
) -> Iterator[str]:
    yield "# Evaluation\n"
    for one in evaluations:
        yield from (f"- **UNSAFE** {_md(alarm)}" for alarm in _alarms(one))
        yield from (f"- {_md(sentence)}" for _, sentence in _verdicts(one))
    for one in evaluations:
        yield from _markdown_set(one, meanings)
    if settings:
        yield "\n## How this was run\n"
        yield from (f"- {_md(name)}: {_md(value)}" for name, value in _flat(settings).items())
    yield "\n## Signs\n"
    yield from (f"- {sign}: {meaning}" for sign, meaning in LEGEND.items())


def _markdown_set(one: Evaluation, meanings: Mapping[str, str]) -> Iterator[str]:
    yield f"\n## {_md(one.name)}\n\n{_md(one.about)}\n"
    yield f"- Licence: {_md(one.licence)}"
    yield f"- Protocol {one.protocol}: {PROTOCOLS.get(one.protocol, '')}"
    yield f"- Lists of {one.k}; a grade of {one.relevant:g} and more is relevant; baseline {_md(one.baseline)}"
    if one.counts:
        yield f"- {_md(', '.join(f'{count:,} {name}' for name, count in one.counts.items()))}"
    yield from (f"- Note: {_md(note)}" for note in one.notes)
    yield from (f"- {_md(result.system)}: {_md(result.about)}" for result in one.systems if result.about)
    tables, others = _tables(one), _every_comparison(one)
    for table in [*tables, *([others] if others else [])]:
        yield f"\n### {_md(table.title)}\n"
        if table.note:
            yield f"{table.note}\n"
        yield from _grid(table)
    explained = _explained(tables, meanings)
    if explained:
        yield "\n### What the measures mean\n"
        yield from (f"- {_md(name)}: {_md(meaning)}" for name, meaning in explained.items())
    first = one.systems[0].system if one.systems else ""
    for heading, examples in ((f"Where {first} does worst", one.worst), ("What changed most", one.changed)):
        if examples:
            yield f"\n### {_md(heading)}\n"
            for example in examples[:5]:
                yield f"- {_md(example.title or example.story)}"
                for system in dict.fromkeys((first, one.baseline)):
                    shown = "; ".join(_item(*item, one.relevant) for item in example.lists.get(system, ())) or "nothing"
                    yield f"  - {_md(system)} {short(example.values.get(system, float('nan')))}: {shown}"
                if example.wanted:
                    yield f"  - wanted: {'; '.join(_item(*item, one.relevant) for item in example.wanted)}"
    yield f"\n### How far this carries\n\n{_md(carries(one))}"


def _grid(table: _Table) -> Iterator[str]:
    head = [table.first, *map(_md, table.columns)]
    rows = [[("· " if row.under else "") + _md(row.name), *map(str, row.cells)] for row in table.rows]
    widths = [max(map(cell_len, column)) for column in zip(head, *rows, strict=True)]
    for number, row in enumerate([head, ["-" * width for width in widths], *rows]):
        padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        yield f"| {' | '.join(padded)} |" if number != 1 else f"|-{'-|-'.join(padded)}-|"


def _item(article_id: str, title: str, grade: float | None, relevant: float) -> str:
    judged = "unjudged" if grade is None else f"{grade:g}{' ✓' if grade >= relevant else ''}"
    return f"{_md(title or article_id)} ({judged})"


# -- what all share ---------------------------------------------------------------------------


def _against(evaluation: Evaluation) -> dict[tuple[str, str, str], Comparison]:
    """Comparisons with the baseline by part, measure and system."""
    return {(c.part, c.measure, c.system): c for c in evaluation.comparisons if c.baseline == evaluation.baseline}


def _headline(evaluation: Evaluation) -> str:
    part, measure = evaluation.headline
    return f"{measure} {PARTS[part][1]}"


def _figure(result: SystemResult, part: Part, measure: str) -> Estimate:
    return result.figures.get(part, {}).get(measure) or Estimate(*[float("nan")] * 3)


def _judged(result: SystemResult, part: Part) -> float:
    """Share of judged items at the first cut that was measured, NaN if none was."""
    found = (one.value for measure, one in result.figures.get(part, {}).items() if measure.startswith("Judged"))
    return next(found, float("nan"))


def _names(mappings: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for mapping in mappings for name in mapping))


def _count(value: float) -> _Cell:
    return _Cell(number(value), value)


def _plus(value: float) -> str:
    text = short(value)
    return f"+{text}" if value > 0 and float(text) else text


def _p(value: float, name: str = "") -> str:
    """A p value as papers print it.

    Examples
    --------
    >>> _p(0.0104), _p(0.0104, "p"), _p(1e-9, "p"), _p(float("nan"))
    ('.010', 'p = .010', 'p < .001', '-')
    """
    sign = "<" if value < 0.001 else "="
    text = ".001" if value < 0.001 else short(value)
    return f"{name} {sign} {text}" if name else ("< " if sign == "<" else "") + text


def _clean(text: str) -> str:
    """Without control characters and those that turn the direction of what follows."""
    return _UNSEEN.sub(" ", text).strip()


def _md(text: str) -> str:
    return _MARKUP.sub(r"\\\1", _clean(text))


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Settings by dotted name, as text."""
    found: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{prefix}{name}.")
        else:
            options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
            text = value if isinstance(value, str) else orjson.dumps(value, default=_simple, option=options).decode()
            found[f"{prefix}{name}"] = text
    return found


def _simple(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    return sorted(map(str, value)) if isinstance(value, (set, frozenset)) else str(value)
