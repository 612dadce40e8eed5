"""New stories and new versions of known ones: the next state of an archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.archive.build import with_languages
from recommender.archive.rows import append_rows
from recommender.articles.article import row_digest
from recommender.articles.catalog import Catalog
from recommender.embedders.stories import StoryVectors
from recommender.errors import InputError
from recommender.reading.report import ReadReport

TakenBack = Mapping[str, tuple[datetime | None, datetime | None]]
"""Ids that are not published any more, with the times of the rows that took them back."""
_NEVER = datetime.min.replace(tzinfo=UTC)
_NONE: TakenBack = MappingProxyType({})
_RETURNED = "rows are older than those that took their stories back, and were ignored"
_AGAIN = "stories are published again after they were taken back, without times of change that could be compared"
_IGNORED = "changed rows are older than the archive's versions of their stories, and were ignored"


@dataclass(frozen=True, slots=True)
class Changes:
    """What `Recommender.update` did, in stories."""

    added: int
    replaced: int
    unchanged: int
    unpublished: int = 0


class _Sorted(NamedTuple):
    """Rows of a table that are new or replace others, catalog rows that they replace, and how many rows do neither."""

    fresh: list[int]
    replaced: list[int]
    unchanged: int


def update_archive(
    archive: Archive,
    table: pa.Table,
    report: ReadReport,
    vectors: StoryVectors,
    taken_back: TakenBack = _NONE,
) -> tuple[Archive, Changes, int]:
    """Add stories that were read to an archive, replace changed ones, and remove what is not published any more.

    Vocabulary and fitted vectors stay. The report says what was ignored: rows that are older than what the archive
    holds of their stories, or than the rows that took these back, with the times in `taken_back`.

    Raises `InputError` if no story would be left.

    Returns
    -------
    archive : Archive
        The next state, or the same where nothing changed.
    changes : Changes
    embedded : int
        Texts that had to be embedded.
    """
    table = with_languages(table, archive)
    fresh, replaced, unchanged = _sort_rows(archive.catalog, table, report, taken_back)
    gone = _rows_taken_back(archive.catalog, report)
    if len(gone) == int(archive.catalog.alive.sum()) and not fresh:
        raise InputError(f"none of the {len(gone):,} stories of the archive would be left: all are taken back")
    embedded = 0
    if fresh or len(gone):
        added = table.take(pa.array(fresh, pa.int64()))
        catalog = archive.catalog.append(added, np.concatenate([np.array(replaced, dtype=np.int64), gone]))
        new_vectors = archive.vectors[:0]
        if fresh:
            new_vectors, embedded = vectors.embed(catalog.boilerplate.cleaned(added), archive.site)
        archive = append_rows(archive, catalog, added, new_vectors)
    return archive, Changes(len(fresh) - len(replaced), len(replaced), unchanged, len(gone)), embedded


def without_returned(table: pa.Table, report: ReadReport, taken_back: TakenBack) -> tuple[pa.Table, list[str]]:
    """Remove rows that are older than those that took their stories back, by the rule of a refresh; return their ids.

    The report counts them as superseded, and says how many rows were ignored.
    """
    if not taken_back:
        return table, []
    ids = table["id"].to_pylist()
    known = [number for number, article_id in enumerate(ids) if article_id in taken_back]
    if not known:
        return table, []
    times = table.select(["id", "updated_at", "published_at"]).take(pa.array(known, pa.int64())).to_pylist()
    returned = [number for number, row in zip(known, times, strict=True) if _is_returned(row, report, taken_back)]
    report.superseded += len(returned)
    report.accepted -= len(returned)
    kept = np.delete(np.arange(len(table)), returned)
    return table.take(pa.array(kept)), [ids[number] for number in returned]


def _is_returned(row: Mapping[str, Any], report: ReadReport, taken_back: TakenBack) -> bool:
    """Check whether a row is older than the one that took its story back; the report notes what is ignored or back."""
    if row["id"] not in taken_back:
        return False
    updated, published = taken_back[row["id"]]
    if row["updated_at"] and _is_older(row, {"updated_at": updated, "published_at": published}):
        report.notes.add(_RETURNED, row["id"])
        return True
    if not (row["updated_at"] and updated):
        report.notes.add(_AGAIN, row["id"])
    return False


def _sort_rows(
    catalog: Catalog,
    table: pa.Table,
    report: ReadReport,
    taken_back: TakenBack,
) -> _Sorted:
    """Find which rows of a table are new or replace others; the report says which were ignored."""
    fresh, replaced, unchanged = [], [], 0
    for number, row in enumerate(table.to_pylist()):
        if row["id"] not in catalog:
            if _is_returned(row, report, taken_back):
                unchanged += 1
            else:
                fresh.append(number)
            continue
        known_row = catalog.row(row["id"])
        known = catalog.table.slice(known_row, 1).to_pylist()[0]
        is_same = row_digest(known) == row_digest(_with_known_links(row, known))
        if is_same or _is_older(row, known):
            unchanged += 1
            if not is_same:
                report.notes.add(_IGNORED, row["id"])
        else:
            fresh.append(number)
            replaced.append(known_row)
    return _Sorted(fresh, replaced, unchanged)


def _rows_taken_back(catalog: Catalog, report: ReadReport) -> NDArray[np.int64]:
    """Find the stories that the input says are unpublished, unless that is older than what the archive holds."""
    ids = list(report.taken_back)
    rows = catalog.find(ids)
    known = np.flatnonzero(rows >= 0)
    times = catalog.table.select(["updated_at", "published_at"]).take(pa.array(rows[known])).to_pylist()
    gone = []
    for number, known_times in zip(known.tolist(), times, strict=True):
        updated, published = report.taken_back[ids[number]]
        if updated is not None and _is_older({"updated_at": updated, "published_at": published}, known_times):
            report.notes.add(_IGNORED, ids[number])
        else:
            gone.append(rows[number])
    return np.array(gone, dtype=np.int64)


def _with_known_links(row: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the links of an earlier version to a row that has no new ones."""
    return row | {"links": known["links"]} if all(link in known["links"] for link in row["links"]) else row


def _is_older(row: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Check whether a row is an older version: changed earlier, or changed as early and published earlier."""
    updated, known_updated = row["updated_at"] or _NEVER, known["updated_at"] or _NEVER
    published = row["published_at"] or known["published_at"]  # a row without a date is not older for that
    is_published_earlier = (published or _NEVER) < (known["published_at"] or _NEVER)
    return updated < known_updated or (updated == known_updated and is_published_earlier)
