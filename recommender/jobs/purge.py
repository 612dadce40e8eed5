"""The job that deletes what is stored of a story, for the legal case; `withdraw` only hides it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from recommender.archive import snapshot
from recommender.archive.rows import select_rows
from recommender.articles.link_tables import without_links_to
from recommender.errors import SnapshotError
from recommender.facade import Recommender
from recommender.publishing import open_publisher
from recommender.storage import checkpoints
from recommender.storage.database import is_database
from recommender.storage.versions import VersionedFolder, folder_kind


def purge(place: str | Path, ids: str | Iterable[str]) -> str:
    """Withdraw stories and delete what `place` stores of them; returns one line on what was done.

    Published lists: every kept version is rewritten without them, as stories and as items; the rejected rows
    and the vector cache in the folder are deleted (the next run embeds anew). A saved archive: text, vector, terms,
    links to them, and every word that no other story uses. All finished shards of an interrupted run go, also from a
    folder that it was given as `resume`. What remains: the id, in the overlay, so that the story stays withdrawn;
    copies made elsewhere (previews, backups, logs of a database); the words of a fitted `tfidf` embedder, until the
    next `fit`.

    Parameters
    ----------
    place : path or str
        Folder of published lists, of a saved archive or of finished shards; or database URL of published lists.
    ids : str or iterable of str

    Raises
    ------
    SnapshotError
        If the place holds neither published lists nor a saved archive, is damaged, or is an archive saved with an
        embedder object of your own.
    PublishError
        If another process is writing there.

    Examples
    --------
    >>> purge("lists", "story-42")                        # doctest: +SKIP
    '2 versions rewritten'
    """
    purged = frozenset([ids] if isinstance(ids, str) else ids)
    if is_database(place):
        return _purge_lists(place, purged)
    done = []
    if kind := folder_kind(place):
        done.append(_purge_archive(Path(place), purged) if kind == "snapshot" else _purge_lists(place, purged))
    shards = checkpoints.clear(Path(place)) + checkpoints.clear(Path(place) / checkpoints.FOLDER)
    if shards:
        done.append(f"{shards} finished shards of an interrupted run deleted")
    if not done:
        raise SnapshotError(
            f"{place} holds neither published lists nor a saved archive; name a folder that precompute wrote to"
        )
    return ", ".join(done)


def _purge_lists(place: str | Path, ids: frozenset[str]) -> str:
    publisher = open_publisher(place)
    publisher.overlay.record("withdraw", ids)
    versions = publisher.purge(ids)
    if not is_database(place):
        (Path(place) / "rejected.jsonl").unlink(missing_ok=True)
        shutil.rmtree(Path(place) / "cache", ignore_errors=True)
    return f"{versions} {'version' if versions == 1 else 'versions'} rewritten"


def _purge_archive(root: Path, ids: frozenset[str]) -> str:
    rec = Recommender.load(root)
    rec.withdraw(ids, unknown_too=True)
    version = VersionedFolder(root, "snapshot").current()
    version.check()  # the archive is saved again, so all of it is checked
    saved_with = version.manifest["embedder"]
    if saved_with != type(rec.embedder).__name__:
        raise SnapshotError(
            f"{root} was saved with a {saved_with} of your own, which only your program can save; the stories are "
            "withdrawn: to delete them, fit without them and save to this folder"
        )
    archive, _ = snapshot.load(root)
    is_purged = np.isin(archive.catalog.ids.to_numpy(), sorted(ids))
    count = int(is_purged.sum())
    if count == len(is_purged):
        raise SnapshotError(f"{root} would be empty; delete the folder instead")
    if count:
        table = without_links_to(archive.catalog, is_purged)
        archive = replace(archive, catalog=replace(archive.catalog, table=table))
        # The index of the settings is left out: it may not be trainable on few stories, and deletion must not fail.
        snapshot.write(root, select_rows(archive, ~is_purged), rec.embedder)
    return f"{count} {'story' if count == 1 else 'stories'} deleted"
