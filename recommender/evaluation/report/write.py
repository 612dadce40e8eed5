"""Reports of evaluations as HTML, Markdown and JSON."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
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
    figure_of,
    headline_name,
    marked_verdicts,
    reliability,
)
from recommender.evaluation.results import Evaluation
from recommender.statistics import short
from recommender.storage.atomic import check_writable, write_atomically

FORMAT = 1
MEANINGS: Mapping[str, str] = {**relevance.MEANINGS, DISTINCT: MEANING, **QUALITY, **SAFETY}
EXAMPLES = 20  # stories of each kind that a page shows
MAX_SYSTEMS = 6  # systems whose lists are shown side by side
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
# Only what Markdown would interpret: intervals and names with underscores stay readable in a terminal.
_MARKUP = re.compile(r"([\\`*|~]|(?<![^\W_])_|_(?![^\W_])|\](?=[(\[:]|$)|<(?=[A-Za-z/!?])|^[#>+=-])")


def write_report(evaluations: Sequence[Evaluation], folder: Path | str, *, settings: Mapping[str, Any]) -> list[Path]:
    """Write `report.html`, `report.md` and `report.json` to a folder, and return their paths.

    The page loads no other file. All three are made before the first is written, and each replaces its predecessor
    atomically. The same evaluations give the same bytes. The report shows `settings`, those of the evaluation.

    Raises `InputError` if there is no evaluation, and `PublishError` if nothing can be written to the folder.
    """
    if not evaluations:
        raise InputError("no evaluations were given, expected at least one; evaluate a set first")
    target = Path(folder)
    check_writable(target)
    files = {
        "report.html": to_html(evaluations, settings=settings).encode(errors="replace"),
        "report.md": to_markdown(evaluations, settings=settings).encode(errors="replace"),
        "report.json": to_json(evaluations, settings=settings),
    }
    for name, data in files.items():
        write_atomically(target / name, data)
    return [target / name for name in files]


def to_json(evaluations: Sequence[Evaluation], *, settings: Mapping[str, Any]) -> bytes:
    """Return all values as JSON, `{"format": 1, "settings": ..., "sets": [...]}`: sorted names, null for NaN."""
    document = {"format": FORMAT, "settings": settings, "sets": [evaluation.to_dict() for evaluation in evaluations]}
    options = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(document, default=_simple, option=options)


def to_html(evaluations: Sequence[Evaluation], *, settings: Mapping[str, Any]) -> str:
    """Return the report as one page, with style, plots and the script that sorts its tables inside."""
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
        sets=[_set_values(evaluation, f"set-{number}") for number, evaluation in enumerate(evaluations, 1)],
        settings=_flat(settings),
        legend=LEGEND,
        style=style,
        script=script,
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
    )


def to_markdown(evaluations: Sequence[Evaluation], *, settings: Mapping[str, Any] | None = None) -> str:
    """Return the report as Markdown that reads well in a terminal: without plots, with fewer examples."""
    return "\n".join(_markdown(evaluations, settings or {})) + "\n"


# -- HTML -------------------------------------------------------------------------------------


def _set_values(evaluation: Evaluation, key: str) -> dict[str, Any]:
    """Return the values of one set for the template; plots are (caption, remark, SVG)."""
    tables, names = tables_of(evaluation), [result.system for result in evaluation.systems]
    first, base, headline = names[0] if names else "", evaluation.baseline, headline_name(evaluation)
    shown = list(dict.fromkeys([first, base, *names]))[:MAX_SYSTEMS]
    worst = (f"Where {first} does worst", f"Least {headline}.", shown, evaluation.worst[:EXAMPLES])
    changed = (
        f"What changed most against {base}",
        f"Greatest differences in {headline}. + marks what {base} does not show.",
        shown,
        evaluation.changed[:EXAMPLES],
    )
    return {
        "evaluation": evaluation,
        "key": key,
        "headline": headline,
        "protocol": PROTOCOLS.get(evaluation.protocol, ""),
        "verdicts": marked_verdicts(evaluation),
        "alarms": alarms(evaluation),
        "tables": tables,
        "others": other_comparisons(evaluation),
        "meanings": meanings_of(tables, MEANINGS),
        "plots": _plots(evaluation, key),
        "examples": [kind for kind in (worst, changed) if kind[3]],
        "hidden": len(names) - len(shown),
        "carries": reliability(evaluation),
    }


def _plots(evaluation: Evaluation, key: str) -> list[tuple[str, str, str]]:
    from recommender.evaluation.report import plots

    part, measure = evaluation.headline
    what, base, systems = headline_name(evaluation), evaluation.baseline, evaluation.systems
    variety, speed = [], []
    for result in systems:
        figure = figure_of(result, part, measure)
        variety.append(plots.Point(result.system, result.quality.get("distance", float("nan")), figure))
        speed.append(plots.Point(result.system, result.seconds_story * 1000, figure))
    per_story = {result.system: result.per_story.get(part, {}).get(measure) for result in systems}
    base_values = per_story.pop(base, None)
    differences = {
        name: values - base_values
        for name, values in per_story.items()
        if values is not None and base_values is not None
    }
    figures = [
        (
            f"{what} against variety",
            "Bars are 95 % intervals; the hollow square is the baseline. Further right, lists are more varied.",
            plots.against(variety, base, x="distance between the items of a list", y=what, key=f"{key}-variety"),
        ),
        (
            f"{what} against speed",
            "Bars are 95 % intervals; the hollow square is the baseline. Further left is faster.",
            plots.against(speed, base, x="milliseconds a story, log scale", y=what, log=True, key=f"{key}-speed"),
        ),
        (
            f"Story by story against {base}",
            f"Each story's difference in {what}, sorted: above the line the system is better, below it {base} is.",
            plots.differences(differences, what=what, key=f"{key}-differences"),
        ),
        (
            "Age of shown items",
            "Share of items up to each age when their list was made.",
            plots.ages({result.system: result.ages_days for result in systems}, key=f"{key}-ages"),
        ),
    ]
    return [(caption, remark, svg) for caption, remark, svg in figures if svg]


# -- Markdown ---------------------------------------------------------------------------------


def _markdown(evaluations: Sequence[Evaluation], settings: Mapping[str, Any]) -> Iterator[str]:
    yield "# Evaluation\n"
    for evaluation in evaluations:
        yield from (f"- **UNSAFE** {_md(alarm)}" for alarm in alarms(evaluation))
        yield from (f"- {_md(sentence)}" for _, sentence in marked_verdicts(evaluation))
    for evaluation in evaluations:
        yield from _markdown_set(evaluation)
    if settings:
        yield "\n## How this was run\n"
        yield from (f"- {_md(name)}: {_md(value)}" for name, value in _flat(settings).items())
    yield "\n## Signs\n"
    yield from (f"- {sign}: {meaning}" for sign, meaning in LEGEND.items())


def _markdown_set(evaluation: Evaluation) -> Iterator[str]:
    yield f"\n## {_md(evaluation.name)}\n\n{_md(evaluation.about)}\n"
    yield f"- Licence: {_md(evaluation.licence)}"
    yield f"- Protocol {evaluation.protocol}: {PROTOCOLS.get(evaluation.protocol, '')}"
    grade = f"a grade of {evaluation.relevant:g} and more is relevant"
    yield f"- Lists of {evaluation.k}; {grade}; baseline {_md(evaluation.baseline)}"
    if evaluation.counts:
        yield f"- {_md(', '.join(f'{count:,} {name}' for name, count in evaluation.counts.items()))}"
    yield from (f"- Note: {_md(note)}" for note in evaluation.notes)
    yield from (f"- {_md(result.system)}: {_md(result.about)}" for result in evaluation.systems if result.about)
    yield from (
        f"- {_md(result.system)}, **{result.training}**: {TRAININGS[result.training]}"
        for result in evaluation.systems
        if result.training
    )
    tables, others = tables_of(evaluation), other_comparisons(evaluation)
    for table in [*tables, *([others] if others else [])]:
        yield f"\n### {_md(table.title)}\n"
        if table.note:
            yield f"{table.note}\n"
        yield from _grid(table)
    if meanings := meanings_of(tables, MEANINGS):
        yield "\n### What the measures mean\n"
        yield from (f"- {_md(name)}: {_md(meaning)}" for name, meaning in meanings.items())
    yield from _markdown_examples(evaluation)
    yield f"\n### How far this carries\n\n{_md(reliability(evaluation))}"


def _markdown_examples(evaluation: Evaluation) -> Iterator[str]:
    first = evaluation.systems[0].system if evaluation.systems else ""
    kinds = ((f"Where {first} does worst", evaluation.worst), ("What changed most", evaluation.changed))
    for heading, examples in kinds:
        if not examples:
            continue
        yield f"\n### {_md(heading)}\n"
        for example in examples[:5]:
            yield f"- {_md(example.title or example.story)}"
            for system in dict.fromkeys((first, evaluation.baseline)):
                items = example.lists.get(system, ())
                shown = "; ".join(_item(*item, evaluation.relevant) for item in items) or "nothing"
                yield f"  - {_md(system)} {short(example.values.get(system, float('nan')))}: {shown}"
            if example.wanted:
                yield f"  - wanted: {'; '.join(_item(*item, evaluation.relevant) for item in example.wanted)}"


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


# -- HTML and Markdown ------------------------------------------------------------------------


def _clean(text: str) -> str:
    return _UNSEEN.sub(" ", text).strip()


def _md(text: str) -> str:
    return _MARKUP.sub(r"\\\1", _clean(text))


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            texts |= _flat(value, f"{prefix}{name}.")
        else:
            options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
            text = value if isinstance(value, str) else orjson.dumps(value, default=_simple, option=options).decode()
            texts[f"{prefix}{name}"] = text
    return texts


def _simple(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    return sorted(map(str, value)) if isinstance(value, (set, frozenset)) else str(value)
