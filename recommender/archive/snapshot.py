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
from recommender.articles.columns import map_table, write_table
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
from recommender.storage.atomic import wrap_read_errors, wrap_write_errors
from recommender.storage.versions import ADVICE, VersionedFolder

CHECKED = 1 << 24
"""Bytes of a file up to which loading compares its SHA-256; of larger ones, which stay on disk, only the size."""
RANKER = "ranker.json"
SPELLING, BOILERPLATE = "spelling", "boilerplate"
_CSR = ("data", "indices", "indptr")
_TEXTS = ("terms", "title", "lead", "names")


def save(root: Path, archive: Archive, embedder: Embedder) -> Archive:
    """Save an archive under `root`, see `Recommender.save`; returns the archive with its FAISS index."""
    archive = archive.indexed() if archive.wants_index else archive
    write(root, archive, embedder)
    return archive


def write(root: Path, archive: Archive, embedder: Embedder) -> None:
    """Write an archive as `save` does, without building an index."""
    target = VersionedFolder(root, "snapshot")
    with target.writing(), target.stage() as folder:
        write_table(folder / "articles.arrow", archive.catalog.table)
        derived = archive.derived.to_saved()
        for name, array in _arrays(archive, derived).items():
            path = folder / f"{name}.npy"
            with wrap_write_errors(path, ADVICE["snapshot"]):  # NumPy does not name the file
                np.save(path, array)
        (folder / "derived.json").write_bytes(orjson.dumps(derived.names))
        if archive.ranker is not None:
            (folder / RANKER).write_bytes(archive.ranker.to_json())
        archive.tfidf.save(folder, "tfidf")
        archive.spelling.save(folder, SPELLING)
        archive.catalog.boilerplate.save(folder, BOILERPLATE)
        embedder.save(folder)
        index = archive.index if archive.wants_index else None
        index_report = index and index.save(folder, archive.vectors)
        details = _details(archive, embedder) | {"index": index_report and index_report.to_json()}
        if archive.links.report.found:
            details["links"] = asdict(archive.links.report)
        digest = hashlib.sha256(repr(details).encode())
        digest.update(np.ascontiguousarray(archive.vectors).data)
        target.publish(folder, {"version": digest.hexdigest()[:12], **details}, keep=1)


def _arrays(archive: Archive, derived: Saved) -> dict[str, NDArray[Any]]:
    """Collect the arrays of an archive by the names of their files."""
    arrays: dict[str, NDArray[Any]] = {
        "vectors": archive.vectors,
        "hubs": archive.neighbours.hubness,
        "scale": archive.neighbours.scale,
        "hubness.vectors": archive.hubness.vectors,
        "hubness.keys": archive.hubness.keys,
        "alive": archive.catalog.alive,
    }
    parts = archive.parts
    matrices = dict(zip(_TEXTS, (archive.terms, parts.title, parts.lead, parts.names), strict=True))
    for name, matrix in (matrices | {"hubness": archive.hubness.terms}).items():
        arrays |= {f"{name}.{part}": getattr(matrix, part) for part in _CSR}
    arrays |= {f"search.{name}": array for name, array in _search_arrays(archive).items()}
    arrays |= {f"derived.{name}": array for name, array in derived.columns.items()}
    if archive.pools is not None:
        arrays |= {
            "pools.rows": archive.pools.by_row.rows,
            "pools.allowed": archive.pools.scope.allowed,
            "pools.shown": archive.pools.shown,
        }
    return arrays


def _search_arrays(archive: Archive) -> dict[str, NDArray[Any]]:
    """Collect what candidates are found by, by name."""
    keys, reach = archive.searched.keys, archive.searched.reach
    arrays: dict[str, NDArray[Any]] = {"words": keys.words, "weights": keys.weights}
    if archive.shortlist is not None and reach is not None:
        sample = archive.shortlist.sample
        arrays |= {"cut": reach.cut, "cell": reach.cell, "centres": reach.centres}
        arrays |= {"sample.words": sample.words, "sample.weights": sample.weights}
        arrays["sample.cell"] = archive.shortlist.cell
    return arrays


def _details(archive: Archive, embedder: Embedder) -> dict[str, Any]:
    """Collect what the manifest says of an archive."""
    return {
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
    }


def _pool_details(pools: ArchivePools | None) -> dict[str, Any] | None:
    if pools is None:
        return None
    return {
        "as_of": pools.scope.as_of,
        "timed": pools.scope.timed,
        "days_before": pools.scope.days_before,
        "k": pools.k,
        "spare": pools.by_row.spare,
        "blocks": sorted_entries(pools.blocks),
        "state": pools.state,
    }


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
    origin = str(folder / "manifest.json")
    table = _load_table(folder, manifest)
    n_rows = len(table)
    tfidf = Tfidf.load(folder, "tfidf")
    n_terms = len(tfidf.names)
    terms, title, lead, names = (_load_matrix(folder, name, n_rows, n_terms) for name in _TEXTS)
    vectors = _load_array(folder / "vectors.npy", "i", (n_rows, None))
    if vectors.dtype != np.int16:
        raise ValueError(f"vectors of {vectors.dtype}")
    searched, shortlist = _load_search_table(folder, vectors, n_terms, manifest["reach"])
    hubness, neighbours = _load_neighbours(folder, n_rows, n_terms, vectors.shape[1])
    ranker = None
    if manifest["ranker"] is not None:
        ranker = Ranker.from_json((folder / RANKER).read_bytes(), str(folder / RANKER))
    archive = Archive(
        catalog=_load_catalog(folder, manifest, table),
        searched=searched,
        tfidf=tfidf,
        parts=TextParts(terms, title, lead, names),
        spelling=Spelling.load(folder, SPELLING, n_terms),
        hubness=hubness,
        neighbours=neighbours,
        shortlist=shortlist,
        settings=Settings.of(manifest["settings"], origin=origin),
        related_at=manifest["related_at"],
        ranker=ranker,
        limits=Limits(**manifest.get("limits", {})),
        calibration=manifest.get("calibration", ""),
        rules=Rules.of(manifest.get("rules", {}), origin=origin),
    )
    if (folder / "derived.json").exists():  # archives saved by earlier versions have none
        saved = _load_derived(folder, n_rows)
        archive = replace(archive, catalog=archive.catalog.with_derived(saved.columns))
        archive = replace(archive, derived=archive.derived.with_saved(saved))
    if manifest.get("pools") is not None:
        archive = replace(archive, pools=_load_pools(folder, manifest["pools"], archive))
    if manifest.get("index") is not None:
        archive = replace(archive, index=SearchIndex.load(folder, manifest["index"], vectors))
    return archive


def _load_table(folder: Path, manifest: dict[str, Any]) -> pa.Table:
    """Open the stories, and refuse archives of earlier versions."""
    table = map_table(folder / "articles.arrow")
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
    return table


def _load_catalog(folder: Path, manifest: dict[str, Any], table: pa.Table) -> Catalog:
    has_boilerplate = (folder / f"{BOILERPLATE}.arrow").exists()  # archives saved by earlier versions have none
    boilerplate = Boilerplate.load(folder, BOILERPLATE) if has_boilerplate else NOTHING
    alive, base = np.load(folder / "alive.npy"), int(manifest["base"])
    if alive.dtype != bool or alive.shape != (len(table),) or not 0 <= base <= len(table):
        raise ValueError(f"a mask of {alive.dtype} {alive.shape} and a base of {base} for {len(table)} rows")
    return Catalog(table, alive, base, boilerplate)


def _earlier(folder: Path, what: str) -> SnapshotError:
    """Make the error of an archive that was saved by an earlier version."""
    return SnapshotError(
        f"{folder} was saved by an earlier version of recommender, {what}: run precompute with --archive again "
        "(in Python: fit and save)"
    )


def _load_neighbours(folder: Path, n_rows: int, n_terms: int, width: int) -> tuple[Hubness, Neighbours]:
    """Read the sample that neighbours are sought among, and the neighbours of each story."""
    if not (folder / "scale.npy").exists():
        raise _earlier(folder, "whose stories had no local scale")
    terms = _load_matrix(folder, "hubness", None, n_terms)
    n_sampled = terms.shape[0]
    vectors = _load_array(folder / "hubness.vectors.npy", "i", (n_sampled, width))
    hubness = Hubness(terms, vectors, _load_array(folder / "hubness.keys.npy", "i", (n_sampled,)))
    hubs = _load_array(folder / "hubs.npy", "f", (n_rows,))
    return hubness, Neighbours(hubs, _load_array(folder / "scale.npy", "f", (n_rows, 2)))


def _load_matrix(folder: Path, name: str, n_rows: int | None, n_columns: int) -> sp.csr_matrix:
    """Open a sparse matrix that stays on disk; small ones are checked entry by entry."""
    parts = tuple(_load_array(folder / f"{name}.{part}.npy", kind) for part, kind in zip(_CSR, "fii", strict=True))
    n_rows = len(parts[2]) - 1 if n_rows is None else n_rows
    matrix = sp.csr_matrix(parts, shape=(n_rows, n_columns), copy=False)
    if (np.diff(matrix.indptr) < 0).any():
        raise ValueError(f"{name} that end before they begin")
    if matrix.data.nbytes <= CHECKED:
        matrix.check_format(full_check=True)
    return matrix


def _load_array(path: Path, kind: str, shape: tuple[int | None, ...] = (None,)) -> NDArray[Any]:
    """Open an array that stays on disk, and check its kind of numbers and its shape; None = any length."""
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    fits = len(array.shape) == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if array.dtype.kind not in kind or not fits:
        raise ValueError(f"{path.name} holds {array.dtype} of shape {array.shape}")
    return np.asarray(array)


def _load_search_table(
    folder: Path, vectors: NDArray[np.int16], n_terms: int, rank: int | None
) -> tuple[SearchTable, Shortlist | None]:
    """Read what candidates are found by, checked so that no loop reads beyond the end of an array."""
    n_rows, width = vectors.shape
    keys = _load_keys(folder, "search.", n_rows, n_terms)
    if rank is None:
        return SearchTable(vectors, keys, n_terms), None
    centres = _load_array(folder / "search.centres.npy", "i", (None, width))
    sample = _load_keys(folder, "search.sample.", None, n_terms)
    cells = _load_array(folder / "search.cell.npy", "i", (n_rows,))
    sample_cells = _load_array(folder / "search.sample.cell.npy", "i", (len(sample),))
    for cell in (cells, sample_cells):
        if cell.size and not 0 <= cell.min() <= cell.max() < len(centres):
            raise ValueError(f"cells {cell.min()} to {cell.max()} of {len(centres)}")
    reach = Reach(_load_array(folder / "search.cut.npy", "i", (n_rows,)), cells, centres)
    return SearchTable(vectors, keys, n_terms, reach), Shortlist(sample, sample_cells, centres, rank, n_terms)


def _load_keys(folder: Path, name: str, n_rows: int | None, n_terms: int) -> Keys:
    words, weights = (_load_array(folder / f"{name}{part}.npy", "i", (n_rows, KEYS)) for part in ("words", "weights"))
    if words.shape != weights.shape or words.dtype != np.int32 or weights.dtype != np.int16:
        raise ValueError(f"words of {words.shape} and {words.dtype} for weights of {weights.shape} and {weights.dtype}")
    if words.size and words.nbytes <= CHECKED and not -1 <= words.min() <= words.max() < n_terms:
        raise ValueError(f"words {words.min()} to {words.max()} of {n_terms}")
    return Keys(words, weights)


def _load_pools(folder: Path, details: dict[str, Any], archive: Archive) -> ArchivePools:
    size = len(archive.catalog)
    rows = _load_array(folder / "pools.rows.npy", "i", (size, None))
    if rows.size and rows.nbytes <= CHECKED and not -2 - size < rows.min() <= rows.max() < size:
        raise ValueError(f"a pool of rows {rows.min()} to {rows.max()} in an archive of {size}")
    allowed, shown = (_load_array(folder / f"pools.{name}.npy", "b", (size,)) for name in ("allowed", "shown"))
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
    sizes = {"body_sample": None}  # of any length; all others have a value for each row
    files = {path.name.split(".")[1]: path for path in folder.glob("derived.*.npy")}
    columns = {name: _load_array(path, "iub", (sizes.get(name, size),)) for name, path in files.items()}
    if "body_sample" in columns and columns["body_sampled"].sum() != len(columns["body_sample"]):
        raise ValueError(f"{len(columns['body_sample'])} sampled shingles, of which the texts hold another number")
    return Saved(columns, orjson.loads((folder / "derived.json").read_bytes()))
