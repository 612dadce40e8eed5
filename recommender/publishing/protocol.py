"""The protocols of sinks, which publish versions of lists, and of readers of one version."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import orjson
import pyarrow as pa

from recommender.editorial.overlay import Overlay
from recommender.lists.readnext import without

_BATCH = 512  # records of an Arrow batch


class Publisher(Protocol):
    """A place that versions are published to."""

    @property
    def overlay(self) -> Overlay:
        """The overlay of the place, read by every reader."""
        ...

    def check_writable(self) -> None:
        """Raise `PublishError` before any work if nothing can be written."""

    def writing(self) -> AbstractContextManager[None]:
        """Hold the writer's lock, so that nobody else publishes meanwhile."""
        ...

    def publish(self, batches: Iterable[pa.RecordBatch], details: dict[str, Any], keep: int) -> str:
        """Write records as the next version, switch to it and return its name. Needs `writing`."""
        ...

    def purge(self, ids: frozenset[str]) -> int:
        """Delete stories from every kept version, and return the number of versions rewritten."""
        ...

    def rollback(self, version: str | None = None) -> str:
        """Switch back to a kept version, by default the previous one, and return its name."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVersion:
    """One published version that is kept.

    Attributes
    ----------
    name : str
        Unique at its place, such as '000012-0f3a5b7c9d1e'; a number in a database.
    version : str
        Equal for equal lists.
    current : bool
        Whether readers see this version.
    manifest : dict
        Facts about the version: as_of, settings, counts.
    """

    name: str
    version: str
    current: bool
    manifest: dict[str, Any]


def purged_name(version: str, ids: frozenset[str]) -> str:
    """Return the name of a version after a purge, which makes other lists of it."""
    return hashlib.sha256(repr((version, sorted(ids))).encode()).hexdigest()[:12]


def to_json(record: dict[str, Any]) -> bytes:
    """Write a record as one line of JSON."""
    return orjson.dumps(record, option=orjson.OPT_UTC_Z) + b"\n"


class Reader(Protocol):
    """Records of one published version."""

    manifest: dict[str, Any]

    def get(self, article_id: str) -> dict[str, Any] | None:
        """Read the record of a story, or None."""
        ...

    def line(self, article_id: str) -> bytes | None:
        """Read the record of a story as JSON, or None."""
        ...

    def ids(self) -> Iterator[str]:
        """Yield the ids of all stories of the version."""
        ...

    def batches(self, fields: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        """Yield all records as they are stored; a reader may leave out what is not among `fields`, if any are named.

        A field of a list is named like 'items.article_id'.
        """
        ...


def as_batches(records: Iterable[dict[str, Any] | None]) -> Iterator[pa.RecordBatch]:
    """Convert records to Arrow batches."""
    from recommender.lists.records import RECORD  # needs SciPy, which readers of single lists do without

    known = (record for record in records if record is not None)
    while block := list(islice(known, _BATCH)):
        yield pa.RecordBatch.from_pylist(without(block, frozenset())[0], schema=RECORD)
