"""The commands that make published lists and a saved archive, and delete what they store."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recommender.cli.display import bars, out, print_json, print_summary
from recommender.cli.editors import JournalFile, WhoOptions
from recommender.cli.options import (
    Format,
    FormatOption,
    InputOptions,
    JsonOption,
    LinksOption,
    Lists,
    ModelOption,
    RunOptions,
    SettingsOptions,
    StoryIds,
    archive_option,
    grouped,
    guard_option,
    large_option,
    open_overlay,
    settings_option,
)
from recommender.errors import RecommenderError, SettingsError, SnapshotError
from recommender.storage.database import is_database, redacted

if TYPE_CHECKING:
    from recommender.jobs.engines.protocol import Engine


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """Where a run computes."""

    engine: Annotated[
        str, large_option(help="Where to compute: local, ray (a Ray cluster), or an engine of another package.")
    ] = "local"
    address: Annotated[
        str | None, large_option(help="HOST:PORT of the Ray cluster (default: RAY_ADDRESS, or this machine).")
    ] = None
    workers: Annotated[
        int | None, large_option(help="Number of workers on the Ray cluster (default: one per node).")
    ] = None
    work: Annotated[
        Path | None, large_option(help="Folder shared by all Ray nodes (default: .work in the --lists folder).")
    ] = None

    def make(self) -> Engine:
        """Make the engine."""
        from recommender.jobs.engines import make_engine

        if self.engine != "ray":
            return make_engine(self.engine, self.address)
        from recommender.jobs.engines.ray import RayEngine

        return RayEngine(self.address, self.workers, self.work)


@grouped
def precompute(
    articles: Annotated[
        list[str], typer.Argument(help="All stories: files or folders (JSON, CSV, Parquet, feeds ...: docs/input.md).")
    ],
    lists: Annotated[
        str,
        typer.Option(
            metavar="DIR|URL",
            help="Where to publish: a folder, a database URL such as sqlite:///lists.db, or env:NAME.",
        ),
    ],
    *,
    archive: Annotated[
        Path | None,
        archive_option(help="Also save the fitted archive here, for `refresh`, `recommend` and Python."),
    ] = None,
    format: FormatOption = Format.jsonl,
    settings: SettingsOptions,
    rules: Annotated[
        Path | None, settings_option(help="Editorial rules (.toml, .json, .csv): pins, blocks, boosts, caps ...")
    ] = None,
    k: Annotated[int | None, settings_option(help="Items of a list (default 5).")] = None,
    model: ModelOption = None,
    input: InputOptions,
    links: LinksOption = None,
    ranker: Annotated[
        str | None,
        settings_option(
            metavar="FILE", help="Ranker: a file written by `recommender learn`, 'auto' or 'none' (default: auto)."
        ),
    ] = None,
    allow_shrink: Annotated[
        bool, guard_option("--allow-shrink", help="Publish although many stories of the last version are missing.")
    ] = False,
    run: RunOptions,
    engine: EngineOptions,
) -> None:
    """Compute the list of every story and publish them as one version."""
    from recommender.jobs.precompute import precompute as run_job

    loaded = settings.load({"selection.k": k, "embedding.model": model, "ranking.ranker": ranker})
    arguments = run.arguments(lists)
    source = input.source(articles)
    with bars() as progress:
        summary = run_job(
            source,
            lists,
            archive=archive,
            settings=loaded,
            rules=rules,
            format=format.value,
            columns=input.columns,
            input_format=input.input_format,
            links=links,
            allow_shrink=allow_shrink,
            engine=engine.make(),
            progress=progress,
            **arguments,
        )
    print_summary(summary, redacted(lists), run.json)


@grouped
def refresh(
    changes: Annotated[
        list[str],
        typer.Argument(metavar="CHANGED", help="Files or folders with new stories and new versions of known ones."),
    ],
    lists: Lists,
    archive: Annotated[
        Path,
        archive_option(help="Archive saved by `precompute`; replaced by the new state."),
    ],
    *,
    format: FormatOption = Format.jsonl,
    ranker: Annotated[
        str | None,
        settings_option(
            metavar="FILE",
            help="Another ranker: a file, 'auto' or 'none'; recomputes all lists (default: the archive's).",
        ),
    ] = None,
    input: InputOptions,
    run: RunOptions,
) -> None:
    """Publish a version with new and changed stories; only the affected lists are recomputed."""
    from recommender.jobs.refresh import refresh as run_job

    source = input.source(changes)
    with bars() as progress:
        summary = run_job(
            source,
            lists,
            archive,
            format=format.value,
            columns=input.columns,
            input_format=input.input_format,
            ranker=ranker,
            progress=progress,
            **run.arguments(lists),
        )
    print_summary(summary, redacted(lists), run.json)


@grouped
def purge(
    article_ids: StoryIds,
    lists: Annotated[
        list[str],
        typer.Option("--lists", metavar="DIR|URL", help="Published lists: folder or database URL; may be repeated."),
    ] = [],  # noqa: B006
    archive: Annotated[
        list[Path],
        archive_option("--archive", help="Folder of a saved archive; may be repeated."),
    ] = [],  # noqa: B006
    resume: Annotated[
        list[Path],
        typer.Option("--resume", metavar="DIR", help="--resume folder of an interrupted run; may be repeated."),
    ] = [],  # noqa: B006
    journal: JournalFile = None,
    *,
    who: WhoOptions,
    json: JsonOption = False,
) -> None:
    """Withdraw stories and delete their stored data in every version: lists, items, texts, vectors."""
    import orjson

    from recommender.jobs.purge import purge as run
    from recommender.publishing.acts import open_journal, record_purge
    from recommender.storage.versions import folder_kind

    if not lists and not archive and not resume:
        raise SettingsError("got no place to purge, expected at least one: add --lists DIR or --archive DIR")
    # a folder of the other kind is refused before anything is deleted
    for place in lists:
        if not is_database(place) and folder_kind(place) == "snapshot":
            raise SnapshotError(f"--lists {place} holds a saved archive: name it with --archive")
    for folder in archive:
        if folder_kind(folder) == "lists":
            raise SnapshotError(f"--archive {folder} holds published lists: name it with --lists")
    unknown = _unknown_ids(article_ids, lists)
    done: dict[str, str] = {}
    journals: set[Path] = set()
    for place in (*lists, *map(str, archive), *map(str, resume)):
        kind = "lists" if is_database(place) else folder_kind(place)
        opened = open_journal(place, journal) if kind else None
        if opened is not None and opened.path not in journals:
            overlay = open_overlay(None, Path(place)) if kind == "snapshot" else open_overlay(place, None)
            record_purge(opened, overlay, article_ids, who.who, who.why)
            journals.add(opened.path)
        done[redacted(place)] = run(place, article_ids)
        if not json:
            out.print(f"{redacted(place)}: {done[redacted(place)]}", markup=False)
    if unknown:
        names = ", ".join(map(repr, unknown))
        warnings.warn(
            f"no story of the current version has the id {names}: unless an older version or an archive had it, "
            "nothing of it was there to delete; it stays withdrawn (restore ID --purged-too undoes that)",
            stacklevel=1,
        )
    if json:
        print_json(orjson.dumps(done))


def _unknown_ids(ids: list[str], lists: list[str]) -> list[str]:
    """List the ids that no current version of lists knows, which may be mistyped; none where no lists are given."""
    from recommender.publishing import PublishedLists

    try:
        readers = [PublishedLists.open(place) for place in lists]
    except RecommenderError:  # the purge tells why
        return []
    return [id for id in ids if readers and all(reader.get(id).status == "unknown" for reader in readers)]
