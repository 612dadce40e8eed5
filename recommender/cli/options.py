"""Options that several commands share, and what is done with their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recommender.errors import InputError, RecommenderError, SettingsError
from recommender.storage.database import SqlQuery, is_database, redacted

if TYPE_CHECKING:
    from recommender.editorial.overlay import Overlay
    from recommender.settings import Settings


def folder_of(text: str) -> Path:
    """Read the value of --archive, which is a folder and never a database."""
    if is_database(text):
        # no ValueError: that would be told again with the text as it was given, a password included
        raise RecommenderError(
            f"got --archive {redacted(text)}, expected a folder: an archive is not saved to a database"
        )
    return Path(text)


class Format(StrEnum):
    """Formats of published lists."""

    jsonl = "jsonl"
    parquet = "parquet"
    sql = "sql"


# headings of the help of long commands
INPUT, SETTINGS, GUARDS, LARGE = (
    "Input",
    "Settings of lists",
    "Checks before publishing",
    "Large and interrupted runs",
)

StoryIds = Annotated[list[str], typer.Argument(metavar="ID", help="Ids of the stories.")]
_LISTS = typer.Option("--lists", metavar="DIR|URL", help="Published lists: a folder, a database URL or env:NAME.")
Lists = Annotated[str, _LISTS]
ListsOrNone = Annotated[str | None, _LISTS]
ArchiveOrNone = Annotated[
    Path | None,
    typer.Option("--archive", metavar="DIR", parser=folder_of, help="Folder of a saved archive, instead of --lists."),
]
FormatOption = Annotated[Format, typer.Option(help="File format of lists in a folder.")]
ColumnOption = Annotated[
    list[str],
    typer.Option(
        metavar="FIELD=COLUMN",
        help="Read a field from a column, such as title=headline; may be repeated.",
        rich_help_panel=INPUT,
    ),
]
InputFormatOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Format of the files (default: detected): csv, json, xml ...",
        rich_help_panel=INPUT,
    ),
]
AsOfOption = Annotated[
    str | None,
    typer.Option(help="Moment of the lists (default: the time of the newest story).", rich_help_panel=SETTINGS),
]
AllowWorseOption = Annotated[
    bool,
    typer.Option(
        "--allow-worse",
        help="Publish although the version is worse than the last (docs/input.md).",
        rich_help_panel=GUARDS,
    ),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Compute and check everything, but publish nothing.", rich_help_panel=GUARDS)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
ModelOption = Annotated[
    str | None,
    typer.Option(help="sentence-transformers name or path, or 'tfidf' for no model.", rich_help_panel=SETTINGS),
]
LinksOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Further links between stories, with the columns story and item.", rich_help_panel=INPUT
    ),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Stop at the first bad row instead of rejecting it.", rich_help_panel=INPUT)
]
CacheOption = Annotated[
    Path | None,
    typer.Option(
        help="Vector cache file (default: cache/vectors.sqlite in the --lists folder).", rich_help_panel=LARGE
    ),
]
RejectedOption = Annotated[
    Path | None,
    typer.Option(help="File of rejected rows (default: rejected.jsonl in the --lists folder).", rich_help_panel=INPUT),
]
ResumeOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder for finished shards until the run is done (default: .resume in the --lists folder; "
        "for a database in the --archive folder, else none).",
        rich_help_panel=LARGE,
    ),
]
QueryOption = Annotated[
    str | None,
    typer.Option(
        help="Table or SELECT to read stories from; ARTICLES is then a database URL or env:NAME.",
        rich_help_panel=INPUT,
    ),
]

SETTINGS_FILE = "recommender.toml"
SettingsOption = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        help=f"TOML file with settings (default: {SETTINGS_FILE} in the current folder).",
        rich_help_panel=SETTINGS,
    ),
]
SetOption = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="STAGE.NAME=VALUE",
        help="A setting, such as selection.k=4; may be repeated.",
        rich_help_panel=SETTINGS,
    ),
]


def settings_of(file: Path | None, assigned: list[str], named: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings of a command: of the file that is named, or lies in the current folder, and of its options.

    A file beside the articles is not looked for: data must not choose a model.
    """
    from recommender.cli.display import err
    from recommender.settings import Settings

    if file is None and Path(SETTINGS_FILE).is_file():
        file = Path(SETTINGS_FILE)
        err.print(f"settings: {file.resolve()}", markup=False)
    settings = Settings.from_toml(file) if file else Settings()
    values: dict[str, Any] = {name: value_of(text) for name, text in pairs_of(assigned, "--set")}
    values |= {name: value for name, value in (named or {}).items() if value is not None}
    return settings.override(values)


def place_of(lists: str | None, archive: Path | None) -> tuple[str, str]:
    """Tell which place a command was given, and what it holds: 'lists', or 'snapshot' for a saved archive."""
    if lists is not None and archive is not None:
        raise SettingsError(
            f"got --lists {redacted(lists)} and --archive {archive}, expected one of them: leave one out"
        )
    if lists is not None:
        return lists, "lists"
    if archive is not None:
        return str(archive), "snapshot"
    raise SettingsError("got neither --lists nor --archive, expected one of them: add --lists DIR or --archive DIR")


def open_overlay(lists: str | None, archive: Path | None) -> Overlay:
    """Open what editors decided at once, beside published lists or a saved archive."""
    from recommender.editorial.overlay import NAME, Overlay
    from recommender.publishing import open_publisher
    from recommender.storage.versions import VersionedFolder

    place, kind = place_of(lists, archive)
    if is_database(place):
        return open_publisher(place).overlay
    VersionedFolder(place, kind).current()  # refuses a folder of another kind
    return Overlay(Path(place) / NAME)


def source_of(places: list[str], query: str | None) -> list[str] | SqlQuery:
    """Tell where stories are read from: files and folders, or a database by a query."""
    if query is None:
        if database := next(filter(is_database, places), None):
            raise SettingsError(
                f"{redacted(database)} is a database: --query names the table, or SELECT, of the stories"
            )
        if missing := next((place for place in places if not Path(place).exists()), None):
            raise InputError(f"no such file: {missing}")  # told before anything large is imported
        return places
    if len(places) != 1 or not is_database(places[0]):
        raise SettingsError(
            f"--query reads from one database, given as URL or env:NAME; got {', '.join(map(redacted, places))}"
        )
    return SqlQuery(places[0], query)


def cache_of(cache: Path | None, lists: str) -> Path | None:
    """Tell where vectors are cached: in the file that was named, or in the folder of the lists."""
    if cache is None and not is_database(lists):
        return Path(lists) / "cache" / "vectors.sqlite"
    return cache


def pairs_of(values: list[str], flag: str) -> Iterator[tuple[str, str]]:
    """Split each NAME=VALUE of a repeated option."""
    for value in values:
        name, sign, rest = value.partition("=")
        if not sign or not name or not rest:
            raise SettingsError(f"{flag} {value!r} has no NAME=VALUE form")
        yield name, rest


def value_of(text: str) -> Any:
    """Read a value of --set: a list or table is JSON, such as ["window", "recent"]; anything else is text."""
    import orjson

    try:
        return orjson.loads(text) if text[0] in "[{" else text
    except orjson.JSONDecodeError as error:
        raise SettingsError(f"--set: {text!r} is no JSON: {error}") from None


def moment_of(text: str | None, flag: str = "--as-of") -> datetime | None:
    """Read the moment of --as-of, or of another flag."""
    from recommender.errors import RowError
    from recommender.reading.times import to_time

    try:
        found = to_time(text) if text else None
    except RowError as error:
        raise SettingsError(f"{flag}: {error}") from None
    if text and found is None:
        raise SettingsError(f"{flag}: {text!r} is no moment")
    return found
