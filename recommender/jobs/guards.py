"""Checks that keep a bad version from replacing a good one: each refuses to publish, and names what allows it."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.articles.catalog import Catalog
from recommender.articles.columns import to_micros
from recommender.errors import DamagedError, PublishError, SettingsError, SnapshotError
from recommender.publishing import PublishedLists
from recommender.reading.report import ReadReport
from recommender.settings import PublishSettings
from recommender.storage.database import is_database
from recommender.storage.versions import folder_kind

_FEWEST = 10  # stories or rows that must be affected: in a handful each is a large share
_FEWEST_AT_FIRST = 100  # the same for a first version, which replaces nothing
_DAY = timedelta(days=1)
_OWN_FOLDERS = {"versions", "current", "cache", ".staging", ".resume", ".work"}
"""Folders inside published lists or a saved archive whose contents come and go by themselves."""
_ALLOW = "nothing was published. To publish all the same: --allow-worse"


@dataclass
class Guards:
    """The checks of one run against the last published version; each raises `PublishError` to refuse the new one."""

    settings: PublishSettings
    last: Mapping[str, Any]  # manifest of the last version; empty at a first publish
    allowed: bool = False  # whether a worse version may be published: nothing is refused then
    # shares of this version that its manifest keeps, so that the next one can be compared with it
    shares: dict[str, float] = field(default_factory=dict)

    @classmethod
    def from_published(cls, lists: str | Path, settings: PublishSettings, allowed: bool = False) -> Guards:
        """Prepare the guards of a place, which compare a new version with the one that is published there."""
        try:
            return cls(settings, PublishedLists.open(lists).manifest, allowed)
        except SnapshotError:  # there is no version, or none that can be compared with
            return cls(settings, {}, allowed)

    def check_rows(self, report: ReadReport) -> None:
        """Refuse an input of which too many rows are bad, or at a first publish too many dates."""
        lost = report.lost["published_at"]
        is_first = not self.last  # `check_stories` compares later versions with the last
        if is_first and not self.allowed and lost >= _FEWEST and lost > self.settings.max_rejected_share * report.read:
            raise PublishError(
                f"{lost:,} of {report.read:,} dates could not be read (reading.date_format), more than "
                f"publish.max_rejected_share allows; {_ALLOW}"
            )
        rejected, limit = len(report.rejected), self.settings.max_rejected_share
        share = rejected / max(report.read, 1)
        if rejected >= _FEWEST and share > limit and not self.allowed:
            reason, count = report.commonest
            raise PublishError(
                f"{rejected:,} of {report.read:,} rows were rejected ({share:.0%}), {count:,} of them for: {reason}; "
                f"that is more than publish.max_rejected_share; {_ALLOW}"
            )

    def check_stories(self, table: pa.Table, current: NDArray[np.bool_]) -> None:
        """Refuse stories that lack what those of the last version had: dates, bodies, sections.

        Parameters
        ----------
        table : pyarrow.Table, n rows of `articles.SCHEMA`
        current : ndarray of bool, shape (n,)
            Rows that are no replaced versions.
        """
        for name, missing in (
            ("without a date", pc.is_null(table["published_at"])),
            ("without a body", pc.equal(table["body"], "")),
            ("without a section", pc.is_null(table["section"])),
        ):
            self._check_share(f"stories {name}", int((missing.to_numpy() & current).sum()), int(current.sum()))

    def check_moment(self, as_of: datetime | None, published: NDArray[np.int64], now: datetime) -> None:
        """Refuse a moment that cannot be: long before the last version's, the epoch, or a future of most stories."""
        if self.allowed:
            return
        dated = published[published != UNDATED]
        ahead = int((dated > to_micros(now + _DAY)).sum())
        if ahead >= _FEWEST and ahead > self.settings.max_future_share * len(dated):
            raise PublishError(
                f"{ahead:,} of {len(dated):,} dates lie in the future, up to {_date_text(int(dated.max()))}; the dates "
                f"are read wrongly, or of another calendar (reading.date_format, publish.max_future_share); {_ALLOW}"
            )
        if as_of is None:
            return
        if as_of < datetime(1971, 1, 1, tzinfo=UTC) and len(dated) >= _FEWEST:
            raise PublishError(
                f"the newest story is of {as_of:%Y-%m-%d}, so dates are read wrongly (reading.date_format); {_ALLOW}"
            )
        last = self.last.get("as_of")
        if last and datetime.fromisoformat(last) - as_of > _DAY:
            raise PublishError(
                f"the newest story is of {as_of:%Y-%m-%d %H:%M}, more than a day before the {last[:16]} of the last "
                f"version: an old or a cut input; {_ALLOW}"
            )

    def check_lists(self, statuses: Mapping[str, int], because: Mapping[str, int] = MappingProxyType({})) -> None:
        """Refuse a version of which too many lists are empty or not computed.

        `because` counts some of the empty lists by the rule that left out most of their candidates.
        """
        total = sum(statuses.values())
        rules = ", ".join(f"{rule} {number}" for rule, number in because.items())
        why = f" (rules that left out most candidates, by lists: {rules})" if rules else ""
        empty = statuses["empty"] + statuses["not_computed"]
        self._check_share("lists that are empty or not computed", empty, total, why)

    def _check_share(self, what: str, count: int, total: int, why: str = "") -> None:
        share, before = count / max(total, 1), self.last.get("shares", {}).get(what)
        self.shares[what] = round(share, 4)
        limit = self.settings.max_jump if before is not None else self.settings.max_first_share
        if before is None and not what.startswith("lists"):
            return  # a first version may well have no dates, bodies or sections at all
        fewest = _FEWEST if before is not None else _FEWEST_AT_FIRST
        if count >= fewest and share - (before or 0) > limit and not self.allowed:
            was = f", {before:.0%} in the last version" if before is not None else ""
            setting = "max_jump" if before is not None else "max_first_share"
            raise PublishError(
                f"{count:,} of {total:,} {what} ({share:.0%}{was}), more than publish.{setting} allows{why}; {_ALLOW}"
            )


def _date_text(micros: int) -> str:
    try:
        return f"{datetime.fromtimestamp(micros / 1e6, UTC):%Y-%m-%d}"
    except (ValueError, OverflowError):
        return "a year that no calendar has"


def check_places(lists: str | Path, archive: str | Path | None) -> None:
    """Refuse places of which one would overwrite the other, or that hold something else: before any work.

    Raises `SettingsError` if one has no name, both are one folder, or one lies in a folder that the other writes by
    itself, and `SnapshotError` if the folder of the lists holds a saved archive, or the other way round.
    """
    for name, place in (("lists", lists), ("archive", "none" if archive is None else archive)):
        if not isinstance(place, str | Path) or not str(place).strip():  # as of a variable that is not set
            raise SettingsError(f"{name} is {place!r}, expected a folder{' or a database' * (name == 'lists')}")
    if archive is not None and not is_database(lists):
        _check_folders_apart(Path(lists), Path(archive))
    if not is_database(lists) and folder_kind(lists) == "snapshot":
        raise SnapshotError(f"{lists} holds a saved archive; name another folder for the lists")
    if archive is not None and folder_kind(archive) == "lists":
        raise SnapshotError(f"{archive} holds published lists; name another folder for the archive")


def _check_folders_apart(lists: Path, archive: Path) -> None:
    lists_folder, archive_folder = lists.resolve(), archive.resolve()
    if lists_folder == archive_folder:
        raise SettingsError(
            f"lists and archive are the same folder, {archive}; expected two: name another one for the archive, such "
            f"as {archive / 'archive'}"
        )
    for inner, outer in ((lists_folder, archive_folder), (archive_folder, lists_folder)):
        if inner.is_relative_to(outer) and (name := inner.relative_to(outer).parts[0]) in _OWN_FOLDERS:
            raise SettingsError(
                f"lists are {lists} and archive is {archive}: recommender itself writes and deletes what is in "
                f"{outer / name}; name another folder"
            )


def count_vanished(
    lists: str | Path, table: pa.Table, taken_back: Collection[str], settings: PublishSettings, allow_shrink: bool
) -> int:
    """Count the ids of the last version that are missing now; refuse beyond the limit.

    Stories that the input says are not published any more are not missing, unless they are most of them.
    """
    try:
        before = set(PublishedLists.open(lists).ids())
    except DamagedError as error:
        warnings.warn(f"the last version cannot be compared with: {error}", stacklevel=3)
        return 0
    except SnapshotError:
        return 0
    check_taken_back(len(before.intersection(taken_back)), len(before), settings, allow_shrink)
    missing = before.difference(table["id"].to_pylist(), taken_back)
    share = len(missing) / max(len(before), 1)
    if share > settings.max_shrink and not allow_shrink:
        raise PublishError(
            f"{len(missing):,} of {len(before):,} stories of the last version are missing ({share:.1%}, such as "
            f"{min(missing)!r}); the input must be all stories, not only new ones. To publish all the same: "
            "--allow-shrink"
        )
    return len(missing)


def check_belong_together(
    lists: str | Path, archive: str | Path | None, catalog: Catalog, hidden: Collection[str], settings: PublishSettings
) -> None:
    """Refuse to refresh lists with the archive of others: most stories of the last version would go.

    Stories that are `hidden` on purpose may be missing.
    """
    try:
        before = pa.array(list(PublishedLists.open(lists).ids()), pa.large_string())
    except SnapshotError:
        return
    is_missing = pc.invert(pc.is_in(before, catalog.ids.combine_chunks()))
    missing = set(before.filter(is_missing).to_pylist()).difference(hidden)
    if len(missing) > settings.max_shrink * len(before):
        raise PublishError(
            f"{len(missing):,} of {len(before):,} stories of the lists in {lists} are not in the archive {archive}, "
            f"such as {min(missing)!r}: the two do not belong together; name the archive that `precompute` saved with "
            "them"
        )


def check_taken_back(count: int, before: int, settings: PublishSettings, allowed: bool = False) -> None:
    """Refuse to hide more stories of the last version at once than `max_unpublished` allows."""
    share = count / max(before, 1)
    if share > settings.max_unpublished and not allowed:
        raise PublishError(
            f"{count:,} of {before:,} stories of the last version are not published any more ({share:.1%}), as their "
            "status in the input says; that is more than publish.max_unpublished. reading.shown_values names values "
            "that are published; to hide them all the same: a higher publish.max_unpublished"
        )
