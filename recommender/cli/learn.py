"""The command that learns a newsroom's own ranker."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recommender.cli.display import bars, out, print_json, print_table, told_links
from recommender.cli.options import (
    CacheOption,
    ColumnOption,
    InputFormatOption,
    JsonOption,
    LinksOption,
    ModelOption,
    QueryOption,
    SetOption,
    SettingsOption,
    cache_of,
    pairs_of,
    settings_of,
    source_of,
)

if TYPE_CHECKING:
    from recommender.archive.clicked import ClickReport
    from recommender.archive.learn import LearnReport

_PLACES = 10  # of a list, whose propensity is told


def learn(
    articles: Annotated[
        list[str],
        typer.Argument(help="All stories: files (.jsonl, .csv, .tsv, .parquet; also .gz, .zst) or folders."),
    ],
    to: Annotated[Path, typer.Option(metavar="FILE", help="Ranker file to write (.json).")],
    links: LinksOption = None,
    picks: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Items picked by editors, with the columns story and item."),
    ] = None,
    clicks: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Click log, with the columns source, shown and clicked; or MIND's behaviors.tsv.",
        ),
    ] = None,
    lists: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|URL",
            help="Published lists: links to items that they showed first do not count.",
        ),
    ] = None,
    settings_file: SettingsOption = None,
    set_: SetOption = [],  # noqa: B006
    model: ModelOption = None,
    query: QueryOption = None,
    column: ColumnOption = [],  # noqa: B006
    input_format: InputFormatOption = None,
    cache: CacheOption = None,
    seed: Annotated[int, typer.Option(help="Seed of all random draws.")] = 0,
    json: JsonOption = False,
) -> None:
    """Train a ranker on your journalists' links and your readers' clicks, and measure whether it is better.

    The file is written unless a loss is shown. Use it with `precompute --ranker FILE`.
    """
    source = source_of(articles, query)
    from recommender.facade import Recommender
    from recommender.storage.atomic import check_writable

    check_writable(to.absolute().parent)
    settings = settings_of(settings_file, set_, {"embedding.model": model})
    rec = Recommender(settings, cache=cache_of(cache, lists) if lists else cache)
    with bars() as progress:
        columns = dict(pairs_of(column, "--column"))
        rec.fit(source, columns=columns, format=input_format, progress=progress)
        found = rec.learn(links=links, picks=picks, clicks=clicks, lists=lists, seed=seed, progress=progress)
    if not found.worse:
        found.ranker.save(to)
    if json:
        import orjson

        told = {field.name: getattr(found, field.name) for field in fields(found) if field.name != "ranker"}
        told |= {"verdict": found.verdict, "ranker": None if found.worse else str(to)}
        print_json(orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY, default=dict))
    else:
        print_report(found, to)
    if found.worse:
        raise typer.Exit(1)


def print_report(found: LearnReport, to: Path) -> None:
    """Show what was learned, and where the ranker is."""
    told = found.links
    out.print(f"links        {told_links(told.links, told.stories, told.unresolved)}", markup=False)
    if found.missed == found.missed:
        out.print(f"not among the candidates  {found.missed:.1%} of the linked items", markup=False)
    if found.clicks is not None:
        _print_clicks(found.clicks)
    out.print(f"split        {found.split}: {found.trained:,} stories to train, {found.tested:,} to test", markup=False)
    out.print()
    print_table(
        [
            {"order of the candidates": name, "nDCG@5": str(value)}
            for name, value in (
                ("words alone", found.words),
                ("the ranker at hand", found.present),
                ("learned", found.learned),
                ("gain over the one at hand", found.gain),
            )
        ]
    )
    out.print()
    print_table([{"stories to train": f"{stories:,}", "nDCG@5": f"{value:.3f}"} for stories, value in found.curve])
    out.print()
    print_table(
        [
            {"family of features": name, "nDCG@5 lost without it": f"{value:+.3f}"}
            for name, value in sorted(found.families.items(), key=lambda one: -one[1])
        ]
    )
    out.print()
    out.print(found.verdict, markup=False)
    figures = "These figures are of a fit on the stories to train"
    if found.worse:
        out.print(f"{figures}. No ranker was written: {to} is as it was.", markup=False)
    else:
        out.print(f"{figures}; the ranker itself was then fitted on all.", markup=False)
        out.print(f"ranker: {to}", markup=False)


def _print_clicks(clicks: ClickReport) -> None:
    places = clicks.places
    used = f"{clicks.used:,} of {clicks.lists:,} lists used, {clicks.rejected:,} rows rejected"
    out.print(f"clicks       {clicks.clicks:,} under {clicks.stories:,} stories; {used}", markup=False)
    source = (
        "assumed, one over the place: no item was shown at several places often enough"
        if places.assumed
        else f"estimated from {places.pairs:,} items shown at several places"
    )
    told = " ".join(f"{one:.2f}" for one in places.values[:_PLACES])
    more = " ..." if len(places.values) > _PLACES else ""
    out.print(f"places       {told}{more} ({source})", markup=False)
