"""Opening a place to publish to, and reading published lists."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from recommender.articles.id_types import Id, id_converter, id_text, id_texts, require_single
from recommender.editorial.decisions import Decisions, OverlayPin, Pair
from recommender.editorial.editor_actions import EditorActions, entry_ids
from recommender.editorial.overlay import Overlay
from recommender.errors import MissingExtraError, SettingsError, SnapshotError
from recommender.lists.boosted import boosted
from recommender.lists.pinned import find_pinned_items
from recommender.lists.readnext import ReadNext, current
from recommender.plugins import names, plugin
from recommender.publishing.protocol import KeptVersion, Publisher, Reader, to_json
from recommender.storage.database import is_database, redacted

if TYPE_CHECKING:
    from recommender.editorial.rules import Rules


def _to_folder(place: str, format: str) -> Publisher:
    from recommender.publishing.folder import FilePublisher

    return FilePublisher(Path(place), format)


def _to_database(place: str, format: str) -> Publisher:
    publisher: Publisher = _sql().SqlPublisher(place)
    return publisher


SINKS: dict[str, Callable[[str, str], Publisher]] = {"jsonl": _to_folder, "parquet": _to_folder, "sql": _to_database}
"""Functions that make the publisher of a format, given the place and the format."""


def open_publisher(place: str | Path, format: str = "jsonl") -> Publisher:
    """Open a publisher for a folder, or for a database URL such as ``sqlite:///lists.db``.

    Raises
    ------
    SettingsError
        If the format is unknown or does not fit the place.
    """
    make = SINKS.get("sql" if is_database(place) and format in SINKS else format) or plugin("sinks", format)
    if make is None:
        raise SettingsError(f"unknown format {format!r}; expected one of {', '.join([*SINKS, *names('sinks')])}")
    publisher: Publisher = make(str(place), format)
    return publisher


class PublishedLists(EditorActions):
    """Lists of the current published version, checked against withdrawals at every call.

    Use `open`. The version stays the same until `refresh`, so that a page never mixes two.

    Examples
    --------
    >>> PublishedLists.open("out").get("story-42").status      # doctest: +SKIP
    'ok'
    """

    def __init__(self, place: str | Path, version: str | None = None) -> None:
        self.place = place
        self._reader, self.overlay = _open_reader(place, version)

    @classmethod
    def open(cls, place: str | Path, version: str | None = None) -> PublishedLists:
        """Open a folder or database URL that a run was published to.

        Parameters
        ----------
        place : path or str
        version : str, optional
            Name or number of a kept version, see `versions`; default: the current one.

        Raises
        ------
        SnapshotError
            If the place has no version, not this one, or one that is damaged, foreign or newer.
        """
        return cls(place, version)

    @staticmethod
    def versions(place: str | Path) -> list[KeptVersion]:
        """List the versions that are kept at a place, the oldest first."""
        if is_database(place):
            versions: list[KeptVersion] = _sql().kept_versions(str(place))
            return versions
        from recommender.publishing.folder_reader import kept_versions

        return kept_versions(Path(place))

    def refresh(self) -> bool:
        """Open the version that is current now, and return whether it differs from the one before."""
        before = self._reader.manifest
        self._reader, self.overlay = _open_reader(self.place)
        self.__dict__.pop("_factors_of_version", None)
        return before != self._reader.manifest

    @property
    def version(self) -> str:
        """Name of the version: equal names, equal lists."""
        return str(self._reader.manifest["version"])

    @property
    def manifest(self) -> dict[str, Any]:
        """Facts about the version: as_of, settings, counts, checksums."""
        return self._reader.manifest

    def get(self, article_id: Id) -> ReadNext:
        """Read the list of a story; its `status` is ok, short, withheld, withdrawn, unknown or not_computed.

        Withdrawals up to this moment are left out. A story that the newsroom's system took back is unknown. The ids of
        the list have the type of `article_id`.
        """
        require_single(article_id, "get", "jsons reads several lists")
        return self._get(id_text(article_id)).with_ids(id_converter(article_id))

    def _get(self, article_id: str) -> ReadNext:
        self.overlay.refresh()
        if article_id in self.overlay.withdrawn:
            return ReadNext(article_id, "withdrawn", version=self.version)
        is_unknown = not isinstance(article_id, str) or article_id in self.overlay.unpublished
        record = None if is_unknown else self._reader.get(article_id)
        if record is None:
            return ReadNext(article_id, "unknown", version=self.version)
        hidden, blocked, decisions = self.overlay.hidden, self.overlay.blocked, self.overlay.decisions
        if article_id in self.overlay.withheld:
            return ReadNext.of(record).without_list("withheld")
        pins, factors = self._pins(article_id, decisions), self._factors(decisions)
        if factors:
            record = boosted(record, factors, self._has_ranker)
        return ReadNext.of(record, hidden, blocked, find_pinned_items(record, pins, self._story))

    def json(self, article_id: Id) -> bytes:
        """Read the list of a story as JSON in the shape of a line of ``lists.jsonl``, to be sent on.

        Withdrawals, blocks and withheld stories count here as in `get`. From JSONL, a list that they do not touch is
        returned as it is stored, without decoding it.
        """
        require_single(article_id, "json", "jsons reads several lists")
        return self.jsons([article_id])[0]

    def jsons(self, article_ids: Sequence[Id], decisions: Decisions | None = None) -> list[bytes]:
        """Read several lists as `json` does, all by the decisions of editors at one moment.

        `decisions` replace those of the overlay, so that the effect of an act can be seen before it is done.
        """
        self.overlay.refresh()
        if decisions is None:
            decisions, hidden = self.overlay.decisions, self.overlay.hidden
        else:
            hidden = decisions.withdrawn | self.overlay.unpublished
        factors = self._factors(decisions)
        return [self._json(article_id, decisions, hidden, factors) for article_id in id_texts(article_ids)]

    def _json(
        self, article_id: str, decisions: Decisions, hidden: frozenset[str], factors: Mapping[str, float]
    ) -> bytes:
        line = None if article_id in hidden else self._reader.line(article_id)
        if line is None:
            status = "withdrawn" if article_id in decisions.withdrawn else "unknown"
            return to_json({**_NO_LIST, "article_id": article_id, "status": status, "version": self.version})[:-1]
        if article_id in decisions.withheld:
            record = {**orjson.loads(line), "status": "withheld", "items": [], "reserves": []}
        else:
            pins = self._pins(article_id, decisions)
            is_boosted = any(b'"section":' + orjson.dumps(section) in line for section in factors)
            if not pins and not is_boosted and not _may_show(line, article_id, hidden, decisions.blocked):
                return line[:-1]
            record = orjson.loads(line)
            if is_boosted:
                record = boosted(record, factors, self._has_ranker)
            record = current(record, hidden, decisions.blocked, find_pinned_items(record, pins, self._story))
        return to_json(record)[:-1]

    def _pins(self, story: str, decisions: Decisions) -> tuple[OverlayPin, ...]:
        """Return the pins of a story that hold now; a pin may end between two runs."""
        pins = decisions.pins
        return tuple(pin for pin in pins[story] if pin.holds(datetime.now(UTC))) if story in pins else ()

    def _factors(self, decisions: Decisions) -> dict[str, float]:
        """Return the factor by which boosts change the scores of each section, compared with those of the version."""
        before = self._factors_of_version
        if not decisions.boosted and not before:
            return {}
        now = decisions.factors(datetime.now(UTC))
        ratios = {section: now.get(section, 1.0) / before.get(section, 1.0) for section in (*now, *before)}
        return {section: ratio for section, ratio in ratios.items() if ratio != 1}

    @cached_property
    def _factors_of_version(self) -> dict[str, float]:
        as_of = self.as_of
        return {
            boost["value"]: boost["factor"]
            for boost in self.manifest.get("rules", {}).get("desk", ())
            if boost["until"] is None or as_of is None or as_of <= datetime.fromisoformat(boost["until"])
        }

    @property
    def _has_ranker(self) -> bool:
        return self.manifest.get("ranker") is not None

    def _story(self, article_id: str) -> dict[str, Any] | None:
        """Read what readers see of a story; None for one that is not public, or not in the version."""
        record = self._reader.get(article_id)
        return None if record is None or record["status"] == "not_computed" else record.get("story")

    def __repr__(self) -> str:
        stories = self.manifest.get("stories")
        return f"<PublishedLists of {redacted(self.place)}: version {self.version}, {stories} stories>"

    def __len__(self) -> int:
        return sum(1 for _ in self.ids())

    def sections(self) -> set[str]:
        """Read all stories of the version, and collect their sections."""
        columns = (batch.column("story").field("section") for batch in self.records(["story.section"]))
        return {name for column in columns for name in column.unique().to_pylist() if name}

    def _article_ids(self) -> Iterable[str]:
        return self.ids()

    def _unknown_ids(self, ids: Iterable[str]) -> list[str]:
        try:
            unknown = [article_id for article_id in ids if self._reader.line(article_id) is None]
            if unknown:  # a version published since then may know them
                newest = _open_reader(self.place)[0]
                unknown = [article_id for article_id in unknown if newest.line(article_id) is None]
        except SnapshotError:
            return []  # a takedown does not wait until a version can be read
        return unknown

    def ids(self) -> Iterator[str]:
        """Yield the ids of all stories of the version that are neither withdrawn nor taken back."""
        self.overlay.refresh()
        hidden = self.overlay.hidden
        return (article_id for article_id in self._reader.ids() if article_id not in hidden)

    def records(self, fields: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        """Yield all lists of the version as they are stored, without regard to later withdrawals.

        Parameters
        ----------
        fields : collection of str, optional
            Names of fields, such as 'article_id' and 'items.article_id': others may be left out, which is faster.
        """
        return self._reader.batches(fields)

    def to_table(self) -> pa.Table:
        """Return all lists as readers see them now as one Arrow table, a row for each item."""
        from recommender.lists.records import to_table

        return to_table(orjson.loads(line) for line in self.jsons(list(self.ids())))

    def shown(self) -> dict[str, set[str]]:
        """Collect the items that each list of the version shows, by the id of its story."""
        return {
            record["article_id"]: {item["article_id"] for item in record["items"]}
            for batch in self.records(["article_id", "items.article_id"])
            for record in batch.select(["article_id", "items"]).to_pylist()
        }

    @property
    def as_of(self) -> datetime | None:
        """The moment that the lists are for; None where time does not count."""
        text = self.manifest.get("as_of")
        return None if text is None else datetime.fromisoformat(text)

    def apply(self, rules: Rules, *, unknown_too: bool = False) -> int:
        """Put the blocks and `no_list` of rules into effect at once, and return how many were new.

        They stay until `unblock` and `release`. Pins, boosts, caps and pairs of topics need a new run.

        Raises
        ------
        UnknownArticleError
            If a block or `no_list` names an unknown id, without `unknown_too`; nothing is done then.
        """
        blocks = [(block.item, block.story) for block in rules.blocks if block.item is not None]
        if not unknown_too:
            self.require_known(entry_ids([*blocks, *rules.no_list]))
        return self.overlay.record("block", blocks) + self.overlay.record("withhold", rules.no_list)


_NO_LIST: dict[str, Any] = {
    "article_id": None,
    "status": None,
    "k": 0,
    "version": None,
    "as_of": None,
    "settings": "",
    "story": None,
    "items": [],
    "reserves": [],
}


def _may_show(line: bytes, article_id: str, hidden: frozenset[str], blocked: frozenset[Pair]) -> bool:
    """Check, without decoding a stored list, whether it may show an item that is withdrawn or blocked."""
    if not hidden and not blocked:
        return False
    # Quotes inside of a JSON string are escaped, so this text is always a key; the first is that of the story itself.
    items = [part[: part.index(b'"')].decode() for part in line.split(b'"article_id":"')[2:]]
    if any("\\" in item for item in items):  # an id with an escape: only the decoded record is certain
        return True
    blocks = blocked and {(item, story) for item in items for story in (None, article_id)}
    return not hidden.isdisjoint(items) or not blocked.isdisjoint(blocks)


def _open_reader(place: str | Path, version: str | None = None) -> tuple[Reader, Overlay]:
    if is_database(place):
        reader_and_overlay: tuple[Reader, Overlay] = _sql().open_sql(str(place), version)
        return reader_and_overlay
    from recommender.publishing.folder_reader import open_files

    return open_files(Path(place), version)


def _sql() -> Any:
    try:
        from recommender.publishing import sql
    except ImportError as error:
        raise MissingExtraError(f"databases need SQLAlchemy ({error}): pip install 'recommender[sql]'") from error
    return sql
