"""The command that says what an input contains, and publishes nothing."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from recommender.cli.display import COPIES, SUPERSEDED, bars, cleaned, out, print_json
from recommender.cli.options import InputOptions, JsonOption, SettingsOptions, grouped
from recommender.storage.database import redacted

if TYPE_CHECKING:
    from recommender.reading.check import Check

_MAX_UNUSED, _MAX_COLUMN = 20, 40  # columns that are named, and characters of each
_MAX_PASSAGES, _MAX_PASSAGE = 10, 90  # passages that are shown, and characters of each
_NOTES = {  # on the share of the stories that have a field
    "language": "of the others it is detected from the text",
    "source": "of the others it is the host of the URL",
    "kind": "other than 'news', which is also the default",
    "access": "other than 'free', which is also the default",
}


@grouped
def check(
    articles: Annotated[list[str], typer.Argument(help="All stories: files, folders, or a database URL.")],
    *,
    settings: SettingsOptions,
    input: InputOptions,
    json: JsonOption = False,
    rejected: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the rejected rows here.")] = None,
) -> None:
    """Report what an input contains: fields, dates, languages, what is left out and why. Publishes nothing."""
    from recommender.embedders.sentence import DEFAULT_LANGUAGES, DEFAULT_MODEL
    from recommender.reading.check import check as check_input
    from recommender.storage.atomic import write_atomically

    loaded = settings.load()
    source = input.source(articles)
    with bars() as progress:
        result, report = check_input(
            source,
            now=datetime.now(UTC),
            settings=loaded.reading,
            columns=input.columns,
            format=input.input_format,
            known_languages=DEFAULT_LANGUAGES if loaded.embedding.model == DEFAULT_MODEL else None,
            progress=progress,
        )
    if rejected is not None:
        write_atomically(rejected, report.rejected_jsonl())
    if json:
        print_json(orjson.dumps(result.to_dict()))
    else:
        _print(result, [*map(redacted, articles), *input.given(), *settings.given()])
    if not result.stories:
        raise typer.Exit(2)


def _print(result: Check, given: list[str]) -> None:
    from recommender.articles.languages import UNKNOWN

    def counts(values: dict[str, int]) -> str:
        return ", ".join(f"{name} {count:,}" for name, count in values.items()) or "none"

    dates = "none"
    if result.oldest and result.newest:
        dates = f"{result.oldest:%Y-%m-%d %H:%M} to {result.newest:%Y-%m-%d %H:%M} UTC"
        dates += f", {result.without_clock:.0%} without a clock time" if result.without_clock else ""
        if (share := result.filled["published_at"]) < 0.5:
            dates += f"; {share:.0%} of the stories carry a date, fewer than half: time does not count"
    rows = [
        ("rows", f"{result.rows:,}"),
        ("stories", f"{result.stories:,}"),
        ("rejected", f"{result.rejected:,}"),
        ("not published", f"{result.unpublished:,}"),
        ("superseded", f"{result.superseded:,} {SUPERSEDED}"),
        *(("because", f"{count:,} {reason}") for reason, count in result.reasons.items()),
        ("dates", dates),
        (
            "languages",
            counts({"not known" if name == UNKNOWN else name: count for name, count in result.languages.items()}),
        ),
        ("kinds", counts(result.kinds)),
        ("sections", counts(result.sections)),
        ("copies", f"{result.copies:,} {COPIES}"),
        ("links", f"{result.links:,} between stories, {result.unresolved_links:,} lead to none"),
        (
            "boilerplate",
            f"{len(result.boilerplate):,} sentences or paragraphs recur, and {result.by_form:,} stories hold bylines, "
            "credits or headlines of others: all this is left out where stories are compared"
            if result.boilerplate or result.by_form
            else "none",
        ),
        *(
            ("", f"{passage.stories:,} × {passage.text[:_MAX_PASSAGE]}")
            for passage in result.boilerplate[:_MAX_PASSAGES]
        ),
        *([("not read", _describe_unused(result.unused))] if result.unused else []),
        *(("note", line) for line in result.findings),
    ]
    for name, text in rows:
        out.print(cleaned(f"{name:>14}  {text}"), markup=False)
    out.print()
    if not result.stories:
        for line in _next_steps(result, given):
            out.print(cleaned(line), markup=False, soft_wrap=True)
        return
    for name, share in result.filled.items():
        note = f"  ({_NOTES[name]})" if name in _NOTES and share < 1 else ""
        out.print(cleaned(f"{name:>14}  {share:>5.0%}  {'█' * round(30 * share)}{note}"), markup=False)


def _describe_unused(columns: tuple[str, ...]) -> str:
    more = f" and {len(columns) - _MAX_UNUSED:,} more" if len(columns) > _MAX_UNUSED else ""
    names = ", ".join(column[:_MAX_COLUMN] for column in columns[:_MAX_UNUSED])
    return f"the column{'s' * (len(columns) > 1)} {names}{more}; --column FIELD=COLUMN reads one"


def _next_steps(result: Check, given: list[str]) -> list[str]:
    """Describe what to do where no row is a story: the command to copy, if only the column of ids is not known."""
    from recommender.reading.fields import NAME_ID

    reason = next((reason for reason in result.reasons if reason.startswith("missing id")), None)
    if reason is None:
        return ["no story was read: `because` gives the reasons"]
    mapping = reason.partition(f"{NAME_ID} ")[2] or "id=COLUMN"
    return [
        "no story was read: no column is known as the id. Name it and check again:",
        f"recommender check {shlex.join(given)} --column {mapping}",
    ]
