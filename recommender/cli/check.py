"""The command that says what an input holds, and publishes nothing."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from recommender.cli.display import COPIES, SUPERSEDED, bars, cleaned, out, print_json
from recommender.cli.options import (
    ColumnOption,
    InputFormatOption,
    JsonOption,
    QueryOption,
    SetOption,
    SettingsOption,
    pairs_of,
    settings_of,
    source_of,
)

if TYPE_CHECKING:
    from recommender.reading.check import Check

_PASSAGES, _PASSAGE = 10, 90  # passages that are shown, and characters of each
_NOTES = {  # on the share of the stories that have a field
    "language": "of the others the texts tell it",
    "source": "of the others it is the host of the URL",
    "kind": "other than 'news', which also stands where none is given",
    "access": "other than 'free', which also stands where none is given",
}


def check(
    articles: Annotated[list[str], typer.Argument(help="All stories: files, folders, or a database URL.")],
    settings_file: SettingsOption = None,
    set_: SetOption = [],  # noqa: B006
    query: QueryOption = None,
    column: ColumnOption = [],  # noqa: B006
    input_format: InputFormatOption = None,
    json: JsonOption = False,
    rejected: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the rejected rows here.")] = None,
) -> None:
    """Report what an input contains: fields, dates, languages, what is left out and why. Publishes nothing."""
    source = source_of(articles, query)
    from recommender.reading.check import check as run
    from recommender.storage.atomic import write_atomically

    settings = settings_of(settings_file, set_)
    with bars() as progress:
        found, report = run(
            source,
            now=datetime.now(UTC),
            settings=settings.reading,
            columns=dict(pairs_of(column, "--column")),
            format=input_format,
            progress=progress,
        )
    if rejected is not None:
        write_atomically(rejected, report.rejected_jsonl())
    if json:
        print_json(orjson.dumps(found.to_dict()))
    else:
        _print(found, articles)
    if not found.stories:
        raise typer.Exit(2)


def _print(found: Check, articles: list[str]) -> None:
    from recommender.articles.languages import UNKNOWN

    def counts(values: dict[str, int]) -> str:
        return ", ".join(f"{name} {count:,}" for name, count in values.items()) or "none"

    dates = "none"
    if found.oldest and found.newest:
        dates = f"{found.oldest:%Y-%m-%d %H:%M} to {found.newest:%Y-%m-%d %H:%M} UTC"
        dates += f", {found.without_clock:.0%} without a clock time" if found.without_clock else ""
        if (share := found.filled["published_at"]) < 0.5:
            dates += f"; {share:.0%} of the stories carry a date, fewer than half: time does not count"
    rows = [
        ("rows", f"{found.rows:,}"),
        ("stories", f"{found.stories:,}"),
        ("rejected", f"{found.rejected:,}"),
        ("not published", f"{found.unpublished:,}"),
        ("superseded", f"{found.superseded:,} {SUPERSEDED}"),
        *(("because", f"{count:,} {reason}") for reason, count in found.reasons.items()),
        ("dates", dates),
        (
            "languages",
            counts({"not known" if name == UNKNOWN else name: count for name, count in found.languages.items()}),
        ),
        ("kinds", counts(found.kinds)),
        ("sections", counts(found.sections)),
        ("copies", f"{found.copies:,} {COPIES}"),
        ("links", f"{found.links:,} between stories, {found.unresolved_links:,} lead to none"),
        ("boilerplate", f"{len(found.boilerplate):,} passages recur; {found.by_form:,} stories lose more by its form"),
        *(("", f"{one.stories:,} × {one.text[:_PASSAGE]}") for one in found.boilerplate[:_PASSAGES]),
        *(("note", line) for line in found.findings),
    ]
    for name, text in rows:
        out.print(cleaned(f"{name:>14}  {text}"), markup=False)
    out.print()
    if not found.stories:
        for line in _next_step(found, articles):
            out.print(cleaned(line), markup=False, soft_wrap=True)
        return
    for name, share in found.filled.items():
        note = f"  ({_NOTES[name]})" if name in _NOTES and share < 1 else ""
        out.print(cleaned(f"{name:>14}  {share:>5.0%}  {'█' * round(30 * share)}{note}"), markup=False)


def _next_step(found: Check, articles: list[str]) -> list[str]:
    """Say what to do where no row is a story: the command to copy, if only the column of ids is not known."""
    from recommender.reading.fields import NAME_ID

    reason = next((reason for reason in found.reasons if reason.startswith("missing id")), None)
    if reason is None:
        return ["no story came in: `because` says why"]
    mapping = reason.partition(f"{NAME_ID} ")[2] or "id=COLUMN"
    return [
        "no story came in: no column is known as the id. Name it and check again:",
        f"recommender check {shlex.join(articles)} --column {mapping}",
    ]
