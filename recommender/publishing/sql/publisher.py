"""Versions published to a database: rows and the pointer to the current version change in one transaction.

Rows go to PostgreSQL by COPY, elsewhere by inserts of many rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa
import sqlalchemy as sa

from recommender.editorial.overlay import Overlay
from recommender.errors import PublishError, SnapshotError
from recommender.publishing.protocol import purged_name
from recommender.publishing.sql.overlay import SqlOverlay
from recommender.publishing.sql.tables import (
    CURRENT_LISTS,
    ITEMS,
    LISTS,
    META,
    PARTS,
    TAKEN_BACK,
    VERSIONS,
    VIEW,
    changing,
    missing_columns,
    place_name,
)
from recommender.storage.database import cause, connect
from recommender.storage.versions import FORMAT, versions_to_delete
from recommender.version import __version__

_LOCK = 1_919_247_213  # the first of two numbers that name the writer's lock; "rec" and "m" in ASCII
_CREATING = _LOCK << 32  # a lock of one number, so never one of a writer


class SqlPublisher:
    """Publishes into the database with a URL, or with the URL in an environment variable (``env:NAME``)."""

    def __init__(self, place: str) -> None:
        self._engine = connect(place)
        self._name = place_name(self._engine)
        self._postgresql = self._engine.dialect.name == "postgresql"

    @property
    def overlay(self) -> Overlay:
        """The overlay of this database."""
        self.check_writable()
        return SqlOverlay(self._engine)

    def check_writable(self) -> None:
        """Create tables and view where missing; raise `PublishError` if that fails."""
        try:
            with self._engine.begin() as connection:
                if self._postgresql:  # several processes that create the tables at once would fail, all but one
                    connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_CREATING})"))
                META.create_all(connection)
                for table in (LISTS, ITEMS, TAKEN_BACK):
                    for name in missing_columns(connection, table):
                        connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {name} TEXT"))
                if self._postgresql and not _has_view(connection):
                    connection.execute(CURRENT_LISTS)  # only then, since it waits for all readers of the view
        except sa.exc.SQLAlchemyError as error:
            raise PublishError(f"cannot write to {self._name}: {cause(error)}") from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the writer's lock, which ends with the connection; in SQLite the transaction is the lock.

        Raises `PublishError` if another process is writing here.
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
                with suppress(sa.exc.SQLAlchemyError):  # unlocked at once, before the server notices the closing
                    connection.scalar(sa.select(sa.func.pg_advisory_unlock(_LOCK, schema)))
                connection.invalidate()  # closes the connection even if the server does not answer any more

    def publish(self, batches: Iterable[pa.RecordBatch], details: dict[str, Any], keep: int) -> str:
        """Write the rows and switch in one transaction.

        Raises `PublishError` if the database fails; it stays as it was.
        """
        manifest = {"kind": "lists", "format": FORMAT, "library": __version__, "format_of_lists": "sql", **details}
        with changing(self._engine) as connection:
            seq = (connection.scalar(sa.select(sa.func.max(VERSIONS.c.seq))) or 0) + 1
            for batch in batches:
                records = batch.to_pylist()
                _insert(connection, LISTS, [_list_row(seq, record) for record in records])
                items = [
                    _item_row(seq, record["article_id"], item, reserve)
                    for record in records
                    for reserve, name in ((False, "items"), (True, "reserves"))
                    for item in record[name]
                ]
                _insert(connection, ITEMS, items)
            connection.execute(VERSIONS.update().values(current=False))
            row = {"seq": seq, "version": details["version"], "current": True}
            connection.execute(VERSIONS.insert(), {**row, "manifest": orjson.dumps(manifest).decode()})
            versions = connection.execute(sa.select(VERSIONS.c.seq, VERSIONS.c.version).order_by(VERSIONS.c.seq)).all()
            if deleted := versions_to_delete([(row.seq, row.version) for row in versions], keep):
                for table in (LISTS, ITEMS, VERSIONS):
                    connection.execute(table.delete().where(table.c.seq.in_(deleted)))
        return str(details["version"])

    def purge(self, ids: frozenset[str]) -> int:
        """Delete these stories from every kept version, and return the number of versions that had them."""
        sorted_ids = sorted(ids)
        with changing(self._engine) as connection:
            touched: set[int] = set()
            for column in (LISTS.c.article_id, ITEMS.c.list_of, ITEMS.c.article_id):
                table = column.table
                for start in range(0, len(sorted_ids), 500):
                    is_purged = column.in_(sorted_ids[start : start + 500])
                    touched |= set(connection.scalars(sa.select(table.c.seq).where(is_purged).distinct()))
                    connection.execute(sa.delete(table).where(is_purged))
            for row in connection.execute(sa.select(VERSIONS).where(VERSIONS.c.seq.in_(touched))).all():
                name = purged_name(row.version, ids)
                manifest = orjson.dumps({**orjson.loads(row.manifest), "version": name}).decode()
                connection.execute(
                    VERSIONS.update().where(VERSIONS.c.seq == row.seq).values(version=name, manifest=manifest)
                )
        # Deleted rows stay in the files of the database until those are rebuilt.
        if self._postgresql:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(sa.text(f"VACUUM FULL {LISTS.name}, {ITEMS.name}"))
        if self._engine.dialect.name == "sqlite":
            raw: Any = self._engine.raw_connection()
            with closing(raw) as connection:
                connection.driver_connection.execute("VACUUM")
                connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return len(touched)

    def rollback(self, version: str | None = None) -> str:
        """Switch back to a kept version."""
        with changing(self._engine) as connection:
            kept = connection.execute(sa.select(VERSIONS).order_by(VERSIONS.c.seq)).all()
            current_seq, current = next(((row.seq, row.version) for row in kept if row.current), (0, ""))
            matches = [row for row in kept if (row.version == version if version else row.seq < current_seq)]
            # A version of the same name has the same lists, so going back to it would change nothing.
            matches = [row for row in matches if row.version != current] or matches
            if not matches:
                names = ", ".join(row.version for row in kept)
                raise SnapshotError(f"no version {version or 'before the current'} in {self._name}; kept are: {names}")
            connection.execute(VERSIONS.update().values(current=VERSIONS.c.seq == matches[-1].seq))
        return str(matches[-1].version)


def _has_view(connection: sa.Connection) -> bool:
    """Check whether the database has the view in its present form, and not that of an earlier version."""
    inspector = sa.inspect(connection)
    if VIEW not in inspector.get_view_names():
        return False
    columns = {column["name"] for column in inspector.get_columns(VIEW)}
    definition = inspector.get_view_definition(VIEW)
    return "outlet" in columns and TAKEN_BACK.name in definition and "unboost" in definition


def _insert(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    if connection.dialect.driver != "psycopg":
        connection.execute(table.insert(), rows)
        return
    names = table.columns.keys()
    columns = ", ".join(map(connection.dialect.identifier_preparer.quote, names))
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([row[name] for name in names])


def _list_row(seq: int, record: dict[str, Any]) -> dict[str, Any]:
    row = {"seq": seq, "article_id": record["article_id"], "status": record["status"], **record["story"]}
    return {**row, "published_at": _naive(row["published_at"])}


def _naive(time: datetime | None) -> datetime | None:
    """Drop the zone of a time, in UTC: not every database keeps zones."""
    return time.astimezone(UTC).replace(tzinfo=None) if time else None


def _item_row(seq: int, list_of: str, item: dict[str, Any], reserve: bool) -> dict[str, Any]:
    return {
        **{name: value for name, value in item.items() if name != PARTS},
        "seq": seq,
        "list_of": list_of,
        "reserve": reserve,
        "published_at": _naive(item["published_at"]),
        "components": orjson.dumps({**item["components"], PARTS: item[PARTS]}).decode(),
        "reasons": orjson.dumps(item["reasons"]).decode(),
    }
