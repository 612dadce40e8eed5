"""Readers of the JSONL and Parquet versions of a folder; an index leads from an id to its record."""

from __future__ import annotations

import mmap
import zlib
from collections import OrderedDict
from collections.abc import Collection, Iterator
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from recommender.articles.ids import SortedIds
from recommender.editorial.overlay import NAME, Overlay
from recommender.errors import DamagedError, SnapshotError
from recommender.publishing.protocol import KeptVersion, Reader, as_batches, to_json
from recommender.storage.atomic import wrap_read_errors
from recommender.storage.versions import Version, VersionedFolder

INDEX = "index.arrow"
_SMALL = 1 << 20  # bytes of the largest file that is checked as a whole when a version is opened
_GROUPS_KEPT = 32  # decoded row groups that a reader keeps


class _Index:
    """Sorted ids, and columns with the position of the record of each."""

    def __init__(self, path: Path) -> None:
        with pa.memory_map(str(path)) as source:
            table = pa.ipc.open_file(source).read_all().combine_chunks()
        table.validate(full=True)  # wrong offsets would read beyond the file
        self.ids = table["id"].combine_chunks()
        if isinstance(self.ids, pa.ChunkedArray):
            self.ids = self.ids.chunk(0) if self.ids.num_chunks else pa.array([], pa.large_string())
        self.columns = {name: _numbers(table[name]) for name in table.column_names[1:]}
        self.position = SortedIds(self.ids).find


def _numbers(column: pa.ChunkedArray) -> NDArray[Any]:
    """Convert a column without `to_numpy`, which would import pandas where it is installed: that is slow."""
    return np.asarray(np.from_dlpack(column.chunk(0)) if len(column) else column.to_numpy())


class JsonlReader:
    """Records of a JSONL version: slices of the mapped file, each with a checksum."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.manifest = manifest
        self._path = folder / "lists.jsonl"
        self._index = _Index(folder / INDEX)
        self._starts, self._ends, self._checks = (self._index.columns[name].data for name in ("start", "end", "crc32"))
        with self._path.open("rb") as file:
            size = self._path.stat().st_size
            self._data: Any = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""

    def line(self, article_id: str) -> bytes | None:
        """Read the record of a story as it is stored, or None."""
        position = self._index.position(article_id)
        if position is None:
            return None
        line: bytes = self._data[self._starts[position] : self._ends[position]]
        if zlib.crc32(line) != self._checks[position]:
            raise DamagedError(f"damaged: {self._path} at the list of {article_id!r}; publish or roll back")
        return line

    def get(self, article_id: str) -> dict[str, Any] | None:
        line = self.line(article_id)
        return None if line is None else orjson.loads(line)

    def ids(self) -> Iterator[str]:
        return (article_id.as_py() for article_id in self._index.ids)

    def batches(self, fields: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        """Yield all records, in the file's order."""
        order = np.argsort(self._index.columns["start"])
        return as_batches(self.get(self._index.ids[position].as_py()) for position in order)


class ParquetReader:
    """Records of a Parquet version; the row groups that were used last stay decoded."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        import pyarrow.parquet as pq

        self.manifest = manifest
        self._path = folder / "lists.parquet"
        self._index = _Index(folder / INDEX)
        try:
            self._file = pq.ParquetFile(self._path, memory_map=True, page_checksum_verification=True)
        except (OSError, pa.ArrowException) as error:
            raise DamagedError(f"damaged: {self._path}: {error}; publish or roll back") from error
        sizes = [self._file.metadata.row_group(i).num_rows for i in range(self._file.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self._groups: OrderedDict[int, pa.Table] = OrderedDict()
        self._lock = Lock()

    def get(self, article_id: str) -> dict[str, Any] | None:
        position = self._index.position(article_id)
        if position is None:
            return None
        row = int(self._index.columns["row"][position])
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        with self._lock:  # threads may share a reader
            if group not in self._groups:
                try:
                    self._groups[group] = self._file.read_row_group(group)
                except (OSError, pa.ArrowException) as error:
                    raise DamagedError(f"damaged: {self._path}, row group {group}: {error}") from error
                if len(self._groups) > _GROUPS_KEPT:
                    self._groups.popitem(last=False)
            self._groups.move_to_end(group)
            table = self._groups[group]
        record: dict[str, Any] = table.slice(row - self._starts[group], 1).to_pylist()[0]
        return record

    def line(self, article_id: str) -> bytes | None:
        record = self.get(article_id)
        return None if record is None else to_json(record)

    def ids(self) -> Iterator[str]:
        """Yield the ids of all stories in the file's order, so that reading all decodes each row group once."""
        order = np.argsort(self._index.columns["row"])
        return (self._index.ids[position].as_py() for position in order)

    def batches(self, fields: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        """Yield all records, in the file's order; only some fields, if any are named."""
        paths = [column.path for column in self._file.schema]
        columns = [path for path in paths if path.replace(".list.element", "") in fields] if fields else None
        try:
            yield from self._file.iter_batches(batch_size=8_192, columns=columns)
        except (OSError, pa.ArrowException) as error:
            raise DamagedError(f"damaged: {self._path}: {error}") from error


def open_files(root: Path, name: str | None = None) -> tuple[Reader, Overlay]:
    """Open a published folder and its overlay, by default at its current version."""
    folder = VersionedFolder(root, "lists")
    version = folder.current() if name is None else folder.version(folder.find(name))
    version.check([INDEX])
    version.check(largest=_SMALL)  # the records or pages of larger files have checksums of their own
    return open_reader(version), Overlay(root / NAME)


def kept_versions(root: Path) -> list[KeptVersion]:
    """List the versions of a published folder, the oldest first."""
    versioned = VersionedFolder(root, "lists")
    current = versioned.current().folder
    versions = []
    for folder in versioned.versions():
        try:
            manifest = versioned.version(folder).manifest
        except SnapshotError:  # deleted meanwhile, or damaged: nobody can go back to it
            continue
        name = str(manifest["version"])
        versions.append(KeptVersion(name=folder.name, version=name, current=folder == current, manifest=manifest))
    return versions


def open_reader(version: Version) -> Reader:
    """Open a version with the reader of its format."""
    readers: dict[str, type[JsonlReader] | type[ParquetReader]] = {"jsonl": JsonlReader, "parquet": ParquetReader}
    with wrap_read_errors(version.folder):
        return readers[version.manifest["format_of_lists"]](version.folder, version.manifest)
