"""The commands that make published lists and a saved archive, and delete what they store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recommender.cli.display import bars, out, print_json, print_summary
from recommender.cli.options import (
    GUARDS,
    LARGE,
    SETTINGS,
    AllowWorseOption,
    AsOfOption,
    CacheOption,
    ColumnOption,
    DryRunOption,
    Format,
    FormatOption,
    InputFormatOption,
    JsonOption,
    LinksOption,
    Lists,
    ModelOption,
    QueryOption,
    RejectedOption,
    ResumeOption,
    SetOption,
    SettingsOption,
    StoryIds,
    StrictOption,
    cache_of,
    folder_of,
    moment_of,
    pairs_of,
    settings_of,
    source_of,
)
from recommender.errors import SettingsError, SnapshotError
from recommender.storage.database import is_database, redacted

if TYPE_CHECKING:
    from recommender.jobs.engines.protocol import Engine


def precompute(
    articles: Annotated[
        list[str],
        typer.Argument(help="All stories: files or folders (JSON, CSV, Parquet, feeds ...: docs/input.md)."),
    ],
    lists: Annotated[
        str,
        typer.Option(
            metavar="DIR|URL",
            help="Where to publish: a folder, a database URL such as sqlite:///lists.db, or env:NAME.",
        ),
    ],
    archive: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=folder_of,
            help="Also save the fitted archive here, for `refresh`, `recommend` and Python.",
        ),
    ] = None,
    format: FormatOption = Format.jsonl,
    settings_file: SettingsOption = None,
    set_: SetOption = [],  # noqa: B006
    rules: Annotated[
        Path | None,
        typer.Option(
            help="Editorial rules (.toml, .json, .csv): pins, blocks, boosts, caps ...", rich_help_panel=SETTINGS
        ),
    ] = None,
    k: Annotated[int | None, typer.Option(help="Items of a list (default 5).", rich_help_panel=SETTINGS)] = None,
    model: ModelOption = None,
    query: QueryOption = None,
    column: ColumnOption = [],  # noqa: B006
    input_format: InputFormatOption = None,
    links: LinksOption = None,
    ranker: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Ranker: a file written by `recommender learn`, 'auto' or 'none' (default: auto).",
            rich_help_panel=SETTINGS,
        ),
    ] = None,
    as_of: AsOfOption = None,
    strict: StrictOption = False,
    allow_shrink: Annotated[
        bool,
        typer.Option(
            "--allow-shrink",
            help="Publish although many stories of the last version are missing.",
            rich_help_panel=GUARDS,
        ),
    ] = False,
    allow_worse: AllowWorseOption = False,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
    cache: CacheOption = None,
    rejected: RejectedOption = None,
    resume: ResumeOption = None,
    engine: Annotated[
        str,
        typer.Option(
            help="Where to compute: local, ray (a Ray cluster), or an engine of another package.",
            rich_help_panel=LARGE,
        ),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="HOST:PORT of the Ray cluster (default: RAY_ADDRESS, or this machine).", rich_help_panel=LARGE
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Number of workers on the Ray cluster (default: one per node).", rich_help_panel=LARGE),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(
            help="Folder shared by all Ray nodes (default: .work in the --lists folder).", rich_help_panel=LARGE
        ),
    ] = None,
) -> None:
    """Compute the list of every story and publish them as one version."""
    source = source_of(articles, query)
    from recommender.jobs.precompute import precompute as run

    named = {"selection.k": k, "embedding.model": model, "ranking.ranker": ranker}
    settings = settings_of(settings_file, set_, named)
    moment = moment_of(as_of)
    with bars() as progress:
        summary = run(
            source,
            lists,
            archive=archive,
            settings=settings,
            rules=rules,
            format=format.value,
            columns=dict(pairs_of(column, "--column")),
            input_format=input_format,
            links=links,
            strict=strict,
            allow_shrink=allow_shrink,
            allow_worse=allow_worse,
            dry_run=dry_run,
            as_of=moment,
            cache=cache_of(cache, lists),
            rejected=rejected,
            resume=resume,
            engine=_engine(engine, address, workers, work),
            progress=progress,
        )
    print_summary(summary, redacted(lists), json)


def _engine(name: str, address: str | None, workers: int | None, work: Path | None) -> Engine:
    from recommender.jobs.engines import make_engine

    if name != "ray":
        return make_engine(name, address)
    from recommender.jobs.engines.ray import RayEngine

    return RayEngine(address, workers, work)


def refresh(
    changes: Annotated[
        list[str],
        typer.Argument(metavar="CHANGED", help="Files or folders with new stories and new versions of known ones."),
    ],
    lists: Lists,
    archive: Annotated[
        Path,
        typer.Option(metavar="DIR", parser=folder_of, help="Archive saved by `precompute`; replaced by the new state."),
    ],
    format: FormatOption = Format.jsonl,
    ranker: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Another ranker: a file, 'auto' or 'none'; recomputes all lists (default: the archive's).",
            rich_help_panel=SETTINGS,
        ),
    ] = None,
    query: QueryOption = None,
    column: ColumnOption = [],  # noqa: B006
    input_format: InputFormatOption = None,
    as_of: AsOfOption = None,
    strict: StrictOption = False,
    allow_worse: AllowWorseOption = False,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
    cache: CacheOption = None,
    rejected: RejectedOption = None,
    resume: ResumeOption = None,
) -> None:
    """Publish a version with new and changed stories; only the affected lists are recomputed."""
    source = source_of(changes, query)
    from recommender.jobs.refresh import refresh as run

    with bars() as progress:
        summary = run(
            source,
            lists,
            archive,
            format=format.value,
            columns=dict(pairs_of(column, "--column")),
            input_format=input_format,
            strict=strict,
            allow_worse=allow_worse,
            dry_run=dry_run,
            as_of=moment_of(as_of),
            cache=cache_of(cache, lists),
            rejected=rejected,
            resume=resume,
            ranker=ranker,
            progress=progress,
        )
    print_summary(summary, redacted(lists), json)


def purge(
    article_ids: StoryIds,
    lists: Annotated[
        list[str],
        typer.Option("--lists", metavar="DIR|URL", help="Published lists: folder or database URL; may be repeated."),
    ] = [],  # noqa: B006
    archive: Annotated[
        list[Path],
        typer.Option("--archive", metavar="DIR", parser=folder_of, help="Folder of a saved archive; may be repeated."),
    ] = [],  # noqa: B006
    resume: Annotated[
        list[Path],
        typer.Option("--resume", metavar="DIR", help="--resume folder of an interrupted run; may be repeated."),
    ] = [],  # noqa: B006
    json: JsonOption = False,
) -> None:
    """Withdraw stories and delete their stored data in every version: lists, items, texts, vectors."""
    import orjson

    from recommender.jobs.purge import purge as run
    from recommender.storage.versions import folder_kind

    if not lists and not archive and not resume:
        raise SettingsError("got no place to purge, expected at least one: add --lists DIR or --archive DIR")
    # a folder of the other kind is found out before anything is deleted
    for place in lists:
        if not is_database(place) and folder_kind(place) == "snapshot":
            raise SnapshotError(f"--lists {place} holds a saved archive: name it with --archive")
    for folder in archive:
        if folder_kind(folder) == "lists":
            raise SnapshotError(f"--archive {folder} holds published lists: name it with --lists")
    done = {}
    for named in (*lists, *map(str, archive), *map(str, resume)):
        done[redacted(named)] = run(named, article_ids)
        if not json:
            out.print(f"{redacted(named)}: {done[redacted(named)]}", markup=False)
    if json:
        print_json(orjson.dumps(done))
