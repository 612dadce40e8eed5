"""Publishing JSONL and Parquet versions into a folder, with an index from id to record."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recommender.editorial.overlay import NAME, Overlay
from recommender.lists.readnext import without
from recommender.lists.records import RECORD
from recommender.publishing.folder_reader import INDEX, open_reader
from recommender.publishing.protocol import purged_name, to_json
from recommender.storage.versions import SEALED, VersionedFolder

_GROUP = 512  # stories of one Parquet row group


class FilePublisher:
    """Publishes versions in the format 'jsonl' or 'parquet' into a folder."""

    def __init__(self, root: Path, format: str = "jsonl") -> None:
        self.root, self.format = root, format
        self._folder = VersionedFolder(root, "lists")

    @property
    def overlay(self) -> Overlay:
        """The overlay of this folder."""
        return Overlay(self.root / NAME)

    def check_writable(self) -> None:
        """Raise `PublishError` if the folder cannot be written."""
        self._folder.check_writable()

    def writing(self) -> AbstractContextManager[None]:
        """Hold the writer's lock, so that nobody else publishes meanwhile."""
        return self._folder.writing()

    def publish(self, batches: Iterable[pa.RecordBatch], details: dict[str, Any], keep: int) -> str:
        """Write records as the next version, seal it and switch to it."""
        with self._folder.stage() as staging:
            _write(batches, staging, self.format)
            self._folder.publish(staging, {"format_of_lists": self.format, **details}, keep)
        return str(details["version"])

    def purge(self, ids: frozenset[str]) -> int:
        """Rewrite every kept version without these stories, and return the number of versions rewritten."""
        rewritten = 0
        with self.writing():
            for folder in self._folder.versions():
                version = self._folder.version(folder)
                reader = open_reader(version)
                records = (reader.get(article_id) for article_id in reader.ids())
                kept, has_changed = without((record for record in records if record), ids)
                if not has_changed:
                    continue
                details = {name: value for name, value in version.manifest.items() if name not in SEALED}
                details |= {"version": purged_name(details["version"], ids), "stories": len(kept)}
                kept = [{**record, "version": details["version"]} for record in kept]
                with self._folder.stage() as staging:
                    _write([pa.RecordBatch.from_pylist(kept, schema=RECORD)], staging, details["format_of_lists"])
                    self._folder.rewrite(folder, staging, details)
                rewritten += 1
        return rewritten

    def rollback(self, version: str | None = None) -> str:
        """Switch back to a kept version."""
        return self._folder.rollback(version)


def _write(batches: Iterable[pa.RecordBatch], staging: Path, format: str) -> None:
    write = _write_jsonl if format == "jsonl" else _write_parquet
    ids, columns = write(batches, staging / f"lists.{format}")
    order = np.argsort(np.array(ids, dtype=object), kind="stable") if ids else np.zeros(0, dtype=np.int64)
    index = pa.table({"id": pa.array(ids, pa.large_string()), **columns}).take(pa.array(order))
    with pa.OSFile(str(staging / INDEX), "wb") as sink, pa.ipc.new_file(sink, index.schema) as writer:
        writer.write_table(index.combine_chunks())


def _write_jsonl(batches: Iterable[pa.RecordBatch], path: Path) -> tuple[list[str], dict[str, pa.Array]]:
    ids: list[str] = []
    ends, checks = [0], []
    with path.open("wb") as file:
        for batch in batches:
            ids += batch.column("article_id").to_pylist()
            lines = [to_json(record) for record in batch.to_pylist()]
            checks += [zlib.crc32(line) for line in lines]
            file.writelines(lines)
            ends += (np.cumsum([len(line) for line in lines]) + ends[-1]).tolist()
    offsets = {"start": pa.array(ends[:-1], pa.int64()), "end": pa.array(ends[1:], pa.int64())}
    return ids, {**offsets, "crc32": pa.array(checks, pa.uint32())}


def _write_parquet(batches: Iterable[pa.RecordBatch], path: Path) -> tuple[list[str], dict[str, pa.Array]]:
    ids: list[str] = []
    writer = pq.ParquetWriter(path, RECORD, compression="zstd", write_page_checksum=True)
    with writer, ThreadPoolExecutor(1) as thread:  # which writes a batch while the next one is made
        written: Future[None] | None = None
        for batch in batches:
            ids += batch.column("article_id").to_pylist()
            if written is not None:
                written.result()
            written = thread.submit(writer.write_batch, batch, row_group_size=_GROUP)
        if written is not None:
            written.result()
    return ids, {"row": pa.array(np.arange(len(ids)))}
