"""What editors decided, and what the input took back, as tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from threading import Lock

import orjson
import sqlalchemy as sa

from recommender.editorial.decisions import KINDS, Action, Entry
from recommender.editorial.overlay import Tombstones, named
from recommender.editorial.unpublished import Unpublished
from recommender.errors import SnapshotError
from recommender.publishing.sql.tables import (
    STONES,
    TAKEN_BACK,
    changing,
    place_name,
    reading,
)
from recommender.version import __version__


class _SqlUnpublished(Unpublished):
    """The ids that were taken back as a table of changes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._last = 0
        self._exists = False
        super().__init__()

    def refresh(self) -> None:
        """Read the changes made since."""
        wanted = sa.select(TAKEN_BACK).where(TAKEN_BACK.c.number > self._last).order_by(TAKEN_BACK.c.number)
        with reading(self._engine) as connection:
            # databases that earlier versions published to have no such table
            self._exists = self._exists or sa.inspect(connection).has_table(TAKEN_BACK.name)
            for number, hidden, ids in connection.execute(wanted) if self._exists else ():
                named_ids = orjson.loads(ids)
                self.ids = self.ids.union(named_ids) if hidden else self.ids.difference(named_ids)
                self._last = number

    def change(self, hidden: Collection[str], shown: Collection[str]) -> int:
        self.refresh()
        after = self.ids.difference(shown).union(hidden)
        rows = [(False, sorted(self.ids - after)), (True, sorted(after - self.ids))]
        news = [{"hidden": hides, "ids": orjson.dumps(ids).decode()} for hides, ids in rows if ids]
        if news:
            with changing(self._engine) as connection:
                connection.execute(TAKEN_BACK.insert(), news)
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
        wanted = sa.select(STONES).where(STONES.c.number > self._last).order_by(STONES.c.number)
        decisions, last = self.decisions, self._last
        with reading(self._engine) as connection:
            for number, action, ids in connection.execute(wanted):
                if action not in KINDS:
                    raise SnapshotError(
                        f"{place_name(self._engine)}: the action {action!r} of {STONES.name} is not known to "
                        f"recommender {__version__}; upgrade recommender"
                    )
                decisions, last = decisions.after(action, orjson.loads(ids)), number
        self.decisions, self._last = decisions, last

    def record(self, action: Action, ids: Iterable[Entry]) -> int:
        """Add an action; returns for how many ids, or pairs of a block, it changed something."""
        wanted = named(ids)
        self.refresh()
        if news := self.decisions.news(action, wanted):
            with changing(self._engine) as connection:
                connection.execute(STONES.insert(), {"action": action, "ids": orjson.dumps(news).decode()})
            self.refresh()
        return len(news)
