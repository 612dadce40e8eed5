"""Options that several commands share, groups of them, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from recommender.errors import InputError, RecommenderError, SettingsError
from recommender.storage.database import SqlQuery, is_database, redacted, refuse_address

if TYPE_CHECKING:
    from recommender.editorial.overlay import Overlay
    from recommender.settings import Settings

SETTINGS_FILE = "recommender.toml"
# declare an option under a heading of the help of long commands
input_option, settings_option, guard_option, large_option = (
    partial(typer.Option, rich_help_panel=panel)
    for panel in ("Input", "Settings of lists", "Checks before publishing", "Large and interrupted runs")
)


class Format(StrEnum):
    """Formats of published lists."""

    jsonl = "jsonl"
    parquet = "parquet"
    sql = "sql"


def grouped(function: Callable[..., None]) -> Callable[..., None]:
    """Make a command whose parameters may be groups: each field of a dataclass is an option of the command."""
    hints = get_type_hints(function, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    parameters: list[Parameter] = []
    for parameter in signature(function).parameters.values():
        if parameter.name in groups:
            parameters += _parameters_of_group(groups[parameter.name])
        else:
            annotation = hints[parameter.name]
            parameters.append(parameter.replace(annotation=annotation, kind=Parameter.KEYWORD_ONLY))

    @wraps(function)
    def command(**values: Any) -> None:
        made = {
            name: group(**{option.name: values.pop(option.name) for option in fields(group)})
            for name, group in groups.items()
        }
        function(**values, **made)

    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _parameters_of_group(group: Any) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(option.name, Parameter.KEYWORD_ONLY, default=_default(option), annotation=hints[option.name])
        for option in fields(group)
    ]


def _default(option: Field[Any]) -> Any:
    if option.default_factory is not MISSING:
        return option.default_factory()
    return Parameter.empty if option.default is MISSING else option.default


def folder_of(text: str) -> Path:
    """Read the value of --archive, which is a folder and never a database."""
    if is_database(text):
        # no ValueError: typer would repeat the text as it was given, a password included
        raise RecommenderError(
            f"got --archive {redacted(text)}, expected a folder: an archive is not saved to a database"
        )
    return Path(text)


archive_option = partial(typer.Option, metavar="DIR", parser=folder_of)

StoryIds = Annotated[list[str], typer.Argument(metavar="ID", help="Ids of the stories.")]
_LISTS = typer.Option("--lists", metavar="DIR|URL", help="Published lists: a folder, a database URL or env:NAME.")
Lists = Annotated[str, _LISTS]
ListsOrNone = Annotated[str | None, _LISTS]
ArchiveOrNone = Annotated[
    Path | None,
    archive_option("--archive", help="Folder of a saved archive, instead of --lists."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
FormatOption = Annotated[Format, typer.Option(help="File format of lists in a folder.")]
ModelOption = Annotated[
    str | None, settings_option(help="sentence-transformers name or path, or 'tfidf' for no model.")
]
LinksOption = Annotated[
    Path | None, input_option(metavar="FILE", help="Further links between stories, with the columns story and item.")
]
CacheOption = Annotated[
    Path | None, large_option(help="Vector cache file (default: cache/vectors.sqlite in the --lists folder).")
]
SettingsOption = Annotated[
    Path | None,
    settings_option(
        "--settings", metavar="FILE", help=f"TOML file with settings (default: {SETTINGS_FILE} in the current folder)."
    ),
]


@dataclass(frozen=True, kw_only=True)
class InputOptions:
    """How stories are read."""

    query: Annotated[
        str | None,
        input_option(help="Table or SELECT to read stories from; ARTICLES is then a database URL or env:NAME."),
    ] = None
    column: Annotated[
        list[str],
        input_option(
            metavar="FIELD=COLUMN", help="Read a field from a column, such as title=headline; may be repeated."
        ),
    ] = field(default_factory=list)
    input_format: Annotated[
        str | None, input_option(metavar="NAME", help="Format of the files (default: detected): csv, json, xml ...")
    ] = None

    def given(self) -> list[str]:
        """Return the options as they were given, for a command to copy."""
        words = ["--query", self.query] if self.query else []
        for column in self.column:
            words += ["--column", column]
        return words + (["--input-format", self.input_format] if self.input_format else [])

    @property
    def columns(self) -> dict[str, str]:
        """Field -> column."""
        return dict(split_pairs(self.column, "--column"))

    def source(self, places: list[str]) -> list[str] | SqlQuery:
        """Return where stories are read from: files and folders, or a database by a query."""
        if self.query is None:
            for place in places:
                refuse_address(place)
            if database := next(filter(is_database, places), None):
                raise SettingsError(
                    f"{redacted(database)} is a database: --query names the table, or SELECT, of the stories"
                )
            if missing := next((place for place in places if not Path(place).exists()), None):
                raise InputError(f"no such file: {missing}")  # before anything large is imported
            return places
        if len(places) != 1 or not is_database(places[0]):
            raise SettingsError(
                f"--query reads from one database, given as URL or env:NAME; got {', '.join(map(redacted, places))}"
            )
        return SqlQuery(places[0], self.query)


@dataclass(frozen=True, kw_only=True)
class SettingsOptions:
    """Where settings come from."""

    settings_file: SettingsOption = None
    set_: Annotated[
        list[str],
        settings_option("--set", metavar="STAGE.NAME=VALUE", help="A setting, such as selection.k=4; may be repeated."),
    ] = field(default_factory=list)

    def given(self) -> list[str]:
        """Return the options as they were given, for a command to copy."""
        words = ["--settings", str(self.settings_file)] if self.settings_file else []
        for assigned in self.set_:
            words += ["--set", assigned]
        return words

    def load(self, named: Mapping[str, Any] | None = None) -> Settings:
        """Load the settings of a command; `named` are those of its other options."""
        return load_settings(self.settings_file, self.set_, named)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a run publishes lists."""

    as_of: Annotated[
        str | None, settings_option(help="Moment of the lists (default: the time of the newest story).")
    ] = None
    strict: Annotated[bool, input_option("--strict", help="Stop at the first bad row instead of rejecting it.")] = False
    allow_worse: Annotated[
        bool, guard_option("--allow-worse", help="Publish although the version is worse than the last (docs/input.md).")
    ] = False
    dry_run: Annotated[bool, guard_option("--dry-run", help="Compute and check everything, but publish nothing.")] = (
        False
    )
    json: JsonOption = False
    cache: CacheOption = None
    rejected: Annotated[
        Path | None, input_option(help="File of rejected rows (default: rejected.jsonl in the --lists folder).")
    ] = None
    resume: Annotated[
        Path | None,
        large_option(
            metavar="DIR",
            help="Folder for finished shards until the run is done (default: .resume in the --lists "
            "folder; for a database in the --archive folder, else none).",
        ),
    ] = None

    def arguments(self, lists: str) -> dict[str, Any]:
        """Return the arguments of a run that publishes at a place."""
        return {
            "as_of": moment_of(self.as_of),
            "strict": self.strict,
            "allow_worse": self.allow_worse,
            "dry_run": self.dry_run,
            "cache": cache_of(self.cache, lists),
            "rejected": self.rejected,
            "resume": self.resume,
        }


def load_settings(file: Path | None, assigned: list[str], named: Mapping[str, Any] | None = None) -> Settings:
    """Load the settings of a command: of the file that is named, or lies in the current folder, and of its options.

    A file next to the articles is not looked for: data must not choose a model.
    """
    from recommender.cli.display import err
    from recommender.settings import Settings

    if file is None and Path(SETTINGS_FILE).is_file():
        file = Path(SETTINGS_FILE)
        err.print(f"settings: {file.resolve()}", markup=False)
    settings = Settings.from_toml(file) if file else Settings()
    values: dict[str, Any] = {name: _parse_value(text) for name, text in split_pairs(assigned, "--set")}
    values |= {name: value for name, value in (named or {}).items() if value is not None}
    return settings.override(values)


def place_of(lists: str | None, archive: Path | None) -> tuple[str, str]:
    """Return the place that a command was given, and what it contains: 'lists', or 'snapshot' for a saved archive."""
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
    """Open the overlay of published lists or of a saved archive."""
    from recommender.editorial.overlay import NAME, Overlay
    from recommender.publishing import open_publisher
    from recommender.storage.versions import VersionedFolder

    place, kind = place_of(lists, archive)
    if is_database(place):
        return open_publisher(place).overlay
    VersionedFolder(place, kind).current()  # refuses a folder of another kind
    return Overlay(Path(place) / NAME)


def cache_of(cache: Path | None, lists: str) -> Path | None:
    """Return where vectors are cached: in the file that was named, or in the folder of the lists."""
    if cache is None and not is_database(lists):
        return Path(lists) / "cache" / "vectors.sqlite"
    return cache


def split_pairs(values: list[str], flag: str) -> Iterator[tuple[str, str]]:
    """Split each NAME=VALUE of a repeated option."""
    for value in values:
        name, sign, rest = value.partition("=")
        if not sign or not name or not rest:
            raise SettingsError(f"{flag} {value!r} has no NAME=VALUE form")
        yield name, rest


def _parse_value(text: str) -> Any:
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
        moment = to_time(text, flag) if text else None
    except RowError as error:
        raise SettingsError(str(error)) from None
    if text and moment is None:
        raise SettingsError(f"{flag}: {text!r} is no moment")
    return moment
