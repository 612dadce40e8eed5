"""The command line: thin, and the only place that prints."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recommender.cli import evaluation
from recommender.cli.display import bars, cleaned, err, out, print_json, print_list, print_summary, told_links
from recommender.errors import RecommenderError, SettingsError
from recommender.storage.database import SqlQuery, is_database, shown
from recommender.version import __version__

if TYPE_CHECKING:
    from recommender.lists.readnext import ReadNext

app = typer.Typer(
    help="Give every story of a news archive its ranked Read next list.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
)


class Format(StrEnum):
    """Formats of published lists."""

    jsonl = "jsonl"
    parquet = "parquet"
    sql = "sql"


class EngineName(StrEnum):
    """Where lists are computed."""

    local = "local"
    ray = "ray"


FormatOption = Annotated[Format, typer.Option(help="How lists are stored in a folder.")]
ColumnOption = Annotated[
    list[str],
    typer.Option(metavar="FIELD=COLUMN", help="Feed a field from a column, such as title=headline; may be repeated."),
]
AsOfOption = Annotated[
    str | None, typer.Option(help="Moment that the lists are for (default: the newest story's time).")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Stop at the first bad row instead of rejecting it.")]
CacheOption = Annotated[
    Path | None, typer.Option(help="Vector cache file (default: cache/vectors.sqlite in the output folder).")
]
ResumeOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder that finished shards are kept in until the run is done (default: .resume in the output folder; "
        "for a database in the --snapshot folder, else none)."
    ),
]


QueryOption = Annotated[
    str | None,
    typer.Option(help="Table, or SELECT, that stories are read by; ARTICLES is then a database URL, or env:NAME."),
]


def main() -> None:
    """Run the command line: one clear line and exit status 2 for every expected error."""
    warnings.showwarning = lambda message, *_, **__: err.print(cleaned(f"warning: {message}"), markup=False)
    try:
        app()
    except (RecommenderError, OSError) as error:  # a full disk is no reason for a traceback
        err.print(cleaned(f"error: {error}"), markup=False)
        sys.exit(2)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"recommender {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Give every story of a news archive its ranked Read next list."""


@app.command()
def precompute(
    articles: Annotated[
        list[str],
        typer.Argument(help="Files (.jsonl, .csv, .tsv, .parquet; also .gz, .zst) or folders: the whole archive."),
    ],
    output: Annotated[
        str, typer.Option("--out", help="Folder, or database URL such as sqlite:///lists.db, to publish to.")
    ],
    format: FormatOption = Format.jsonl,
    settings_file: Annotated[Path | None, typer.Option("--settings", help="TOML file with settings.")] = None,
    set_: Annotated[
        list[str],
        typer.Option("--set", metavar="STAGE.NAME=VALUE", help="One setting, such as selection.k=4; may be repeated."),
    ] = [],  # noqa: B006
    rules: Annotated[
        Path | None, typer.Option(help="Editorial rules (.toml, .json, .csv): pins, blocks, boosts, caps ...")
    ] = None,
    k: Annotated[int | None, typer.Option(help="Items of a list (default 5).")] = None,
    model: Annotated[
        str | None, typer.Option(help="sentence-transformers name or path, or 'tfidf' for no model at all.")
    ] = None,
    query: QueryOption = None,
    column: ColumnOption = [],  # noqa: B006
    links: Annotated[
        Path | None, typer.Option(help="File of further links between stories, with the columns story and item.")
    ] = None,
    as_of: AsOfOption = None,
    strict: StrictOption = False,
    allow_shrink: Annotated[
        bool, typer.Option("--allow-shrink", help="Publish although many stories of the last version are missing.")
    ] = False,
    cache: CacheOption = None,
    snapshot: Annotated[
        Path | None, typer.Option(help="Also save the fitted archive to this folder, for `recommend` and Python.")
    ] = None,
    rejected: Annotated[
        Path | None, typer.Option(help="File of rejected rows (default: rejected.jsonl in the output folder).")
    ] = None,
    resume: ResumeOption = None,
    engine: Annotated[EngineName, typer.Option(help="Compute here, or on a Ray cluster.")] = EngineName.local,
    address: Annotated[
        str | None, typer.Option(help="HOST:PORT of the Ray cluster (default: RAY_ADDRESS, or this machine).")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Workers on the Ray cluster (default: one a node).")] = None,
    work: Annotated[
        Path | None, typer.Option(help="Folder that all Ray nodes share (default: .work in the output folder).")
    ] = None,
) -> None:
    """Compute the list of every story and publish them as one version."""
    from recommender.jobs.engines.ray import RayEngine
    from recommender.jobs.precompute import precompute as run
    from recommender.settings import Settings

    settings = Settings.from_toml(settings_file) if settings_file else Settings()
    overrides: dict[str, Any] = {name: _value(text) for name, text in _pairs(set_, "--set")}
    overrides |= {name: value for name, value in (("selection.k", k), ("embedding.model", model)) if value is not None}
    settings = settings.override(overrides)
    moment = _moment(as_of)
    if cache is None and not is_database(output):
        cache = Path(output) / "cache" / "vectors.sqlite"
    with bars() as progress:
        summary = run(
            _source(articles, query),
            output,
            settings=settings,
            rules=rules,
            format=format.value,
            columns=dict(_pairs(column, "--column")),
            links=links,
            strict=strict,
            allow_shrink=allow_shrink,
            as_of=moment,
            cache=cache,
            snapshot=snapshot,
            rejected=rejected,
            resume=resume,
            engine=RayEngine(address, workers, work) if engine == EngineName.ray else "local",
            progress=progress,
        )
    print_summary(summary, shown(output))


@app.command()
def refresh(
    changes: Annotated[
        list[str], typer.Argument(help="Files or folders with new stories and new versions of known ones.")
    ],
    output: Annotated[str, typer.Option("--out", help="Folder or database URL of the published lists.")],
    snapshot: Annotated[Path, typer.Option(help="Folder that precompute saved; it is replaced by the new state.")],
    format: FormatOption = Format.jsonl,
    query: QueryOption = None,
    column: ColumnOption = [],  # noqa: B006
    as_of: AsOfOption = None,
    strict: StrictOption = False,
    cache: CacheOption = None,
    resume: ResumeOption = None,
) -> None:
    """Publish a version with new and changed stories: only the lists that they touch are made again."""
    from recommender.jobs.refresh import refresh as run

    if cache is None and not is_database(output):
        cache = Path(output) / "cache" / "vectors.sqlite"
    with bars() as progress:
        summary = run(
            _source(changes, query),
            output,
            snapshot,
            format=format.value,
            columns=dict(_pairs(column, "--column")),
            strict=strict,
            as_of=_moment(as_of),
            cache=cache,
            resume=resume,
            progress=progress,
        )
    print_summary(summary, shown(output))


@app.command()
def recommend(
    article_ids: Annotated[list[str], typer.Argument(help="Ids of the stories.")],
    place: Annotated[
        str, typer.Option("--from", help="Folder or database URL with published lists, or a snapshot folder.")
    ],
    k: Annotated[int | None, typer.Option(help="Items of a list; more than were published needs a snapshot.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, one list a line.")] = False,
) -> None:
    """Show the Read next list of stories, as a reader sees it or as JSON."""
    import orjson

    from recommender.storage.versions import kind_of

    found: list[ReadNext] = []
    if not is_database(place) and kind_of(place) == "snapshot":
        from recommender.facade import Recommender

        rec = Recommender.load(place)
        found = rec.recommend_many(article_ids, k=k)
    else:
        from recommender.publishing import PublishedLists

        lists = PublishedLists.open(place)
        found = [lists.get(article_id) for article_id in article_ids]
        for one in found:
            if one.status == "unknown":
                raise RecommenderError(f"no article with id {one.article_id!r} in {shown(place)}")
    for one in found:
        if json:
            print_json(orjson.dumps(asdict(one), option=orjson.OPT_UTC_Z))
        else:
            print_list(one, k)


@app.command()
def preview(
    place: Annotated[str, typer.Argument(help="Published lists: folder or database URL.", metavar="PUBLISHED")],
    output: Annotated[
        Path, typer.Option("--out", help="Folder of the site: new, empty, or that of an earlier preview.")
    ],
    snapshot: Annotated[
        Path | None, typer.Option(help="Fitted archive of the same run: also tell which candidates were rejected.")
    ] = None,
    ids: Annotated[
        list[str],
        typer.Option("--id", metavar="ID", help="Story whose rejected candidates are told; may be repeated."),
    ] = [],  # noqa: B006
    sample: Annotated[int, typer.Option(min=0, help="How many stories are drawn for that without --id.")] = 20,
) -> None:
    """Write a static site to look at published lists, as a reader and as an editor."""
    from recommender.preview import write_preview
    from recommender.publishing import PublishedLists

    lists = PublishedLists.open(place)
    with bars() as progress:
        pages = write_preview(lists, output, snapshot=snapshot, ids=ids, sample=sample, progress=progress)
    out.print(f"wrote {pages:,} pages; open {output / 'index.html'}", markup=False)


@app.command()
def withdraw(
    article_ids: Annotated[list[str], typer.Argument(help="Ids of the stories.")],
    place: Annotated[str, typer.Option("--from", help="Published lists (folder or URL), or a snapshot folder.")],
) -> None:
    """Take stories out of every list, at once, in every version, until `restore`."""
    out.print(f"withdrawn: {_tombstones(place).record('withdraw', article_ids)}")


@app.command()
def restore(
    article_ids: Annotated[list[str], typer.Argument(help="Ids of the stories.")],
    place: Annotated[str, typer.Option("--from", help="Published lists (folder or URL), or a snapshot folder.")],
) -> None:
    """Undo `withdraw`."""
    out.print(f"restored: {_tombstones(place).record('restore', article_ids)}")


@app.command()
def withhold(
    article_ids: Annotated[list[str], typer.Argument(help="Ids of the stories.")],
    place: Annotated[str, typer.Option("--from", help="Published lists (folder or URL), or a snapshot folder.")],
) -> None:
    """Show no list under stories, at once, until `release`; they may stand in other lists."""
    out.print(f"withheld: {_tombstones(place).record('withhold', article_ids)}")


@app.command()
def release(
    article_ids: Annotated[list[str], typer.Argument(help="Ids of the stories.")],
    place: Annotated[str, typer.Option("--from", help="Published lists (folder or URL), or a snapshot folder.")],
) -> None:
    """Undo `withhold`."""
    out.print(f"released: {_tombstones(place).record('release', article_ids)}")


@app.command()
def block(
    items: Annotated[list[str], typer.Argument(help="Ids of the items.")],
    place: Annotated[str, typer.Option("--from", help="Published lists (folder or URL), or a snapshot folder.")],
    story: Annotated[
        str | None, typer.Option(help="Only in the list under this story (default: in every list).")
    ] = None,
) -> None:
    """Keep items out of every list, or of one, at once, until `unblock`."""
    out.print(f"blocked: {_tombstones(place).record('block', [(item, story) for item in items])}")


@app.command()
def unblock(
    items: Annotated[list[str], typer.Argument(help="Ids of the items.")],
    place: Annotated[str, typer.Option("--from", help="Published lists (folder or URL), or a snapshot folder.")],
    story: Annotated[str | None, typer.Option(help="The story that was given to `block`.")] = None,
) -> None:
    """Undo `block` with the same arguments."""
    out.print(f"unblocked: {_tombstones(place).record('unblock', [(item, story) for item in items])}")


@app.command()
def rules(
    file: Annotated[Path, typer.Argument(help="Editorial rules (.toml, .json, .csv).")],
    place: Annotated[str, typer.Option("--at", help="Published lists: folder or database URL.")],
    apply: Annotated[bool, typer.Option("--apply", help="Put its blocks and no_list into effect at once.")] = False,
) -> None:
    """Check a file of rules against published lists; exit status 1 if anything is odd."""
    from datetime import UTC

    from recommender.editorial.rules import Rules
    from recommender.publishing import PublishedLists

    wanted, lists = Rules.read(file), PublishedLists.open(place)
    findings = wanted.check(frozenset(lists.ids()), datetime.now(UTC))
    for finding in findings:
        out.print(cleaned(finding), markup=False)
    counts = (
        f"{len(value)} {name}"
        for name in ("pins", "blocks", "no_list", "boosts", "caps", "series")
        if (value := getattr(wanted, name))
    )
    out.print(f"{file}: {', '.join(counts) or 'no rules'}; {len(findings)} odd", markup=False)
    if apply:
        out.print(f"in effect at once: {lists.apply(wanted)} new blocks and stories without a list")
    if findings:
        raise typer.Exit(1)


@app.command()
def purge(
    article_ids: Annotated[list[str], typer.Argument(help="Ids of the stories.")],
    places: Annotated[list[str], typer.Option("--from", help="Published lists or a snapshot folder; may be repeated.")],
) -> None:
    """Withdraw stories and delete what is stored of them: lists, items, texts, vectors, in every version kept."""
    from recommender.jobs.purge import purge as purge_stories

    for place in places:
        done = purge_stories(place, article_ids)
        out.print(f"{place}: {done}", markup=False)


@app.command()
def rollback(
    place: Annotated[str, typer.Argument(help="Published lists: folder or database URL.")],
    to: Annotated[str | None, typer.Option(help="Version to return to (default: the one before the current).")] = None,
) -> None:
    """Return to an earlier published version."""
    from recommender.publishing import open_publisher

    out.print(f"current version: {open_publisher(place).rollback(to)}")


@app.command()
def info(
    place: Annotated[str, typer.Argument(help="Published lists (folder or URL), or a snapshot folder.")],
    check: Annotated[bool, typer.Option("--check", help="Compare every file of a folder with its checksum.")] = False,
) -> None:
    """Say what a folder or database holds: kind, version, moment, counts, settings."""
    from recommender.storage.versions import VersionedFolder, kind_of

    if is_database(place) or kind_of(place) != "snapshot":
        from recommender.publishing import PublishedLists

        manifest = PublishedLists.open(place).manifest
    else:
        manifest = VersionedFolder(place, "snapshot").current().manifest
    shown = {name: value for name, value in manifest.items() if name not in ("files", "settings", "rules")}
    if manifest["kind"] == "snapshot":
        index = manifest.get("index") or {"used": {"kind": "flat"}, "recall": 1.0}
        shown |= {"index": index["used"]["kind"], "recall": index["recall"]}
    if links := manifest.get("links"):
        shown["links"] = told_links(links["links"], links["stories"], links["unresolved"])
    if not is_database(place):
        folder = VersionedFolder(place, manifest["kind"])
        if check:
            folder.current().check()
            shown["checked"] = f"all {len(manifest['files'])} files match their checksums"
        shown["versions kept"] = ", ".join(path.name for path in folder.versions())
    stones = _tombstones(place)
    shown |= {"withdrawn": len(stones.withdrawn), "withheld": len(stones.withheld), "blocked": len(stones.blocked)}
    for name, value in shown.items():
        out.print(cleaned(f"{name.replace('_', ' '):>22}  {value}"), markup=False)
    for stage, values in manifest["settings"].items():
        for name, value in values.items():
            out.print(cleaned(f"{stage + '.' + name:>30} = {value}"), markup=False, style="dim")


app.command()(evaluation.evaluate)
app.command()(evaluation.tune)
app.command()(evaluation.ab)


def _tombstones(place: str) -> Any:
    from recommender.editorial.overlay import NAME, Tombstones
    from recommender.errors import SnapshotError
    from recommender.publishing import open_publisher
    from recommender.storage.versions import kind_of

    if is_database(place):
        return open_publisher(place).tombstones
    if kind_of(place) is None:
        raise SnapshotError(f"{place} holds neither published lists nor a snapshot")
    return Tombstones(Path(place) / NAME)


def _source(places: list[str], query: str | None) -> list[str] | SqlQuery:
    if query is None:
        return places
    if len(places) != 1 or not is_database(places[0]):
        raise SettingsError(
            f"--query reads from one database, given as URL or env:NAME; got {', '.join(map(shown, places))}"
        )
    return SqlQuery(places[0], query)


def _pairs(values: list[str], flag: str) -> Iterator[tuple[str, str]]:
    for value in values:
        name, sign, rest = value.partition("=")
        if not sign or not name or not rest:
            raise SettingsError(f"{flag} {value!r} has no NAME=VALUE form")
        yield name, rest


def _value(text: str) -> Any:
    """A list or table is given as JSON, such as ["window", "recent"]; anything else is text."""
    import orjson

    try:
        return orjson.loads(text) if text[0] in "[{" else text
    except orjson.JSONDecodeError as error:
        raise SettingsError(f"--set: {text!r} is no JSON: {error}") from None


def _moment(text: str | None) -> datetime | None:
    from recommender.errors import RowError
    from recommender.reading.times import to_time

    try:
        return to_time(text) if text else None
    except RowError as error:
        raise SettingsError(f"--as-of: {error}") from None
