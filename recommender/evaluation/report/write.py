"""Evaluations -> a report to read (HTML, Markdown) and to compute with (JSON)."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.cells import cell_len

from recommender.errors import InputError
from recommender.evaluation.measures import relevance
from recommender.evaluation.measures.distinct import DISTINCT, MEANING
from recommender.evaluation.measures.quality import QUALITY
from recommender.evaluation.measures.safety import SAFETY
from recommender.evaluation.report.tables import Table, meanings_of, other_comparisons, tables_of
from recommender.evaluation.report.wording import (
    LEGEND,
    MARKS,
    PROTOCOLS,
    TRAININGS,
    alarms,
    carries,
    figure_of,
    headline_name,
    marked_verdicts,
)
from recommender.evaluation.results import Evaluation, Example
from recommender.statistics import short
from recommender.storage.atomic import check_writable, write_atomically

FORMAT = 1
MEANINGS: Mapping[str, str] = {**relevance.MEANINGS, DISTINCT: MEANING, **QUALITY, **SAFETY}
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
        "report.html": to_html(evaluations, settings=settings).encode(errors="replace"),
        "report.md": to_markdown(evaluations, settings=settings).encode(errors="replace"),
        "report.json": to_json(evaluations, settings=settings),
    }
    for name, data in made.items():
        write_atomically(target / name, data)
    return [target / name for name in made]


def to_json(evaluations: Sequence[Evaluation], *, settings: Mapping[str, Any]) -> bytes:
    """Write all values as JSON, `{"format": 1, "settings": ..., "sets": [...]}`: sorted names, null for NaN."""
    document = {"format": FORMAT, "settings": settings, "sets": [one.to_dict() for one in evaluations]}
    options = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(document, default=_simple, option=options)


def to_html(evaluations: Sequence[Evaluation], *, settings: Mapping[str, Any]) -> str:
    """Write the report as one page: style, plots and the script that sorts its tables inside."""
    here = Path(__file__).parent / "templates"
    style, script = ((here / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    env = Environment(
        loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    env.filters["mark"] = MARKS.__getitem__
    env.filters["clean"] = _clean
    env.globals["short"] = short
    env.globals["trainings"] = TRAININGS
    return env.get_template("report.html").render(
        sets=[_Page.of(one, number) for number, one in enumerate(evaluations, 1)],
        settings=_flat(settings),
        legend=LEGEND,
        style=style,
        script=script,
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
    )


def to_markdown(evaluations: Sequence[Evaluation], *, settings: Mapping[str, Any] | None = None) -> str:
    """Write the report in Markdown that reads well in a terminal: no plots, examples shortened."""
    return "\n".join(_markdown(evaluations, settings or {})) + "\n"


# -- HTML -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """What the template needs of one set."""

    evaluation: Evaluation
    key: str
    headline: str
    protocol: str
    verdicts: list[tuple[str, str]]
    alarms: list[str]
    tables: list[Table]
    others: Table | None
    meanings: dict[str, str]
    plots: list[tuple[str, str, str]]
    """Caption, remark, SVG."""
    examples: list[tuple[str, str, list[str], Sequence[Example]]]
    """Heading, remark, systems, stories."""
    hidden: int
    """Systems whose lists the examples leave out."""
    carries: str

    @classmethod
    def of(cls, evaluation: Evaluation, number: int) -> _Page:
        tables, key = tables_of(evaluation), f"set-{number}"
        names = [result.system for result in evaluation.systems]
        first, base, headline = names[0] if names else "", evaluation.baseline, headline_name(evaluation)
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
            evaluation=evaluation,
            key=key,
            headline=headline,
            protocol=PROTOCOLS.get(evaluation.protocol, ""),
            verdicts=marked_verdicts(evaluation),
            alarms=alarms(evaluation),
            tables=tables,
            others=other_comparisons(evaluation),
            meanings=meanings_of(tables, MEANINGS),
            plots=_plots(evaluation, key),
            examples=[one for one in examples if one[3]],
            hidden=len(names) - len(beside),
            carries=carries(evaluation),
        )


def _plots(evaluation: Evaluation, key: str) -> list[tuple[str, str, str]]:
    from recommender.evaluation.report import plots

    part, measure = evaluation.headline
    what, base = headline_name(evaluation), evaluation.baseline
    told = {result.system: (result, figure_of(result, part, measure)) for result in evaluation.systems}
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
    ]
    return [(caption, remark, svg) for caption, remark, svg in found if svg]


# -- Markdown ---------------------------------------------------------------------------------


def _markdown(evaluations: Sequence[Evaluation], settings: Mapping[str, Any]) -> Iterator[str]:
    yield "# Evaluation\n"
    for one in evaluations:
        yield from (f"- **UNSAFE** {_md(alarm)}" for alarm in alarms(one))
        yield from (f"- {_md(sentence)}" for _, sentence in marked_verdicts(one))
    for one in evaluations:
        yield from _markdown_set(one)
    if settings:
        yield "\n## How this was run\n"
        yield from (f"- {_md(name)}: {_md(value)}" for name, value in _flat(settings).items())
    yield "\n## Signs\n"
    yield from (f"- {sign}: {meaning}" for sign, meaning in LEGEND.items())


def _markdown_set(one: Evaluation) -> Iterator[str]:
    yield f"\n## {_md(one.name)}\n\n{_md(one.about)}\n"
    yield f"- Licence: {_md(one.licence)}"
    yield f"- Protocol {one.protocol}: {PROTOCOLS.get(one.protocol, '')}"
    yield f"- Lists of {one.k}; a grade of {one.relevant:g} and more is relevant; baseline {_md(one.baseline)}"
    if one.counts:
        yield f"- {_md(', '.join(f'{count:,} {name}' for name, count in one.counts.items()))}"
    yield from (f"- Note: {_md(note)}" for note in one.notes)
    yield from (f"- {_md(result.system)}: {_md(result.about)}" for result in one.systems if result.about)
    yield from (
        f"- {_md(result.system)}, **{result.training}**: {TRAININGS[result.training]}"
        for result in one.systems
        if result.training
    )
    tables, others = tables_of(one), other_comparisons(one)
    for table in [*tables, *([others] if others else [])]:
        yield f"\n### {_md(table.title)}\n"
        if table.note:
            yield f"{table.note}\n"
        yield from _grid(table)
    explained = meanings_of(tables, MEANINGS)
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


def _grid(table: Table) -> Iterator[str]:
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


def _clean(text: str) -> str:
    """Drop control characters and those that turn the direction of what follows."""
    return _UNSEEN.sub(" ", text).strip()


def _md(text: str) -> str:
    return _MARKUP.sub(r"\\\1", _clean(text))


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """List settings by dotted name, as text."""
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
