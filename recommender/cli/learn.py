"""The command that learns a newsroom's own ranker."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recommender.cli.display import bars, describe_links, out, print_json, print_table
from recommender.cli.options import (
    CacheOption,
    InputOptions,
    JsonOption,
    LinksOption,
    ModelOption,
    SettingsOptions,
    cache_of,
    grouped,
)

if TYPE_CHECKING:
    from recommender.archive.clicked import ClickReport
    from recommender.archive.learn import LearnReport

_MAX_POSITIONS = 10  # of a list, whose propensity is shown


@grouped
def learn(
    articles: Annotated[
        list[str], typer.Argument(help="All stories: files (.jsonl, .csv, .tsv, .parquet; also .gz, .zst) or folders.")
    ],
    to: Annotated[Path, typer.Option(metavar="FILE", help="Ranker file to write (.json).")],
    *,
    links: LinksOption = None,
    picks: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Items picked by editors, with the columns story and item.")
    ] = None,
    clicks: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Click log, with the columns source, shown and clicked; or MIND's behaviors.tsv."
        ),
    ] = None,
    lists: Annotated[
        str | None,
        typer.Option(metavar="DIR|URL", help="Published lists: links to items that they showed first do not count."),
    ] = None,
    settings: SettingsOptions,
    model: ModelOption = None,
    input: InputOptions,
    cache: CacheOption = None,
    seed: Annotated[int, typer.Option(help="Seed of all random draws.")] = 0,
    json: JsonOption = False,
) -> None:
    """Train a ranker on your journalists' links and your readers' clicks, and measure whether it is better.

    The file is written unless a loss is shown. Use it with `precompute --ranker FILE`.
    """
    from recommender.facade import Recommender
    from recommender.storage.atomic import check_writable

    check_writable(to.absolute().parent)
    loaded = settings.load({"embedding.model": model})
    source = input.source(articles)
    rec = Recommender(loaded, cache=cache_of(cache, lists) if lists else cache)
    with bars() as progress:
        rec.fit(source, columns=input.columns, format=input.input_format, progress=progress)
        report = rec.learn(links=links, picks=picks, clicks=clicks, lists=lists, seed=seed, progress=progress)
    if not report.worse:
        report.ranker.save(to)
    if json:
        import orjson

        values = {field.name: getattr(report, field.name) for field in fields(report) if field.name != "ranker"}
        values |= {"verdict": report.verdict, "ranker": None if report.worse else str(to)}
        print_json(orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY, default=dict))
    else:
        print_report(report, to)
    if report.worse:
        raise typer.Exit(1)


def print_report(report: LearnReport, to: Path) -> None:
    """Show what was learned, and where the ranker is."""
    links = report.links
    out.print(f"links        {describe_links(links.links, links.stories, links.unresolved)}", markup=False)
    if report.missed == report.missed:
        out.print(f"not among the candidates  {report.missed:.1%} of the linked items", markup=False)
    if report.clicks is not None:
        _print_clicks(report.clicks)
    out.print(
        f"split        {report.split}: {report.trained:,} stories to train, {report.tested:,} to test", markup=False
    )
    out.print()
    print_table(
        [
            {"order of the candidates": name, "nDCG@5": str(value)}
            for name, value in (
                ("words alone", report.words),
                (f"the ranker {report.compared}", report.present),
                ("learned", report.learned),
                ("gain of the learned one", report.gain),
            )
        ]
    )
    out.print()
    print_table([{"stories to train": f"{stories:,}", "nDCG@5": f"{value:.3f}"} for stories, value in report.curve])
    out.print()
    print_table(
        [
            {"family of features": name, "nDCG@5 lost without it": f"{value:+.3f}"}
            for name, value in sorted(report.families.items(), key=lambda family: -family[1])
        ]
    )
    out.print()
    out.print(report.verdict, markup=False)
    figures = "These figures are of a fit on the stories to train"
    if report.worse:
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
    propensities = " ".join(f"{value:.2f}" for value in places.values[:_MAX_POSITIONS])
    more = " ..." if len(places.values) > _MAX_POSITIONS else ""
    out.print(f"places       {propensities}{more} ({source})", markup=False)
