"""A fitted archive as a versioned folder of arrays, read back memory-mapped."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.archive.archive import Archive, ArchivePools
from recommender.archive.derived import Saved
from recommender.articles.article import SCHEMA
from recommender.articles.boilerplate import NOTHING, Boilerplate
from recommender.articles.catalog import Catalog
from recommender.editorial.overlay import sorted_entries
from recommender.editorial.rules import Rules
from recommender.embedders import Embedder
from recommender.errors import SnapshotError
from recommender.features.hubness import Hubness, Neighbours
from recommender.features.spelling import Spelling
from recommender.features.texts import TextParts
from recommender.features.tfidf import Tfidf
from recommender.ranking.ranker import Ranker
from recommender.search.index import FILE as INDEX
from recommender.search.index import SearchIndex
from recommender.search.keys import KEYS, Keys
from recommender.search.limits import Limits
from recommender.search.pools import Pools
from recommender.search.scope import Scope
from recommender.search.shortlist import Reach, Shortlist
from recommender.search.table import SearchTable
from recommender.settings import Settings
from recommender.storage.atomic import wrap_read_errors
from recommender.storage.versions import VersionedFolder

CHECKED = 1 << 24
"""Bytes of a file up to which loading compares its SHA-256; of larger ones, which stay on disk, only the size."""
RANKER = "ranker.json"
SPELLING, BOILERPLATE = "spelling", "boilerplate"
_CSR = ("data", "indices", "indptr")
_TEXTS = ("terms", "title", "lead", "names")


def save(root: Path, archive: Archive, embedder: Embedder) -> Archive:
    """Save an archive under `root`, see `Recommender.save`; gives the archive with its FAISS index."""
    archive = archive.indexed() if archive.wants_index else archive
    write(root, archive, embedder)
    return archive


def write(root: Path, archive: Archive, embedder: Embedder) -> None:
    """Write an archive as `save` does, without building an index."""
    target = VersionedFolder(root, "snapshot")
    with target.writing(), target.stage() as folder:
        with (
            pa.OSFile(str(folder / "articles.arrow"), "wb") as sink,
            pa.ipc.new_file(sink, archive.catalog.table.schema) as writer,
        ):
            writer.write_table(archive.catalog.table)
        np.save(folder / "vectors.npy", archive.vectors)
        for name, array in _searched(archive).items():
            np.save(folder / f"search.{name}.npy", array)
        np.save(folder / "hubs.npy", archive.neighbours.hubness)
        np.save(folder / "scale.npy", archive.neighbours.scale)
        np.save(folder / "hubness.vectors.npy", archive.hubness.vectors)
        np.save(folder / "hubness.keys.npy", archive.hubness.keys)
        np.save(folder / "alive.npy", archive.catalog.alive)
        for name, matrix in _matrices(archive).items():
            for part in _CSR:
                np.save(folder / f"{name}.{part}.npy", getattr(matrix, part))
        if archive.ranker is not None:
            (folder / RANKER).write_bytes(archive.ranker.to_json())
        if archive.pools is not None:
            for name, array in _pool_arrays(archive.pools).items():
                np.save(folder / f"pools.{name}.npy", array)
        derived = archive.derived.to_saved()
        for name, array in derived.columns.items():
            np.save(folder / f"derived.{name}.npy", array)
        (folder / "derived.json").write_bytes(orjson.dumps(derived.names))
        archive.tfidf.save(folder, "tfidf")
        archive.spelling.save(folder, SPELLING)
        archive.catalog.boilerplate.save(folder, BOILERPLATE)
        kept = archive.index if archive.wants_index else None
        index = kept and kept.save(folder, archive.vectors)
        embedder.save(folder)
        details: dict[str, Any] = {
            "settings": archive.settings.model_dump(mode="json"),
            "embedder": type(embedder).__name__,
            "embedder_fingerprint": embedder.fingerprint,
            "rows": len(archive.catalog),
            "base": archive.catalog.base,
            "related_at": archive.related_at,
            "ranker": archive.ranker and {"name": archive.ranker.name, "sha256": archive.ranker.sha256},
            "reach": archive.shortlist and archive.shortlist.rank,
            "limits": asdict(archive.limits),
            "calibration": archive.calibration,
            "rules": archive.rules.model_dump(mode="json"),
            "pools": _pool_details(archive.pools),
            "index": index and index.to_json(),
        }
        if archive.links.report.found:
            details["links"] = asdict(archive.links.report)
        digest = hashlib.sha256(repr(details).encode())
        digest.update(np.ascontiguousarray(archive.vectors).data)
        target.publish(folder, {"version": digest.hexdigest()[:12], **details}, keep=1)


def load(root: Path, check: bool = False) -> tuple[Archive, Path]:
    """Read what was saved under `root`: the archive, and the folder that the embedder reads its part from.

    A file that is missing or cut is always found, an altered one only up to `CHECKED` bytes, with `check` of any size.
    """
    version = VersionedFolder(root, "snapshot").current()
    version.check(largest=None if check else CHECKED)
    if version.manifest.get("index") is not None:
        version.check([INDEX])  # whatever its size: FAISS follows what it reads
    with wrap_read_errors(version.folder):
        return _load(version.folder, version.manifest), version.folder


def _load(folder: Path, manifest: dict[str, Any]) -> Archive:
    with pa.memory_map(str(folder / "articles.arrow")) as source:
        table = pa.ipc.open_file(source).read_all()
    table.validate(full=table.nbytes <= CHECKED)
    if missing := [name for name in SCHEMA.names if name not in table.schema.names]:
        raise _earlier(folder, f"whose stories had no {' or '.join(missing)}")
    if "floor" in manifest:
        raise _earlier(folder, "whose settings had other names")
    if not (folder / f"{SPELLING}.arrow").exists():
        raise _earlier(folder, "which did not know how names are written")
    if (folder / "search.npy").exists() or (folder / "search.landmarks.npy").exists():
        raise _earlier(folder, "whose candidates were found in another way")
    if table.schema != SCHEMA or len(table) != manifest["rows"]:
        raise SnapshotError(f"{folder / 'articles.arrow'} does not fit its manifest; save the archive again")
    tfidf = Tfidf.load(folder, "tfidf")
    terms, title, lead, names = (_matrix(folder, name, len(table), len(tfidf.names)) for name in _TEXTS)
    vectors = _array(folder / "vectors.npy", "i", (len(table), None))
    searched, shortlist = _load_searched(folder, vectors, len(tfidf.names), manifest["reach"])
    hubness, neighbours = _neighbours(folder, len(table), len(tfidf.names), vectors.shape[1])
    settings = Settings.of(manifest["settings"], origin=str(folder / "manifest.json"))
    kept = (folder / f"{BOILERPLATE}.arrow").exists()  # archives saved by earlier versions have none
    boilerplate = Boilerplate.load(folder, BOILERPLATE) if kept else NOTHING
    catalog = Catalog(table, np.load(folder / "alive.npy"), int(manifest["base"]), boilerplate)
    if vectors.dtype != np.int16 or catalog.alive.dtype != bool:
        raise ValueError(f"vectors of {vectors.dtype}, a mask of {catalog.alive.dtype}")
    if catalog.alive.shape != (len(table),) or not 0 <= catalog.base <= len(table):
        raise ValueError(f"a mask of {catalog.alive.shape} and a base of {catalog.base} for {len(table)} rows")
    rules = Rules.of(manifest.get("rules", {}), origin=str(folder / "manifest.json"))
    calibration = manifest.get("calibration", "")
    ranker = None
    if manifest["ranker"] is not None:
        ranker = Ranker.from_json((folder / RANKER).read_bytes(), str(folder / RANKER))
    archive = Archive(
        catalog=catalog,
        searched=searched,
        tfidf=tfidf,
        parts=TextParts(terms, title, lead, names),
        spelling=Spelling.load(folder, SPELLING, len(tfidf.names)),
        hubness=hubness,
        neighbours=neighbours,
        shortlist=shortlist,
        settings=settings,
        related_at=manifest["related_at"],
        ranker=ranker,
        limits=Limits(**manifest.get("limits", {})),
        calibration=calibration,
        rules=rules,
    )
    if (folder / "derived.json").exists():  # archives saved by earlier versions have none
        saved = _load_derived(folder, len(table))
        archive = replace(archive, catalog=catalog.with_derived(saved.columns))
        archive = replace(archive, derived=archive.derived.with_saved(saved))
    if manifest.get("pools") is not None:
        archive = replace(archive, pools=_load_pools(folder, manifest["pools"], archive))
    if manifest.get("index") is not None:
        archive = replace(archive, index=SearchIndex.load(folder, manifest["index"], vectors))
    return archive


def _earlier(folder: Path, what: str) -> SnapshotError:
    return SnapshotError(
        f"{folder} was saved by an earlier version of recommender, {what}: run precompute with --archive again "
        "(in Python: fit and save)"
    )


def _neighbours(folder: Path, stories: int, terms: int, width: int) -> tuple[Hubness, Neighbours]:
    """Read the sample that neighbours are sought among, and the neighbours of each story."""
    if not (folder / "scale.npy").exists():
        raise _earlier(folder, "whose stories had no local scale")
    words = _matrix(folder, "hubness", None, terms)
    vectors = _array(folder / "hubness.vectors.npy", "i", (words.shape[0], width))
    hubness = Hubness(words, vectors, _array(folder / "hubness.keys.npy", "i", (words.shape[0],)))
    hubs = _array(folder / "hubs.npy", "f", (stories,))
    return hubness, Neighbours(hubs, _array(folder / "scale.npy", "f", (stories, 2)))


def _matrices(archive: Archive) -> dict[str, sp.csr_matrix]:
    """Gather what is saved as sparse matrices, by name."""
    parts = archive.parts
    texts = zip(_TEXTS, (archive.terms, parts.title, parts.lead, parts.names), strict=True)
    return {**dict(texts), "hubness": archive.hubness.terms}


def _matrix(folder: Path, name: str, rows: int | None, columns: int) -> sp.csr_matrix:
    """Open a sparse matrix that stays on disk; small ones are looked through."""
    parts = tuple(_array(folder / f"{name}.{part}.npy", kind) for part, kind in zip(_CSR, "fii", strict=True))
    rows = len(parts[2]) - 1 if rows is None else rows
    found = sp.csr_matrix(parts, shape=(rows, columns), copy=False)
    if (np.diff(found.indptr) < 0).any():
        raise ValueError(f"{name} that end before they begin")
    if found.data.nbytes <= CHECKED:
        found.check_format(full_check=True)
    return found


def _array(path: Path, kind: str, shape: tuple[int | None, ...] | None = None) -> NDArray[Any]:
    """Open an array that stays on disk; of a kind of numbers and, where it is told, a shape; None = any length."""
    found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    expected = (None,) if shape is None else shape
    fits = len(found.shape) == len(expected) and all(n in (None, m) for n, m in zip(expected, found.shape, strict=True))
    if found.dtype.kind not in kind or not fits:
        raise ValueError(f"{path.name} holds {found.dtype} of shape {found.shape}")
    return np.asarray(found)


def _searched(archive: Archive) -> dict[str, NDArray[Any]]:
    """Gather what candidates are found by, by name."""
    keys, reach = archive.searched.keys, archive.searched.reach
    found: dict[str, NDArray[Any]] = {"words": keys.words, "weights": keys.weights}
    if archive.shortlist is not None and reach is not None:
        sample = archive.shortlist.sample
        found |= {"cut": reach.cut, "cell": reach.cell, "centres": reach.centres}
        found |= {"sample.words": sample.words, "sample.weights": sample.weights, "sample.cell": archive.shortlist.cell}
    return found


def _load_searched(
    folder: Path, vectors: NDArray[np.int16], terms: int, rank: int | None
) -> tuple[SearchTable, Shortlist | None]:
    """Read what candidates are found by; words and cells that there are not would be read beyond the end."""
    rows, width = vectors.shape
    keys = _load_keys(folder, "search.", rows, terms)
    if rank is None:
        return SearchTable(vectors, keys, terms), None
    centres = _array(folder / "search.centres.npy", "i", (None, width))
    sample = _load_keys(folder, "search.sample.", None, terms)
    sizes = {"": rows, "sample.": len(sample)}
    own, theirs = (_array(folder / f"search.{name}cell.npy", "i", (size,)) for name, size in sizes.items())
    for cell in (own, theirs):
        if cell.size and not 0 <= cell.min() <= cell.max() < len(centres):
            raise ValueError(f"cells {cell.min()} to {cell.max()} of {len(centres)}")
    reach = Reach(_array(folder / "search.cut.npy", "i", (rows,)), own, centres)
    return SearchTable(vectors, keys, terms, reach), Shortlist(sample, theirs, centres, rank, terms)


def _load_keys(folder: Path, name: str, rows: int | None, terms: int) -> Keys:
    words, weights = (_array(folder / f"{name}{part}.npy", "i", (rows, KEYS)) for part in ("words", "weights"))
    if words.shape != weights.shape or words.dtype != np.int32 or weights.dtype != np.int16:
        raise ValueError(f"words of {words.shape} and {words.dtype} for weights of {weights.shape} and {weights.dtype}")
    if words.size and words.nbytes <= CHECKED and not -1 <= words.min() <= words.max() < terms:
        raise ValueError(f"words {words.min()} to {words.max()} of {terms}")
    return Keys(words, weights)


def _pool_arrays(pools: ArchivePools) -> dict[str, NDArray[Any]]:
    return {"rows": pools.by_row.rows, "allowed": pools.scope.allowed, "shown": pools.shown}


def _pool_details(pools: ArchivePools | None) -> dict[str, Any] | None:
    if pools is None:
        return None
    scope = pools.scope
    return {
        "as_of": scope.as_of,
        "timed": scope.timed,
        "days_before": scope.days_before,
        "k": pools.k,
        "spare": pools.by_row.spare,
        "blocks": sorted_entries(pools.blocks),
        "state": pools.state,
    }


def _load_pools(folder: Path, details: dict[str, Any], archive: Archive) -> ArchivePools:
    size = len(archive.catalog)

    rows = _array(folder / "pools.rows.npy", "i", (size, None))
    if rows.size and rows.nbytes <= CHECKED and not -2 - size < rows.min() <= rows.max() < size:
        raise ValueError(f"a pool of rows {rows.min()} to {rows.max()} in an archive of {size}")
    allowed, shown = (_array(folder / f"pools.{name}.npy", "b", (size,)) for name in ("allowed", "shown"))
    scope = Scope(
        as_of=details["as_of"],
        allowed=allowed,
        language=archive.languages,
        timed=details["timed"],
        days_before=details["days_before"],
        days_around=None,
    )
    blocks = frozenset((item, story) for item, story in details["blocks"])
    return ArchivePools(Pools(rows, details["spare"]), scope, shown, details["k"], blocks, details.get("state", ""))


def _load_derived(folder: Path, size: int) -> Saved:
    paths = folder.glob("derived.*.npy")
    sizes = {"body_sample": None}  # of any length
    names = ((path.name.split(".")[1], path) for path in paths)
    columns = {name: _array(path, "iub", (sizes.get(name, size),)) for name, path in names}
    if "body_sample" in columns and columns["body_sampled"].sum() != len(columns["body_sample"]):
        raise ValueError(f"{len(columns['body_sample'])} sampled shingles, of which the texts hold another number")
    return Saved(columns, orjson.loads((folder / "derived.json").read_bytes()))
