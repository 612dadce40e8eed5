"""A fitted `Recommender` as a versioned folder of arrays, read back memory-mapped."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from recommender.articles import Catalog
from recommender.embedders import Embedder
from recommender.engine import Recommender, _State
from recommender.errors import SnapshotError
from recommender.lexical import Tfidf, matrix_files
from recommender.settings import Settings
from recommender.storage import VersionedFolder
from recommender.tombstones import NAME, Tombstones


def save(rec: Recommender, root: Path) -> None:
    """Write a snapshot under `root`; see `Recommender.save`."""
    state = rec._fitted
    target = VersionedFolder(root, "snapshot")
    with target.writing(), target.stage() as folder:
        with pa.OSFile(str(folder / "articles.arrow"), "wb") as sink:
            with pa.ipc.new_file(sink, state.catalog.table.schema) as writer:
                writer.write_table(state.catalog.table)
        arrays = {"vectors.npy": state.vectors, "alive.npy": state.catalog.alive, **matrix_files(state.terms, "terms")}
        for name, array in arrays.items():
            np.save(folder / name, array)
        state.tfidf.save(folder, "tfidf")
        rec.embedder.save(folder)
        details: dict[str, Any] = {
            "settings": rec.settings.model_dump(),
            "embedder": {"class": type(rec.embedder).__name__, "fingerprint": rec.embedder.fingerprint},
            "rows": len(state.catalog),
            "base": state.catalog.base,
            "floor": state.floor,
        }
        digest = hashlib.sha256(repr(details).encode() + state.vectors.tobytes()).hexdigest()
        target.publish(folder, {"version": digest[:12], **details}, keep=1)
    overlay = Tombstones(root / NAME)
    overlay.record("withdraw", rec.tombstones.withdrawn)
    overlay.record("withhold", rec.tombstones.withheld)
    rec.tombstones = overlay


def load(root: Path, embedder: Embedder | None, cache: str | Path | None) -> Recommender:
    """Read the snapshot under `root`; see `Recommender.load`."""
    version = VersionedFolder(root, "snapshot").current()
    version.check()
    folder, manifest = version.folder, version.manifest
    with pa.memory_map(str(folder / "articles.arrow")) as source:
        table = pa.ipc.open_file(source).read_all()
    if len(table) != manifest["rows"]:
        raise SnapshotError(f"damaged: {folder} holds {len(table)} articles, its manifest says {manifest['rows']}")
    tfidf = Tfidf.load(folder, "tfidf")
    parts = (np.load(folder / f"terms.{part}.npy", mmap_mode="r") for part in ("data", "indices", "indptr"))
    terms = sp.csr_matrix(tuple(parts), shape=(len(table), len(tfidf.terms)), copy=False)
    settings = Settings.of(manifest["settings"], origin=str(folder / "manifest.json"))
    rec = Recommender(settings, embedder=embedder, cache=cache)
    rec.embedder.load(folder)
    catalog = Catalog(table, np.load(folder / "alive.npy"), manifest["base"])
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    rec._state = _State(catalog, vectors, tfidf, terms, settings, manifest["floor"])
    rec.tombstones = Tombstones(root / NAME)
    return rec
