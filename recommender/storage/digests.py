"""Compute digests of texts and tables, which do not depend on their chunks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pyarrow as pa

_BLOCK = 1 << 15  # rows that are hashed together


def digest_of(texts: Iterable[str]) -> str:
    """Compute the hex digest of texts in their order."""
    digest = hashlib.sha256()
    for text in texts:
        data = text.encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def hash_table(digest: hashlib._Hash, table: pa.Table) -> None:
    """Add the rows of a table to a digest, without a copy of the whole table."""
    for start in range(0, len(table), _BLOCK):
        part = table.slice(start, _BLOCK).combine_chunks()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, part.schema) as writer:
            writer.write_table(part)
        digest.update(sink.getvalue())
