"""What editors decided, and what the input took back, as tables."""

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
    missing,
    place_name,
    reading,
)
from recommender.version import __version__


class _SqlUnpublished(Unpublished):
    """The ids that were taken back as a table of changes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._last = 0
        self._columns: list[str] = []  # that the table has; an earlier version may have made it, or none
        super().__init__()

    def refresh(self) -> None:
        """Read the changes made since."""
        with reading(self._engine) as connection:
            if len(self._columns) < len(TAKEN_BACK.columns) and sa.inspect(connection).has_table(TAKEN_BACK.name):
                lacking = missing(connection, TAKEN_BACK)
                self._columns = [name for name in TAKEN_BACK.columns.keys() if name not in lacking]  # noqa: SIM118
            if not self._columns:
                return
            wanted = sa.select(*(TAKEN_BACK.c[name] for name in self._columns))
            wanted = wanted.where(TAKEN_BACK.c.number > self._last).order_by(TAKEN_BACK.c.number)
            held = dict(self.versions)
            for number, hidden, ids, *versions in connection.execute(wanted):
                named_ids = orjson.loads(ids)
                if hidden:
                    held |= parse_versions(named_ids, orjson.loads(versions[0]) if versions and versions[0] else ())
                else:
                    held = {one: version for one, version in held.items() if one not in set(named_ids)}
                self._last = number
        if held != self.versions:
            self._set(held)

    def change(self, hidden: Collection[str] | Mapping[str, Version], shown: Collection[str]) -> int:
        self.refresh()
        after = self._after(hidden, shown)
        back = sorted(self.ids - after.keys())
        told = {one: after[one] for one in sorted(after) if self.versions.get(one) != after[one]}
        changed = len(after.keys() ^ self.ids)
        news = [{"hidden": False, "ids": orjson.dumps(back).decode(), "versions": None}] if back else []
        if told:
            versions = orjson.dumps([version_texts(one) for one in told.values()]).decode()
            news.append({"hidden": True, "ids": orjson.dumps(list(told)).decode(), "versions": versions})
        if news:
            with changing(self._engine) as connection:
                connection.execute(TAKEN_BACK.insert(), news)
            self.refresh()
        return changed


class SqlOverlay(Overlay):
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
        wanted = sa.select(OVERLAY).where(OVERLAY.c.number > self._last).order_by(OVERLAY.c.number)
        decisions, last = self.decisions, self._last
        with reading(self._engine) as connection:
            for number, action, ids in connection.execute(wanted):
                if action not in KINDS:
                    raise SnapshotError(
                        f"{place_name(self._engine)}: the action {action!r} of {OVERLAY.name} is not known to "
                        f"recommender {__version__}; upgrade recommender"
                    )
                decisions, last = decisions.apply(action, orjson.loads(ids)), number
        self.decisions, self._last = decisions, last

    def record(self, action: Action, ids: Iterable[Entry]) -> int:
        """Add an action; returns for how many ids, or pairs of a block, it changed something."""
        wanted = validated_entries(ids)
        self.refresh()
        if effective := self.decisions.effective_entries(action, wanted):
            with changing(self._engine) as connection:
                connection.execute(OVERLAY.insert(), {"action": action, "ids": orjson.dumps(effective).decode()})
            self.refresh()
        return len(effective)
