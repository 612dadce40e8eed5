"""A fitted archive as a versioned folder of arrays, read back memory-mapped."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.approximate import Drafts
from recommender.archive import Archive, Derived, Pooled
from recommender.articles import SCHEMA, Catalog
from recommender.embedders import Embedder
from recommender.errors import SnapshotError
from recommender.filters import Scope
from recommender.lexical import Tfidf
from recommender.retrieval import Pool, Pools
from recommender.rules import Rules
from recommender.settings import Settings
from recommender.storage import VersionedFolder
from recommender.tombstones import ordered

CHECKED = 1 << 24
"""Bytes of a file up to which loading compares its SHA-256; of larger ones, which stay on disk, only the size."""
_CSR = ("data", "indices", "indptr")


def save(root: Path, archive: Archive, embedder: Embedder) -> Archive:
    """Write a snapshot under `root`, see `Recommender.save`; gives the archive with its index for drafts."""
    archive = archive.indexed()
    write(root, archive, embedder)
    return archive


def write(root: Path, archive: Archive, embedder: Embedder) -> None:
    """`save` without building an index."""
    target = VersionedFolder(root, "snapshot")
    with target.writing(), target.stage() as folder:
        with (
            pa.OSFile(str(folder / "articles.arrow"), "wb") as sink,
            pa.ipc.new_file(sink, archive.catalog.table.schema) as writer,
        ):
            writer.write_table(archive.catalog.table)
        np.save(folder / "vectors.npy", archive.vectors)
        np.save(folder / "search.npy", archive.search)
        np.save(folder / "alive.npy", archive.catalog.alive)
        for part in _CSR:
            np.save(folder / f"terms.{part}.npy", getattr(archive.terms, part))
        if archive.pooled is not None:
            for name, array in _pool_arrays(archive.pooled).items():
                np.save(folder / f"pools.{name}.npy", array)
        derived = archive.derived()
        for name, array in derived.columns.items():
            np.save(folder / f"derived.{name}.npy", array)
        (folder / "derived.json").write_bytes(orjson.dumps(derived.names))
        archive.tfidf.save(folder, "tfidf")
        if archive.drafts is not None:
            archive.drafts.save(folder)
        embedder.save(folder)
        details: dict[str, Any] = {
            "settings": archive.settings.model_dump(mode="json"),
            "embedder": type(embedder).__name__,
            "embedder_fingerprint": embedder.fingerprint,
            "rows": len(archive.catalog),
            "base": archive.catalog.base,
            "floor": archive.floor,
            "calibration": archive.calibration,
            "rules": archive.rules.model_dump(mode="json"),
            "pools": _pool_details(archive.pooled),
            "index": archive.drafts and archive.drafts.report.to_json(),
        }
        digest = hashlib.sha256(repr(details).encode())
        digest.update(np.ascontiguousarray(archive.vectors).data)
        target.publish(folder, {"version": digest.hexdigest()[:12], **details}, keep=1)


def load(root: Path) -> tuple[Archive, Path]:
    """Read the snapshot under `root`: the archive, and the folder that the embedder reads its part from.

    A file that is missing or cut is always found, an altered one only up to `CHECKED` bytes; `Version.check` finds all.
    """
    version = VersionedFolder(root, "snapshot").current()
    version.check(largest=CHECKED)
    folder, manifest = version.folder, version.manifest
    with pa.memory_map(str(folder / "articles.arrow")) as source:
        table = pa.ipc.open_file(source).read_all()
    if table.schema != SCHEMA or len(table) != manifest["rows"]:
        raise SnapshotError(f"{folder / 'articles.arrow'} does not fit its manifest; save the snapshot again")
    tfidf = Tfidf.load(folder, "tfidf")
    parts = tuple(np.load(folder / f"terms.{part}.npy", mmap_mode="r") for part in _CSR)
    terms = sp.csr_matrix(parts, shape=(len(table), len(tfidf.names)), copy=False)
    settings = Settings.of(manifest["settings"], origin=str(folder / "manifest.json"))
    catalog = Catalog(table, np.load(folder / "alive.npy"), manifest["base"])
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    search = np.load(folder / "search.npy", mmap_mode="r")
    rules = Rules.of(manifest.get("rules", {}), origin=str(folder / "manifest.json"))
    calibration = manifest.get("calibration", "")
    archive = Archive(catalog, vectors, tfidf, terms, search, settings, manifest["floor"], calibration, rules)
    if (folder / "derived.json").exists():  # snapshots of earlier versions have none
        archive = archive.knowing(_load_derived(folder))
    if manifest.get("pools") is not None:
        archive = archive.but(pooled=_load_pools(folder, manifest["pools"], archive))
    if manifest.get("index") is not None:
        archive = archive.but(drafts=Drafts.load(folder, search, manifest["index"]))
    return archive, folder


def _pool_arrays(pooled: Pooled) -> dict[str, NDArray[Any]]:
    pools, scope = pooled.pools, pooled.scope
    channels = {"near": pools.near, "timeless": pools.timeless}
    arrays = {f"{name}.{part}": getattr(pool, part) for name, pool in channels.items() for part in ("rows", "dots")}
    return {**arrays, "allowed": scope.allowed}


def _pool_details(pooled: Pooled | None) -> dict[str, Any] | None:
    if pooled is None:
        return None
    scope = pooled.scope
    return {
        "as_of": scope.as_of,
        "timed": scope.timed,
        "days_before": scope.days_before,
        "k": pooled.k,
        "blocks": ordered(pooled.blocks),
    }


def _load_pools(folder: Path, details: dict[str, Any], archive: Archive) -> Pooled:
    def array(name: str) -> NDArray[Any]:
        return np.asarray(np.load(folder / f"pools.{name}.npy", mmap_mode="r"))

    near, timeless = (Pool(array(f"{name}.rows"), array(f"{name}.dots")) for name in ("near", "timeless"))
    scope = Scope(details["as_of"], array("allowed"), archive.languages, details["timed"], details["days_before"], None)
    blocks = frozenset((item, story) for item, story in details["blocks"])
    return Pooled(Pools(near, timeless), scope, details["k"], blocks)


def _load_derived(folder: Path) -> Derived:
    columns = {
        path.name.split(".")[1]: np.asarray(np.load(path, mmap_mode="r")) for path in folder.glob("derived.*.npy")
    }
    return Derived(columns, orjson.loads((folder / "derived.json").read_bytes()))
