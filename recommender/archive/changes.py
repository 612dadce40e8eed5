"""New stories and new versions of known ones -> the next state of an archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.archive.build import with_languages
from recommender.archive.rows import extended
from recommender.articles.article import row_digest
from recommender.articles.catalog import Catalog
from recommender.embedders.stories import StoryVectors
from recommender.errors import InputError
from recommender.reading.report import ReadReport

_NEVER = datetime.min.replace(tzinfo=UTC)
_NONE: Mapping[str, tuple[datetime | None, datetime | None]] = MappingProxyType({})
_RETURNED = "rows are older than those that took their stories back, and were ignored"
_IGNORED = "changed rows are older than what the archive holds of their stories, and were ignored"


@dataclass(frozen=True, slots=True)
class Changes:
    """What `Recommender.update` did, in stories."""

    added: int
    replaced: int
    unchanged: int
    unpublished: int = 0


def changed_archive(
    archive: Archive,
    table: pa.Table,
    report: ReadReport,
    vectors: StoryVectors,
    taken_back: Mapping[str, tuple[datetime | None, datetime | None]] = _NONE,
) -> tuple[Archive, Changes, int]:
    """Add stories that were read to an archive, replace changed ones, and take out what is not published any more.

    Vocabulary and fitted vectors stay. What was ignored is told in the report: rows that are older than what the
    archive holds of their stories, or than the rows that took these back, whose times `taken_back` tells.

    Returns
    -------
    archive : Archive
        The next state, or the same where nothing changed.
    changes : Changes
    embedded : int
        Texts that had to be embedded.

    Raises
    ------
    InputError
        If no story would be left.
    """
    table = with_languages(table, archive)
    fresh, replaces, unchanged = [], [], 0
    for place, row in enumerate(table.to_pylist()):
        if row["id"] not in archive.catalog:
            updated, published = taken_back.get(row["id"], (None, None))
            if row["updated_at"] and _is_older(row, {"updated_at": updated, "published_at": published}):
                unchanged += 1
                report.told.add(_RETURNED, row["id"])
            else:
                fresh.append(place)
            continue
        held = archive.catalog.row(row["id"])
        old = archive.catalog.table.slice(held, 1).to_pylist()[0]
        same = row_digest(old) == row_digest(_with_known_links(row, old))
        if same or _is_older(row, old):
            unchanged += 1
            if not same:
                report.told.add(_IGNORED, row["id"])
        else:
            fresh.append(place)
            replaces.append(held)
    gone = _taken_back(archive.catalog, report)
    if len(gone) == int(archive.catalog.alive.sum()) and not fresh:
        raise InputError(f"none of the {len(gone):,} stories of the archive would be left: all are taken back")
    embedded = 0
    if fresh or len(gone):
        added = table.take(pa.array(fresh, pa.int64()))
        catalog = archive.catalog.append(added, np.concatenate([np.array(replaces, dtype=np.int64), gone]))
        made = archive.vectors[:0]
        if fresh:
            made, embedded = vectors.embed(catalog.boilerplate.cleaned(added), archive.site)
        archive = extended(archive, catalog, added, made)
    return archive, Changes(len(fresh) - len(replaces), len(replaces), unchanged, len(gone)), embedded


def _taken_back(catalog: Catalog, report: ReadReport) -> NDArray[np.int64]:
    """Find the stories that the input says are unpublished, unless that is older than what the archive holds."""
    ids = list(report.taken_back)
    rows = catalog.find(ids)
    found = np.flatnonzero(rows >= 0)
    held = catalog.table.select(["updated_at", "published_at"]).take(pa.array(rows[found])).to_pylist()
    gone = []
    for place, old in zip(found.tolist(), held, strict=True):
        updated, published = report.taken_back[ids[place]]
        if updated is not None and _is_older({"updated_at": updated, "published_at": published}, old):
            report.told.add(_IGNORED, ids[place])
        else:
            gone.append(rows[place])
    return np.array(gone, dtype=np.int64)


def _with_known_links(row: dict[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the links of an earlier version to a row that has no new ones."""
    return row | {"links": held["links"]} if all(link in held["links"] for link in row["links"]) else row


def _is_older(row: Mapping[str, Any], held: Mapping[str, Any]) -> bool:
    """Tell whether a row is an older version than the one held: changed earlier, or as early and published earlier."""
    changed, before = row["updated_at"] or _NEVER, held["updated_at"] or _NEVER
    published = row["published_at"] or held["published_at"]  # one that lacks it is not older for that
    return changed < before or (changed == before and (published or _NEVER) < (held["published_at"] or _NEVER))
