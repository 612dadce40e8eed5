"""Versions in a SQL database: rows and the pointer to the current version change in one transaction.

Tables and view are in `docs/sql.md`. Rows go to PostgreSQL by COPY, elsewhere by inserts of many rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any

import orjson
import pyarrow as pa
import sqlalchemy as sa

from recommender.articles.ids import encoded
from recommender.editorial.decisions import KINDS, Action, Entry
from recommender.editorial.overlay import Tombstones, named
from recommender.editorial.unpublished import Unpublished
from recommender.errors import PublishError, SnapshotError
from recommender.lists.readnext import current
from recommender.publishing.protocol import KeptVersion, Reader, Record, as_batches, purged_name, to_json
from recommender.storage.database import cause, connect, shown
from recommender.storage.versions import FORMAT, surplus
from recommender.version import __version__

try:
    from psycopg import Error as _CopyError
except ImportError:
    _CopyError = sa.exc.SQLAlchemyError
_FAILURES = (sa.exc.SQLAlchemyError, _CopyError)  # COPY goes past SQLAlchemy
_LOCK = 1_919_247_213  # the first of two numbers that name the writer's lock; "rec" and "m" in ASCII
_CREATING = _LOCK << 32  # a lock of one number, so never one of a writer

_META = sa.MetaData()
_VERSIONS = sa.Table(
    "recommender_versions",
    _META,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.String(64), nullable=False),
    sa.Column("current", sa.Boolean, nullable=False),
    sa.Column("manifest", sa.Text, nullable=False),
)
_LISTS = sa.Table(
    "recommender_lists",
    _META,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("article_id", sa.Text, primary_key=True),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("url", sa.Text),
    sa.Column("section", sa.Text),
    sa.Column("published_at", sa.DateTime),
    sa.Column("line", sa.Text, nullable=False),
)
_STORY = ("title", "url", "section", "published_at", "line")
_ITEMS = sa.Table(
    "recommender_items",
    _META,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("list_of", sa.Text, primary_key=True),
    sa.Column("rank", sa.Integer, primary_key=True),
    sa.Column("reserve", sa.Boolean, nullable=False),
    sa.Column("article_id", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("url", sa.Text),
    sa.Column("section", sa.Text),
    sa.Column("published_at", sa.DateTime),
    sa.Column("line", sa.Text, nullable=False),
    sa.Column("source", sa.String(32), nullable=False),
    sa.Column("score", sa.Float(53), nullable=False),
    sa.Column("components", sa.Text, nullable=False),
    sa.Column("reasons", sa.Text, nullable=False),
)
_STONES = sa.Table(
    "recommender_tombstones",
    _META,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("ids", sa.Text, nullable=False),
)
_TAKEN_BACK = sa.Table(
    "recommender_unpublished",
    _META,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("hidden", sa.Boolean, nullable=False),
    sa.Column("ids", sa.Text, nullable=False),
)


_VIEW = "current_lists"
_PARTS = "contributions"  # kept with the components, so that the table stays as it is
_CURRENT_LISTS = sa.text(rf"""
CREATE OR REPLACE VIEW {_VIEW} AS
WITH entries AS (
    SELECT number, action IN ('withdraw', 'withhold', 'block') AS adds,
        CASE WHEN action IN ('withdraw', 'restore') THEN 'withdrawn'
             WHEN action IN ('withhold', 'release') THEN 'withheld' ELSE 'blocked' END AS kind,
        CASE jsonb_typeof(entry) WHEN 'array' THEN entry ->> 0 ELSE entry #>> '{{}}' END AS item,
        CASE jsonb_typeof(entry) WHEN 'array' THEN entry ->> 1 END AS story
    FROM recommender_tombstones, jsonb_array_elements(ids\:\:jsonb) AS entry
    WHERE action NOT IN ('pin', 'unpin')
), stones AS (
    SELECT kind, item, story FROM (
        SELECT DISTINCT ON (kind, item, story) * FROM entries ORDER BY kind, item, story, number DESC
    ) AS last WHERE adds
), taken_back AS (
    SELECT item FROM (
        SELECT DISTINCT ON (item) number, hidden, item
        FROM recommender_unpublished, jsonb_array_elements_text(ids\:\:jsonb) AS item ORDER BY item, number DESC
    ) AS last WHERE hidden
), live AS (
    SELECT items.*, (versions.manifest\:\:jsonb ->> 'k')\:\:int AS k,
        row_number() OVER (PARTITION BY items.list_of ORDER BY items.rank) AS place
    FROM recommender_items AS items JOIN recommender_versions AS versions ON items.seq = versions.seq
    WHERE versions.current AND NOT EXISTS (
        SELECT FROM stones WHERE (kind = 'withdrawn' AND item IN (items.list_of, items.article_id))
            OR (kind = 'withheld' AND item = items.list_of)
            OR (kind = 'blocked' AND item = items.article_id AND (story IS NULL OR story = items.list_of))
    ) AND NOT EXISTS (SELECT FROM taken_back WHERE item IN (items.list_of, items.article_id))
)
SELECT list_of AS story_id, place AS rank, article_id, title, url, section, published_at, line, source, score,
    components\:\:jsonb, reasons\:\:jsonb,
    CASE WHEN count(*) OVER list < k THEN 'short'
         WHEN bool_or(source IN ('more', 'window', 'caps', 'same_section', 'recent')) OVER list THEN 'filled'
         ELSE 'ok' END AS status
FROM live WHERE place <= k WINDOW list AS (PARTITION BY list_of)
""")
"""What readers of the current version see: reserves have taken the places of what is withdrawn or blocked.

Pins of the overlay are not in it: what they show has no row of its own.
"""


@contextmanager
def _reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One snapshot of the database for all that is read, however long a publish runs beside it."""
    options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    try:
        with engine.connect().execution_options(**options) as connection:
            yield connection
    except sa.exc.SQLAlchemyError as error:
        raise SnapshotError(f"cannot read the published lists in {_name(engine)}: {cause(error)}") from error


@contextmanager
def _changing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction."""
    try:
        with engine.execution_options(writes=True).begin() as connection:
            yield connection
    except _FAILURES as error:
        raise PublishError(f"cannot write to {_name(engine)}: {cause(error)}; it stays as it was") from error


def _name(engine: sa.Engine) -> str:
    return shown(engine.url.render_as_string(hide_password=True))


class _SqlUnpublished(Unpublished):
    """The ids that were taken back as a table of changes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._last = 0
        self._exists = False
        super().__init__()

    def refresh(self) -> None:
        """Read the changes made since."""
        wanted = sa.select(_TAKEN_BACK).where(_TAKEN_BACK.c.number > self._last).order_by(_TAKEN_BACK.c.number)
        with _reading(self._engine) as connection:
            # databases that earlier versions published to have no such table
            self._exists = self._exists or sa.inspect(connection).has_table(_TAKEN_BACK.name)
            for number, hidden, ids in connection.execute(wanted) if self._exists else ():
                named_ids = orjson.loads(ids)
                self.ids = self.ids.union(named_ids) if hidden else self.ids.difference(named_ids)
                self._last = number

    def change(self, hidden: Collection[str], shown: Collection[str]) -> int:
        """See `Unpublished.change`."""
        self.refresh()
        after = self.ids.difference(shown).union(hidden)
        rows = [(False, sorted(self.ids - after)), (True, sorted(after - self.ids))]
        news = [{"hidden": hides, "ids": orjson.dumps(ids).decode()} for hides, ids in rows if ids]
        if news:
            with _changing(self._engine) as connection:
                connection.execute(_TAKEN_BACK.insert(), news)
            self.refresh()
        return len(rows[0][1]) + len(rows[1][1])


class SqlTombstones(Tombstones):
    """The overlay as a table."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._last = 0
        self._lock = Lock()  # of several threads each would apply what is new, and the last not last
        super().__init__()
        self._unpublished = _SqlUnpublished(engine)

    def refresh(self) -> None:
        """Read the actions added since."""
        with self._lock:
            self._unpublished.refresh()
            self._read()

    def _read(self) -> None:
        wanted = sa.select(_STONES).where(_STONES.c.number > self._last).order_by(_STONES.c.number)
        decisions, last = self.decisions, self._last
        with _reading(self._engine) as connection:
            for number, action, ids in connection.execute(wanted):
                if action not in KINDS:
                    raise SnapshotError(
                        f"{_name(self._engine)}: the action {action!r} of {_STONES.name} is not known to recommender "
                        f"{__version__}; upgrade recommender"
                    )
                decisions, last = decisions.after(action, orjson.loads(ids)), number
        self.decisions, self._last = decisions, last

    def record(self, action: Action, ids: Iterable[Entry]) -> int:
        """Add an action; returns for how many ids, or pairs of a block, it changed something."""
        wanted = named(ids)
        self.refresh()
        if news := self.decisions.news(action, wanted):
            with _changing(self._engine) as connection:
                connection.execute(_STONES.insert(), {"action": action, "ids": orjson.dumps(news).decode()})
            self.refresh()
        return len(news)


class SqlPublisher:
    """Publishes into a database.

    Parameters
    ----------
    place : str
        URL, or ``env:NAME``; SQLite needs no server.
    """

    def __init__(self, place: str) -> None:
        self._engine = connect(place)
        self._name = _name(self._engine)
        self._postgresql = self._engine.dialect.name == "postgresql"

    @property
    def tombstones(self) -> Tombstones:
        """The overlay of this database."""
        self.check_writable()
        return SqlTombstones(self._engine)

    def check_writable(self) -> None:
        """Create tables and view where missing; raise `PublishError` if that fails."""
        try:
            with self._engine.begin() as connection:
                if self._postgresql:  # which would let several create them at once, and fail all but one
                    connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_CREATING})"))
                _META.create_all(connection)
                if self._postgresql and not _has_view(connection):
                    connection.execute(_CURRENT_LISTS)  # not each time: that waits for whoever reads the view
        except sa.exc.SQLAlchemyError as error:
            raise PublishError(f"cannot write to {self._name}: {cause(error)}") from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the writer's lock, which goes with the connection; in SQLite the transaction is the lock.

        Raises
        ------
        PublishError
            If another process is writing here.
        """
        self.check_writable()
        if not self._postgresql:
            yield
            return
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            schema = sa.func.hashtext(sa.func.current_schema())
            if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_LOCK, schema))):
                raise PublishError(f"another process is writing to {self._name}; wait for it to end")
            try:
                yield
            finally:
                connection.invalidate()  # closed, and the lock gone, even where the server does not answer any more

    def publish(self, batches: Iterable[pa.RecordBatch], details: dict[str, Any], keep: int) -> str:
        """Write the rows and switch in one transaction.

        Raises
        ------
        PublishError
            If the database fails; it stays as it was.
        """
        manifest = {"kind": "lists", "format": FORMAT, "library": __version__, "format_of_lists": "sql", **details}
        with _changing(self._engine) as connection:
            seq = (connection.scalar(sa.select(sa.func.max(_VERSIONS.c.seq))) or 0) + 1
            for batch in batches:
                records = batch.to_pylist()
                _insert(connection, _LISTS, [_list(seq, record) for record in records])
                items = [
                    _item(seq, record["article_id"], item, reserve)
                    for record in records
                    for reserve, name in ((False, "items"), (True, "reserves"))
                    for item in record[name]
                ]
                _insert(connection, _ITEMS, items)
            connection.execute(_VERSIONS.update().values(current=False))
            row = {"seq": seq, "version": details["version"], "current": True}
            connection.execute(_VERSIONS.insert(), {**row, "manifest": orjson.dumps(manifest).decode()})
            known = connection.execute(sa.select(_VERSIONS.c.seq, _VERSIONS.c.version).order_by(_VERSIONS.c.seq)).all()
            if gone := surplus([(row.seq, row.version) for row in known], keep):
                for table in (_LISTS, _ITEMS, _VERSIONS):
                    connection.execute(table.delete().where(table.c.seq.in_(gone)))
        return str(details["version"])

    def purge(self, ids: frozenset[str]) -> int:
        """Delete these stories from every kept version; returns the number of versions that held them."""
        wanted = sorted(ids)
        with _changing(self._engine) as connection:
            touched: set[int] = set()
            for column in (_LISTS.c.article_id, _ITEMS.c.list_of, _ITEMS.c.article_id):
                table = column.table
                for start in range(0, len(wanted), 500):
                    hit = column.in_(wanted[start : start + 500])
                    touched |= set(connection.scalars(sa.select(table.c.seq).where(hit).distinct()))
                    connection.execute(sa.delete(table).where(hit))
            for row in connection.execute(sa.select(_VERSIONS).where(_VERSIONS.c.seq.in_(touched))).all():
                name = purged_name(row.version, ids)
                manifest = orjson.dumps({**orjson.loads(row.manifest), "version": name}).decode()
                connection.execute(
                    _VERSIONS.update().where(_VERSIONS.c.seq == row.seq).values(version=name, manifest=manifest)
                )
        # deleted rows stay in the files until those are rebuilt
        if self._postgresql:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(sa.text(f"VACUUM FULL {_LISTS.name}, {_ITEMS.name}"))
        if self._engine.dialect.name == "sqlite":
            raw: Any = self._engine.raw_connection()
            with closing(raw) as connection:
                connection.driver_connection.execute("VACUUM")
                connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return len(touched)

    def rollback(self, version: str | None = None) -> str:
        """Return to a kept version."""
        with _changing(self._engine) as connection:
            kept = connection.execute(sa.select(_VERSIONS).order_by(_VERSIONS.c.seq)).all()
            current = next((row.seq for row in kept if row.current), 0)
            fits = [row for row in kept if (row.version == version if version else row.seq < current)]
            name = next((row.version for row in kept if row.current), "")
            fits = [row for row in fits if row.version != name] or fits  # an equal version is no way back
            if not fits:
                names = ", ".join(row.version for row in kept)
                raise SnapshotError(f"no version {version or 'before the current'} in {self._name}; kept are: {names}")
            connection.execute(_VERSIONS.update().values(current=_VERSIONS.c.seq == fits[-1].seq))
        return str(fits[-1].version)


def _has_view(connection: sa.Connection) -> bool:
    """Whether the view is there, and not that of an earlier version."""
    inspector = sa.inspect(connection)
    if _VIEW not in inspector.get_view_names():
        return False
    columns = {column["name"] for column in inspector.get_columns(_VIEW)}
    definition = inspector.get_view_definition(_VIEW)
    return "status" in columns and _TAKEN_BACK.name in definition and "unpin" in definition


def _insert(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    if connection.dialect.driver != "psycopg":
        connection.execute(table.insert(), rows)
        return
    names = table.columns.keys()
    into = f"COPY {table.name} ({', '.join(map(connection.dialect.identifier_preparer.quote, names))}) FROM STDIN"
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(into) as copy:
        for row in rows:
            copy.write_row([row[name] for name in names])


def _list(seq: int, record: dict[str, Any]) -> dict[str, Any]:
    story = {**record["story"], "published_at": _naive(record["story"]["published_at"])}
    return {"seq": seq, "article_id": record["article_id"], "status": record["status"], **story}


def _naive(time: datetime | None) -> datetime | None:
    """Not every database keeps zones: stored as UTC."""
    return time.astimezone(UTC).replace(tzinfo=None) if time else None


def _item(seq: int, list_of: str, item: dict[str, Any], reserve: bool) -> dict[str, Any]:
    parts = {_PARTS: item[_PARTS]}
    return {
        **{name: value for name, value in item.items() if name not in parts},
        "seq": seq,
        "list_of": list_of,
        "reserve": reserve,
        "published_at": _naive(item["published_at"]),
        "components": orjson.dumps({**item["components"], **parts}).decode(),
        "reasons": orjson.dumps(item["reasons"]).decode(),
    }


class SqlReader:
    """Records of the version that was current when it was opened."""

    def __init__(self, engine: sa.Engine, seq: int, manifest: dict[str, Any]) -> None:
        self.manifest = manifest
        self._engine, self._seq = engine, seq

    def get(self, article_id: str) -> Record | None:
        """What gives the record of a story, or None."""
        if "\x00" in article_id or encoded(article_id).decode(errors="ignore") != article_id:
            return None  # what no database holds
        of_list = sa.select(_LISTS).where(_LISTS.c.seq == self._seq, _LISTS.c.article_id == article_id)
        of_items = sa.select(_ITEMS).where(_ITEMS.c.seq == self._seq, _ITEMS.c.list_of == article_id)
        with _reading(self._engine) as connection:
            found = connection.execute(of_list).mappings().one_or_none()
            items = connection.execute(of_items.order_by(_ITEMS.c.rank)).mappings().all()
            if found is None:
                self._check_kept(connection)
                return None
        record = self._record(found, items)
        return lambda: record

    def _record(self, found: sa.RowMapping, rows: Iterable[sa.RowMapping]) -> dict[str, Any]:
        items = [(row["reserve"], _record(dict(row))) for row in rows]
        return {
            "article_id": found["article_id"],
            "status": found["status"],
            "k": self.manifest["k"],
            "version": self.manifest["version"],
            "as_of": self.manifest["as_of"],
            "settings": self.manifest["settings_fingerprint"],
            "story": _aware({name: found[name] for name in _STORY}),
            "items": [item for reserve, item in items if not reserve],
            "reserves": [item for reserve, item in items if reserve],
        }

    def _check_kept(self, connection: sa.Connection) -> None:
        """Raise `SnapshotError` if the version is no longer kept, so that no story seems unknown for that."""
        if not connection.scalar(sa.select(sa.func.count()).where(_VERSIONS.c.seq == self._seq)):
            raise SnapshotError(f"version {self.manifest['version']} is no longer kept; refresh() turns to the current")

    def line(self, article_id: str) -> bytes | None:
        """The record of a story as JSON, or None."""
        record = self.get(article_id)
        return record and to_json(current(record()))

    def ids(self) -> Iterator[str]:
        """Ids of all stories."""
        with _reading(self._engine) as connection:
            self._check_kept(connection)
            wanted = sa.select(_LISTS.c.article_id).where(_LISTS.c.seq == self._seq).order_by(_LISTS.c.article_id)
            yield from connection.execution_options(stream_results=True).scalars(wanted)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All records, by id."""
        return as_batches(self._records())

    def _records(self) -> Iterator[Record]:
        lists = sa.select(_LISTS).where(_LISTS.c.seq == self._seq).order_by(_LISTS.c.article_id)
        items = sa.select(_ITEMS).where(_ITEMS.c.seq == self._seq).order_by(_ITEMS.c.list_of, _ITEMS.c.rank)
        with _reading(self._engine) as connection:
            self._check_kept(connection)
            streamed = connection.execution_options(stream_results=True)
            groups = groupby(streamed.execute(items).mappings(), key=lambda row: row["list_of"])
            group = next(groups, None)
            for found in streamed.execute(lists).mappings():  # both in one order
                rows: list[sa.RowMapping] = []
                if group is not None and group[0] == found["article_id"]:
                    rows, group = list(group[1]), next(groups, None)
                record = self._record(found, rows)
                yield lambda record=record: record  # type: ignore[misc]


def _record(row: dict[str, Any]) -> dict[str, Any]:
    for name in ("seq", "list_of", "reserve"):
        del row[name]
    components = orjson.loads(row["components"])
    parts = components.pop(_PARTS, None)  # items of earlier versions have none
    reasons = orjson.loads(row["reasons"])
    return {**_aware(row), "components": components, "contributions": parts, "reasons": reasons}


def _aware(row: dict[str, Any]) -> dict[str, Any]:
    published = row["published_at"]
    plain = {str(name): value for name, value in row.items()}  # SQLAlchemy's names are more than strings
    return {**plain, "published_at": published.replace(tzinfo=UTC) if published else None}


def _named(version: str) -> sa.ColumnElement[bool]:
    return (_VERSIONS.c.version == version) | (sa.cast(_VERSIONS.c.seq, sa.String) == version)


def kept_versions(place: str) -> list[KeptVersion]:
    """The versions of a database, the oldest first."""
    engine = connect(place)
    with _reading(engine) as connection:
        rows = connection.execute(sa.select(_VERSIONS).order_by(_VERSIONS.c.seq)).all()
    return [
        KeptVersion(name=str(row.seq), version=row.version, current=row.current, manifest=orjson.loads(row.manifest))
        for row in rows
    ]


def open_sql(place: str, version: str | None = None) -> tuple[Reader, Tombstones]:
    """Reader and overlay of a database that lists were published to, by default of its current version."""
    engine = connect(place)
    name = _name(engine)
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").is_file():
        raise SnapshotError(f"no published lists in {name}: there is no such file")
    with _reading(engine) as connection:
        held = sa.inspect(connection).has_table(_VERSIONS.name)
        wanted = sa.select(_VERSIONS).where(_VERSIONS.c.current if version is None else _named(version))
        row = connection.execute(wanted.order_by(_VERSIONS.c.seq.desc())).first() if held else None
    if row is None:
        raise SnapshotError(f"no published lists in {name}" if version is None else f"no version {version} in {name}")
    manifest = orjson.loads(row.manifest)
    if manifest["format"] > FORMAT:
        raise SnapshotError(f"{name} was written by recommender {manifest['library']}; this is {__version__}: upgrade")
    return SqlReader(engine, row.seq, manifest), SqlTombstones(engine)
