"""Versions in a SQL database: rows and the pointer to the current version change in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import sqlalchemy as sa

from recommender.errors import PublishError, SnapshotError
from recommender.readnext import current
from recommender.sinks.protocol import Reader, Record, as_batches, purged_name, to_json
from recommender.storage import FORMAT
from recommender.tombstones import Action, Entry, Tombstones, ordered
from recommender.version import __version__

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


def _engine(url: str) -> sa.Engine:
    try:
        engine = sa.create_engine(url)
    except (sa.exc.ArgumentError, ImportError) as error:
        raise PublishError(f"cannot use the database URL: {error}; expected one such as sqlite:///lists.db") from error
    if engine.dialect.name == "sqlite":

        @sa.event.listens_for(engine, "connect")
        def connected(connection: Any, _: Any) -> None:
            connection.isolation_level = None  # SQLAlchemy, not sqlite3, opens transactions
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA busy_timeout=60000")

        @sa.event.listens_for(engine, "begin")
        def begun(connection: sa.Connection) -> None:
            writes = connection.get_execution_options().get("writes")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


class SqlTombstones(Tombstones):
    """The overlay as a table."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._last = 0
        super().__init__()

    def refresh(self) -> None:
        """Read the actions added since."""
        wanted = sa.select(_STONES).where(_STONES.c.number > self._last).order_by(_STONES.c.number)
        with self._engine.connect() as connection:
            for number, action, ids in connection.execute(wanted):
                self._apply(action, orjson.loads(ids))
                self._last = number

    def record(self, action: Action, ids: Iterable[Entry]) -> int:
        """Add an action; returns for how many ids, or pairs of a block, it changed something."""
        wanted = ordered(ids)
        self.refresh()
        before = self.withdrawn, self.withheld, self.blocked
        changed = self._apply(action, wanted)
        self.withdrawn, self.withheld, self.blocked = before
        if changed:
            with self._engine.execution_options(writes=True).begin() as connection:
                connection.execute(_STONES.insert(), {"action": action, "ids": orjson.dumps(wanted).decode()})
            self.refresh()
        return changed


class SqlPublisher:
    """Publishes into a database.

    Parameters
    ----------
    url : str
        SQLAlchemy URL; SQLite needs no server.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._name = self._engine.url.render_as_string(hide_password=True)

    @property
    def tombstones(self) -> Tombstones:
        """The overlay of this database."""
        self.check_writable()
        return SqlTombstones(self._engine)

    def check_writable(self) -> None:
        """Create the tables where missing; raise `PublishError` if that fails."""
        try:
            _META.create_all(self._engine)
        except sa.exc.SQLAlchemyError as error:
            cause = str(getattr(error, "orig", error)).splitlines()[0]
            raise PublishError(f"cannot write to {self._name}: {cause}") from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """The database's own transaction is the lock."""
        self.check_writable()
        yield

    def publish(self, batches: Iterable[pa.RecordBatch], details: dict[str, Any], keep: int) -> str:
        """Write the rows and switch in one transaction."""
        manifest = {"kind": "lists", "format": FORMAT, "library": __version__, "format_of_lists": "sql", **details}
        with self._engine.execution_options(writes=True).begin() as connection:
            seq = (connection.scalar(sa.select(sa.func.max(_VERSIONS.c.seq))) or 0) + 1
            for batch in batches:
                records = batch.to_pylist()
                if not records:
                    continue
                connection.execute(_LISTS.insert(), [_list(seq, record) for record in records])
                items = [
                    _item(seq, record["article_id"], item, reserve)
                    for record in records
                    for reserve, name in ((False, "items"), (True, "reserves"))
                    for item in record[name]
                ]
                if items:
                    connection.execute(_ITEMS.insert(), items)
            connection.execute(_VERSIONS.update().values(current=False))
            row = {"seq": seq, "version": details["version"], "current": True}
            connection.execute(_VERSIONS.insert(), {**row, "manifest": orjson.dumps(manifest).decode()})
            for table in (_LISTS, _ITEMS, _VERSIONS):
                connection.execute(table.delete().where(table.c.seq <= seq - keep))
        return str(details["version"])

    def purge(self, ids: frozenset[str]) -> int:
        """Delete these stories from every kept version; returns the number of versions that held them."""
        wanted = sorted(ids)
        with self._engine.execution_options(writes=True).begin() as connection:
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
        if self._engine.dialect.name == "sqlite":  # deleted rows stay in the file until it is rebuilt
            raw: Any = self._engine.raw_connection()
            with closing(raw) as connection:
                connection.driver_connection.execute("VACUUM")
                connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return len(touched)

    def rollback(self, version: str | None = None) -> str:
        """Return to a kept version."""
        with self._engine.execution_options(writes=True).begin() as connection:
            kept = connection.execute(sa.select(_VERSIONS).order_by(_VERSIONS.c.seq)).all()
            current = next((row.seq for row in kept if row.current), 0)
            fits = [row for row in kept if (row.version == version if version else row.seq < current)]
            if not fits:
                names = ", ".join(row.version for row in kept)
                raise SnapshotError(f"no version {version or 'before the current'} in {self._name}; kept are: {names}")
            connection.execute(_VERSIONS.update().values(current=_VERSIONS.c.seq == fits[-1].seq))
        return str(fits[-1].version)


def _list(seq: int, record: dict[str, Any]) -> dict[str, Any]:
    story = {**record["story"], "published_at": _naive(record["story"]["published_at"])}
    return {"seq": seq, "article_id": record["article_id"], "status": record["status"], **story}


def _naive(time: datetime | None) -> datetime | None:
    """Not every database keeps zones: stored as UTC."""
    return time.astimezone(UTC).replace(tzinfo=None) if time else None


def _item(seq: int, list_of: str, item: dict[str, Any], reserve: bool) -> dict[str, Any]:
    return {
        **item,
        "seq": seq,
        "list_of": list_of,
        "reserve": reserve,
        "published_at": _naive(item["published_at"]),
        "components": orjson.dumps(item["components"]).decode(),
        "reasons": orjson.dumps(item["reasons"]).decode(),
    }


class SqlReader:
    """Records of the version that was current when it was opened."""

    def __init__(self, engine: sa.Engine, seq: int, manifest: dict[str, Any]) -> None:
        self.manifest = manifest
        self._engine, self._seq = engine, seq

    def get(self, article_id: str) -> Record | None:
        """What gives the record of a story, or None."""
        of_list = sa.select(_LISTS).where(_LISTS.c.seq == self._seq, _LISTS.c.article_id == article_id)
        of_items = sa.select(_ITEMS).where(_ITEMS.c.seq == self._seq, _ITEMS.c.list_of == article_id)
        with self._engine.connect() as connection:
            found = connection.execute(of_list).mappings().one_or_none()
            rows = connection.execute(of_items.order_by(_ITEMS.c.rank)).mappings().all()
        if found is None:
            return None
        items = [(row["reserve"], _record(dict(row))) for row in rows]
        record = {
            "article_id": article_id,
            "status": found["status"],
            "k": self.manifest["k"],
            "version": self.manifest["version"],
            "as_of": self.manifest["as_of"],
            "settings": self.manifest["settings_fingerprint"],
            "story": _aware({name: found[name] for name in _STORY}),
            "items": [item for reserve, item in items if not reserve],
            "reserves": [item for reserve, item in items if reserve],
        }
        return lambda: record

    def line(self, article_id: str) -> bytes | None:
        """The record of a story as JSON, or None."""
        record = self.get(article_id)
        return record and to_json(current(record()))

    def ids(self) -> Iterator[str]:
        """Ids of all stories."""
        with self._engine.connect() as connection:
            wanted = sa.select(_LISTS.c.article_id).where(_LISTS.c.seq == self._seq).order_by(_LISTS.c.article_id)
            yield from connection.scalars(wanted)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All records, by id."""
        return as_batches(self.get(article_id) for article_id in self.ids())


def _record(row: dict[str, Any]) -> dict[str, Any]:
    for name in ("seq", "list_of", "reserve"):
        del row[name]
    return {**_aware(row), "components": orjson.loads(row["components"]), "reasons": orjson.loads(row["reasons"])}


def _aware(row: dict[str, Any]) -> dict[str, Any]:
    published = row["published_at"]
    plain = {str(name): value for name, value in row.items()}  # SQLAlchemy's names are more than strings
    return {**plain, "published_at": published.replace(tzinfo=UTC) if published else None}


def open_sql(url: str) -> tuple[Reader, Tombstones]:
    """Reader and overlay of a database that lists were published to."""
    engine = _engine(url)
    name = engine.url.render_as_string(hide_password=True)
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").is_file():
        raise SnapshotError(f"no published lists in {name}: there is no such file")
    try:
        with engine.connect() as connection:
            row = connection.execute(sa.select(_VERSIONS).where(_VERSIONS.c.current)).one_or_none()
    except sa.exc.SQLAlchemyError as error:
        raise SnapshotError(
            f"no published lists in {name}: {str(getattr(error, 'orig', error)).splitlines()[0]}"
        ) from error
    if row is None:
        raise SnapshotError(f"no published lists in {name}")
    manifest = orjson.loads(row.manifest)
    if manifest["format"] > FORMAT:
        raise SnapshotError(f"{name} was written by recommender {manifest['library']}; this is {__version__}: upgrade")
    return SqlReader(engine, row.seq, manifest), SqlTombstones(engine)
