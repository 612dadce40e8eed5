"""The overlay, and the stories taken back by the input, as tables of a database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from threading import Lock

import orjson
import sqlalchemy as sa

from recommender.editorial.decisions import KINDS, Action, Entry
from recommender.editorial.overlay import Overlay, validated_entries
from recommender.editorial.unpublished import Unpublished, Version, parse_versions, version_texts
from recommender.errors import SnapshotError
from recommender.publishing.sql.tables import (
    OVERLAY,
    TAKEN_BACK,
    changing,
    missing_columns,
    place_name,
    reading,
)
from recommender.version import __version__


class _SqlUnpublished(Unpublished):
    """The ids that were taken back, as a table of changes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._last = 0
        self._columns: list[str] = []  # of the table, which an earlier version of the library may have made, or none
        super().__init__()

    def refresh(self) -> None:
        """Read the changes made since."""
        with reading(self._engine) as connection:
            if len(self._columns) < len(TAKEN_BACK.columns) and sa.inspect(connection).has_table(TAKEN_BACK.name):
                lacking = missing_columns(connection, TAKEN_BACK)
                self._columns = [name for name in TAKEN_BACK.columns.keys() if name not in lacking]  # noqa: SIM118
            if not self._columns:
                return
            query = sa.select(*(TAKEN_BACK.c[name] for name in self._columns))
            query = query.where(TAKEN_BACK.c.number > self._last).order_by(TAKEN_BACK.c.number)
            state = dict(self.versions)
            for number, is_hidden, ids_json, *versions_json in connection.execute(query):
                ids = orjson.loads(ids_json)
                if is_hidden:
                    state |= parse_versions(ids, orjson.loads(versions_json[0]) if any(versions_json) else ())
                else:
                    for article_id in ids:
                        state.pop(article_id, None)
                self._last = number
        if state != self.versions:
            self._set(state)

    def change(self, hidden: Collection[str] | Mapping[str, Version], shown: Collection[str]) -> int:
        self.refresh()
        after = self._after(hidden, shown)
        restored = sorted(self.ids - after.keys())
        taken_back = [article_id for article_id in sorted(after) if self.versions.get(article_id) != after[article_id]]
        n_changed = len(after.keys() ^ self.ids)
        rows = [{"hidden": False, "ids": orjson.dumps(restored).decode(), "versions": None}] if restored else []
        if taken_back:
            versions = orjson.dumps([version_texts(after[article_id]) for article_id in taken_back]).decode()
            rows.append({"hidden": True, "ids": orjson.dumps(taken_back).decode(), "versions": versions})
        if rows:
            with changing(self._engine) as connection:
                connection.execute(TAKEN_BACK.insert(), rows)
            self.refresh()
        return n_changed


class SqlOverlay(Overlay):
    """The overlay as a table."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._last = 0
        self._lock = Lock()  # several threads would apply new actions at once, and out of order
        super().__init__()
        self._unpublished = _SqlUnpublished(engine)

    def refresh(self) -> None:
        """Read the actions added since."""
        with self._lock:
            self._unpublished.refresh()
            self._read()

    def _read(self) -> None:
        query = sa.select(OVERLAY).where(OVERLAY.c.number > self._last).order_by(OVERLAY.c.number)
        decisions, last = self.decisions, self._last
        with reading(self._engine) as connection:
            for number, action, ids in connection.execute(query):
                if action not in KINDS:
                    raise SnapshotError(
                        f"{place_name(self._engine)}: the action {action!r} of {OVERLAY.name} is not known to "
                        f"recommender {__version__}; upgrade recommender"
                    )
                decisions, last = decisions.apply(action, orjson.loads(ids)), number
        self.decisions, self._last = decisions, last

    def record(self, action: Action, ids: Iterable[Entry]) -> int:
        """Add an action, and return for how many ids, or pairs of a block, it changed something."""
        self.refresh()
        if effective := self.decisions.effective_entries(action, validated_entries(ids)):
            with changing(self._engine) as connection:
                connection.execute(OVERLAY.insert(), {"action": action, "ids": orjson.dumps(effective).decode()})
            self.refresh()
        return len(effective)
