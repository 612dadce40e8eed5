"""Connect to databases, to read stories and to publish; an environment variable may hold the address."""

from __future__ import annotations

import atexit
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import UUID

from recommender.errors import InputError, MissingExtraError, SettingsError

if TYPE_CHECKING:
    import sqlalchemy as sa

_VARIABLE = "env:"
_ADDRESS = re.compile(r"(?:https?|s?ftps?|file|s3a?|gs|gcs|az|abfss?|hdfs|r2)://", re.IGNORECASE)
_FETCHED = 1_000  # rows that are fetched from the server at a time
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


def is_database(place: object) -> bool:
    """Check whether a place is a database: a URL such as ``sqlite:///lists.db``, or ``env:NAME`` of a variable.

    Examples
    --------
    >>> is_database("postgresql://db.example/news"), is_database("env:NEWS_DB"), is_database("out/lists")
    (True, True, False)
    """
    return isinstance(place, str) and ("://" in place or place.startswith(_VARIABLE))


def refuse_address(place: object) -> None:
    """Raise `InputError` if stories are to be read from an address of the web or of a cloud.

    Examples
    --------
    >>> refuse_address("s3://news/a.csv")
    Traceback (most recent call last):
    recommender.errors.InputError: s3://news/a.csv is an address, and nothing is fetched; expected a downloaded file
    """
    if isinstance(place, str) and _ADDRESS.match(place):
        raise InputError(f"{redacted(place)} is an address, and nothing is fetched; expected a downloaded file")


def redacted(place: str | Path) -> str:
    """Return a place as it may be printed or logged: a variable by its name, a URL without its password.

    Examples
    --------
    >>> redacted("postgresql://press:s@c/ret@db.example/news?password=secret"), redacted("env:NEWS_DB"), redacted("out")
    ('postgresql://press:***@db.example/news', 'env:NEWS_DB', 'out')
    """
    if not is_database(place) or str(place).startswith(_VARIABLE):
        return str(place)
    return re.sub(r"(?<=://)([^:@/]*):.*@", r"\1:***@", str(place)).partition("?")[0]


def connect(place: str, *, source: bool = False) -> sa.Engine:
    """Return the engine of a database without connecting yet; all callers share the engine of a server.

    A `source` is only read: a file of SQLite is opened read-only, and stays byte for byte as it is.

    Raises
    ------
    SettingsError
        If the variable is not set, or its value is no database URL.
    MissingExtraError
        If SQLAlchemy, or the driver that the URL needs, is not installed.
    """
    try:
        import sqlalchemy as sa
    except ImportError as error:
        raise MissingExtraError(f"databases need SQLAlchemy ({error}): pip install 'recommender[sql]'") from error

    url = os.environ.get(place.removeprefix(_VARIABLE)) if place.startswith(_VARIABLE) else place
    if not url:
        raise SettingsError(f"{place}: the environment variable {place.removeprefix(_VARIABLE)} is not set")
    kind, sign, rest = url.partition("://")
    try:
        if kind.startswith("sqlite"):
            engine = sa.create_engine(_read_only(sa.make_url(url)) if source else url)
            _sqlite(engine, source)
            return engine
        return _server(_DRIVERS.get(kind, kind) + sign + rest, os.getpid())
    except sa.exc.ArgumentError as error:
        raise SettingsError(f"{redacted(place)} is no database URL; expected one such as sqlite:///lists.db") from error
    except ImportError as error:
        extra = "postgresql" if kind in _DRIVERS else "sql"
        raise MissingExtraError(f"{kind} needs a driver ({error}): pip install 'recommender[{extra}]'") from error


@cache
def _server(url: str, _process: int) -> sa.Engine:
    """Create the engine of a server for one process, since a forked one must not use its parent's."""
    import sqlalchemy as sa

    engine = sa.create_engine(url, pool_pre_ping=True)
    atexit.register(engine.dispose)
    return engine


def _read_only(url: sa.URL) -> sa.URL:
    file = url.database
    if not file or file == ":memory:" or file.startswith("file:"):
        return url
    if not Path(file).is_file():  # SQLite would make an empty one
        raise InputError(f"no such file: {file}")
    return url.set(database=f"file:{quote(file)}", query={**url.query, "mode": "ro", "uri": "true"})


def _sqlite(engine: sa.Engine, source: bool) -> None:
    import sqlalchemy as sa

    @sa.event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy, not sqlite3, opens transactions
        if not source:
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA busy_timeout=60000")

    @sa.event.listens_for(engine, "begin")
    def begun(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def cause(error: BaseException) -> str:
    """Return the first line of the database's own message."""
    message = str(getattr(error, "orig", None) or error).strip()
    return message.splitlines()[0] if message else type(error).__name__


@dataclass(frozen=True)
class SqlQuery:
    """Stories in a database, as a source for `fit`, `precompute` and `refresh`.

    Rows come through a server-side cursor, a thousand at a time, from one snapshot of the database.

    Parameters
    ----------
    place : str
        Database URL, or ``env:NAME``.
    query : str
        Name of a table, or a SELECT; columns are recognised as in a file.

    Examples
    --------
    >>> precompute(SqlQuery("env:NEWS_DB", "SELECT id, title, body FROM stories"), "out")   # doctest: +SKIP
    """

    place: str
    query: str

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Read rows as dicts.

        Raises
        ------
        InputError
            If the query fails, at the start or half-way; the rows read so far must not be used.
        """
        engine = connect(self.place, source=True)
        import sqlalchemy as sa

        options: dict[str, Any] = {"stream_results": True, "max_row_buffer": _FETCHED, "no_parameters": True}
        if engine.dialect.name == "postgresql":
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        try:
            with (
                engine.connect().execution_options(**options) as connection,
                connection.exec_driver_sql(self._select(engine)) as result,
            ):
                for row in result.mappings():
                    yield {name: _plain(value) for name, value in row.items()}
        except sa.exc.SQLAlchemyError as error:
            raise InputError(f"cannot read from {redacted(self.place)}: {cause(error)}") from error

    def _select(self, engine: sa.Engine) -> str:
        if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)?", self.query.strip()):
            return self.query
        quoted_parts = map(engine.dialect.identifier_preparer.quote, self.query.strip().split("."))
        return f"SELECT * FROM {'.'.join(quoted_parts)}"


def _plain(value: Any) -> Any:
    """Convert a value to the type that a file would have."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    return value
