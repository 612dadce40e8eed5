"""Published versions read back from a database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC
from itertools import groupby
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import orjson
import pyarrow as pa
import sqlalchemy as sa

from recommender.articles.ids import encode_id
from recommender.editorial.overlay import Overlay
from recommender.errors import SnapshotError
from recommender.lists.readnext import current
from recommender.publishing.protocol import KeptVersion, Reader, as_batches, to_json
from recommender.publishing.sql.overlay import SqlOverlay
from recommender.publishing.sql.tables import (
    ITEMS,
    LISTS,
    PARTS,
    STORY,
    VERSIONS,
    missing_columns,
    place_name,
    reading,
)
from recommender.storage.database import connect
from recommender.storage.versions import FORMAT
from recommender.version import __version__

_COMPLETE: WeakKeyDictionary[sa.Engine, set[str]] = WeakKeyDictionary()  # tables known to have all columns


class SqlReader:
    """Records of the version that was current when it was opened."""

    def __init__(self, engine: sa.Engine, seq: int, manifest: dict[str, Any]) -> None:
        self.manifest = manifest
        self._engine, self._seq = engine, seq
        self._lists, self._items = (_columns(engine, table) for table in (LISTS, ITEMS))

    def get(self, article_id: str) -> dict[str, Any] | None:
        if "\x00" in article_id or encode_id(article_id).decode(errors="ignore") != article_id:
            return None  # an id that no database can store
        of_list = sa.select(*self._lists).where(LISTS.c.seq == self._seq, LISTS.c.article_id == article_id)
        of_items = sa.select(*self._items).where(ITEMS.c.seq == self._seq, ITEMS.c.list_of == article_id)
        with reading(self._engine) as connection:
            list_row = connection.execute(of_list).mappings().one_or_none()
            item_rows = connection.execute(of_items.order_by(ITEMS.c.rank)).mappings().all()
            if list_row is None:
                self._check_kept(connection)
                return None
        return self._record(list_row, item_rows)

    def _record(self, list_row: sa.RowMapping, item_rows: Iterable[sa.RowMapping]) -> dict[str, Any]:
        items = [(row["reserve"], _item(dict(row))) for row in item_rows]
        return {
            "article_id": list_row["article_id"],
            "status": list_row["status"],
            "k": self.manifest["k"],
            "version": self.manifest["version"],
            "as_of": self.manifest["as_of"],
            "settings": self.manifest["settings_fingerprint"],
            "story": _aware({name: list_row[name] for name in STORY}),
            "items": [item for reserve, item in items if not reserve],
            "reserves": [item for reserve, item in items if reserve],
        }

    def _check_kept(self, connection: sa.Connection) -> None:
        """Raise `SnapshotError` if the version is no longer kept, instead of calling its stories unknown."""
        if not connection.scalar(sa.select(sa.func.count()).where(VERSIONS.c.seq == self._seq)):
            raise SnapshotError(f"version {self.manifest['version']} is no longer kept; refresh() turns to the current")

    def line(self, article_id: str) -> bytes | None:
        record = self.get(article_id)
        return None if record is None else to_json(current(record))

    def ids(self) -> Iterator[str]:
        with reading(self._engine) as connection:
            self._check_kept(connection)
            query = sa.select(LISTS.c.article_id).where(LISTS.c.seq == self._seq).order_by(LISTS.c.article_id)
            yield from connection.execution_options(stream_results=True).scalars(query)

    def batches(self, fields: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        """Yield all records, by id."""
        return as_batches(self._records())

    def _records(self) -> Iterator[dict[str, Any]]:
        lists = sa.select(*self._lists).where(LISTS.c.seq == self._seq).order_by(LISTS.c.article_id)
        items = sa.select(*self._items).where(ITEMS.c.seq == self._seq).order_by(ITEMS.c.list_of, ITEMS.c.rank)
        with reading(self._engine) as connection:
            self._check_kept(connection)
            streamed = connection.execution_options(stream_results=True)
            groups = groupby(streamed.execute(items).mappings(), key=lambda row: row["list_of"])
            group = next(groups, None)
            for list_row in streamed.execute(lists).mappings():  # both queries are in the order of the ids
                item_rows: list[sa.RowMapping] = []
                if group is not None and group[0] == list_row["article_id"]:
                    item_rows, group = list(group[1]), next(groups, None)
                yield self._record(list_row, item_rows)


def _columns(engine: sa.Engine, table: sa.Table) -> list[sa.ColumnElement[Any]]:
    """Return the columns to read of a table; null for those that an earlier version of the library did not make."""
    complete = _COMPLETE.setdefault(engine, set())
    if table.name in complete:
        return list(table.columns)
    with reading(engine) as connection:
        lacking = missing_columns(connection, table)
    if not lacking:
        complete.add(table.name)
    return [sa.null().label(column.name) if column.name in lacking else column for column in table.columns]


def _item(row: dict[str, Any]) -> dict[str, Any]:
    for name in ("seq", "list_of", "reserve"):
        del row[name]
    components = orjson.loads(row["components"])
    contributions = components.pop(PARTS, None)  # items that earlier versions of the library wrote have none
    reasons = orjson.loads(row["reasons"])
    return {**_aware(row), "components": components, "contributions": contributions, "reasons": reasons}


def _aware(row: dict[str, Any]) -> dict[str, Any]:
    published = row["published_at"]
    values = {str(name): value for name, value in row.items()}  # SQLAlchemy's names are a subclass of str
    return {**values, "published_at": published.replace(tzinfo=UTC) if published else None}


def kept_versions(place: str) -> list[KeptVersion]:
    """List the versions of a database, the oldest first."""
    engine = connect(place)
    with reading(engine) as connection:
        rows = connection.execute(sa.select(VERSIONS).order_by(VERSIONS.c.seq)).all()
    return [
        KeptVersion(name=str(row.seq), version=row.version, current=row.current, manifest=orjson.loads(row.manifest))
        for row in rows
    ]


def open_sql(place: str, version: str | None = None) -> tuple[Reader, Overlay]:
    """Open a database that lists were published to, with its overlay; by default at its current version."""
    engine = connect(place)
    name = place_name(engine)
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").is_file():
        raise SnapshotError(f"no published lists in {name}: there is no such file")
    with reading(engine) as connection:
        has_versions = sa.inspect(connection).has_table(VERSIONS.name)
        is_named = (VERSIONS.c.version == version) | (sa.cast(VERSIONS.c.seq, sa.String) == version)
        query = sa.select(VERSIONS).where(VERSIONS.c.current if version is None else is_named)
        row = connection.execute(query.order_by(VERSIONS.c.seq.desc())).first() if has_versions else None
    if row is None:
        raise SnapshotError(f"no published lists in {name}" if version is None else f"no version {version} in {name}")
    manifest = orjson.loads(row.manifest)
    if manifest["format"] > FORMAT:
        raise SnapshotError(f"{name} was written by recommender {manifest['library']}; this is {__version__}: upgrade")
    return SqlReader(engine, row.seq, manifest), SqlOverlay(engine)
