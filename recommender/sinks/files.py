"""JSONL and Parquet versions in a folder, with an index from id to record."""

from __future__ import annotations

import mmap
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from recommender.errors import SnapshotError
from recommender.lists import RECORD
from recommender.readnext import without
from recommender.sinks.protocol import Reader, purged_name
from recommender.storage import SEALED, Version, VersionedFolder
from recommender.tombstones import NAME, Tombstones

_INDEX = "index.arrow"
_GROUP = 512  # stories of one Parquet row group
_GROUPS_KEPT = 32  # decoded row groups that a reader keeps


class FilePublisher:
    """Publishes into a folder.

    Parameters
    ----------
    root : path
    format : {'jsonl', 'parquet'}
    """

    def __init__(self, root: Path, format: str = "jsonl") -> None:
        self.root, self.format = root, format
        self._folder = VersionedFolder(root, "lists")

    @property
    def tombstones(self) -> Tombstones:
        """The overlay of this folder."""
        return Tombstones(self.root / NAME)

    def check_writable(self) -> None:
        """Raise `PublishError` if the folder cannot be written."""
        self._folder.check_writable()

    def writing(self) -> AbstractContextManager[None]:
        """Hold the writer's lock."""
        return self._folder.writing()

    def publish(self, batches: Iterable[pa.RecordBatch], details: dict[str, Any], keep: int) -> str:
        """Write, seal and switch."""
        with self._folder.stage() as staging:
            _write(batches, staging, self.format)
            self._folder.publish(staging, {"format_of_lists": self.format, **details}, keep)
        return str(details["version"])

    def purge(self, ids: frozenset[str]) -> int:
        """Rewrite every kept version without these stories; returns the number of versions rewritten."""
        rewritten = 0
        with self.writing():
            for folder in self._folder.versions():
                version = self._folder.version(folder)
                reader = _reader(version)
                records = [reader.get(article_id) for article_id in reader.ids()]
                kept, found = without(filter(None, records), ids)
                if not found:
                    continue
                format = version.manifest["format_of_lists"]
                details = {name: value for name, value in version.manifest.items() if name not in SEALED}
                details["version"] = purged_name(details["version"], ids)
                kept = [{**record, "version": details["version"]} for record in kept]
                with self._folder.stage() as staging:
                    _write([pa.RecordBatch.from_pylist(kept, schema=RECORD)], staging, format)
                    self._folder.rewrite(folder, staging, {**details, "stories": len(kept)})
                rewritten += 1
        return rewritten

    def rollback(self, version: str | None = None) -> str:
        """Return to a kept version."""
        return self._folder.rollback(version)


def _write(batches: Iterable[pa.RecordBatch], staging: Path, format: str) -> None:
    write = _write_jsonl if format == "jsonl" else _write_parquet
    ids, columns = write(batches, staging / f"lists.{format}")
    order = np.argsort(np.array(ids, dtype=object), kind="stable") if ids else np.zeros(0, dtype=np.int64)
    index = pa.table({"id": pa.array(ids, pa.large_string()), **columns}).take(pa.array(order))
    with pa.OSFile(str(staging / _INDEX), "wb") as sink, pa.ipc.new_file(sink, index.schema) as writer:
        writer.write_table(index.combine_chunks())


def _write_jsonl(batches: Iterable[pa.RecordBatch], path: Path) -> tuple[list[str], dict[str, pa.Array]]:
    ids: list[str] = []
    ends, checks = [0], []
    with path.open("wb") as file:
        for batch in batches:
            ids += batch.column("article_id").to_pylist()
            lines = [orjson.dumps(record, option=orjson.OPT_UTC_Z) + b"\n" for record in batch.to_pylist()]
            checks += [zlib.crc32(line) for line in lines]
            file.writelines(lines)
            ends += (np.cumsum([len(line) for line in lines]) + ends[-1]).tolist()
    offsets = {"start": pa.array(ends[:-1], pa.int64()), "end": pa.array(ends[1:], pa.int64())}
    return ids, {**offsets, "crc32": pa.array(checks, pa.uint32())}


def _write_parquet(batches: Iterable[pa.RecordBatch], path: Path) -> tuple[list[str], dict[str, pa.Array]]:
    ids: list[str] = []
    with pq.ParquetWriter(path, RECORD, compression="zstd", write_page_checksum=True) as writer:
        for batch in batches:
            ids += batch.column("article_id").to_pylist()
            writer.write_batch(batch, row_group_size=_GROUP)
    return ids, {"row": pa.array(np.arange(len(ids)))}


class _Index:
    """Sorted ids on disk, searched by bisection without loading them."""

    def __init__(self, path: Path) -> None:
        with pa.memory_map(str(path)) as source:
            self.table = pa.ipc.open_file(source).read_all().combine_chunks()
        self._ids = self.table["id"].combine_chunks() if len(self.table) else pa.array([], pa.large_string())
        if isinstance(self._ids, pa.ChunkedArray):
            self._ids = self._ids.chunk(0)
        buffers = self._ids.buffers()
        self._data = memoryview(buffers[2]) if buffers[2] is not None else memoryview(b"")
        self._ends = np.frombuffer(buffers[1], dtype=np.int64) if len(self._ids) else np.zeros(1, np.int64)
        self.columns = {name: self.table[name].to_numpy() for name in self.table.column_names[1:]}

    def place(self, article_id: str) -> int | None:
        wanted = article_id.encode(errors="replace")
        low, high = 0, len(self._ids)
        while low < high:
            middle = (low + high) // 2
            if bytes(self._data[self._ends[middle] : self._ends[middle + 1]]) < wanted:
                low = middle + 1
            else:
                high = middle
        if low < len(self._ids) and bytes(self._data[self._ends[low] : self._ends[low + 1]]) == wanted:
            return low
        return None


class JsonlReader:
    """Records of a JSONL version: an index entry, a slice of the mapped file, a checksum."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.manifest = manifest
        self._path = folder / "lists.jsonl"
        self._index = _Index(folder / _INDEX)
        with self._path.open("rb") as file:
            size = self._path.stat().st_size
            self._data: Any = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""

    def get(self, article_id: str) -> dict[str, Any] | None:
        """The record of a story, or None."""
        place = self._index.place(article_id)
        if place is None:
            return None
        columns = self._index.columns
        line = self._data[columns["start"][place] : columns["end"][place]]
        if zlib.crc32(line) != columns["crc32"][place]:
            raise SnapshotError(f"damaged: {self._path} at the list of {article_id!r}; publish or roll back")
        return dict(orjson.loads(line))

    def ids(self) -> Iterator[str]:
        """Ids of all stories."""
        return (i.as_py() for i in self._index.table["id"])


class ParquetReader:
    """Records of a Parquet version: an index entry and a row group, of which the last used stay decoded."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.manifest = manifest
        self._path = folder / "lists.parquet"
        self._index = _Index(folder / _INDEX)
        try:
            self._file = pq.ParquetFile(self._path, memory_map=True, page_checksum_verification=True)
        except (OSError, pa.ArrowException) as error:
            raise SnapshotError(f"damaged: {self._path}: {error}; publish or roll back") from error
        sizes = [self._file.metadata.row_group(i).num_rows for i in range(self._file.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self._groups: OrderedDict[int, pa.Table] = OrderedDict()

    def get(self, article_id: str) -> dict[str, Any] | None:
        """The record of a story, or None."""
        place = self._index.place(article_id)
        if place is None:
            return None
        row = int(self._index.columns["row"][place])
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        if group not in self._groups:
            try:
                self._groups[group] = self._file.read_row_group(group)
            except (OSError, pa.ArrowException) as error:
                raise SnapshotError(f"damaged: {self._path}, row group {group}: {error}") from error
            if len(self._groups) > _GROUPS_KEPT:
                self._groups.popitem(last=False)
        self._groups.move_to_end(group)
        found = self._groups[group].slice(row - self._starts[group], 1).to_pylist()[0]
        return dict(found)

    def ids(self) -> Iterator[str]:
        """Ids of all stories, in the file's order, so that who walks them decodes each row group once."""
        order = np.argsort(self._index.columns["row"])
        return (self._index.table["id"][place].as_py() for place in order)


def open_files(root: Path) -> tuple[Reader, Tombstones]:
    """Reader and overlay of a published folder."""
    version = VersionedFolder(root, "lists").current()
    version.check([_INDEX])
    for name, expected in version.manifest["files"].items():
        path = version.folder / name
        if not path.is_file() or path.stat().st_size != expected["bytes"]:
            raise SnapshotError(f"damaged: {path} is missing or cut; publish or roll back")
    return _reader(version), Tombstones(root / NAME)


def _reader(version: Version) -> Reader:
    kind = JsonlReader if version.manifest["format_of_lists"] == "jsonl" else ParquetReader
    return kind(version.folder, version.manifest)
