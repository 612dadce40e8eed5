"""Keep vectors on disk by a hash of their texts, so that an interruption loses at most one batch."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommender.embedders import Encode
from recommender.errors import EmbedderError
from recommender.progress import Progress, silent

_BATCH = 128  # texts between two commits: a second or a few on a laptop
_LOOKUP = 500  # keys of one query
_CHECKSUM = 4  # bytes


class VectorCache:
    """A SQLite file of quantised vectors keyed by model, preparation and text, each with a checksum.

    The file is created with its folder at the first use. A text whose vector does not match its checksum is embedded
    again.

    Raises
    ------
    EmbedderError
        If the file cannot be opened or is not such a cache.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def _connect(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=60)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID"
            )
            connection.execute("CREATE TABLE IF NOT EXISTS models (fingerprint TEXT PRIMARY KEY, dim INTEGER)")
        except (sqlite3.Error, OSError) as error:
            raise EmbedderError(
                f"cannot use the vector cache {self.path}: {error}; delete it or name another"
            ) from error
        return connection

    def vectors(
        self, texts: Sequence[str], fingerprint: str, encode: Encode, progress: Progress = silent
    ) -> tuple[NDArray[np.int16], int]:
        """Return vectors of `texts`, int16 (n, d), from the cache as far as possible, and how many were encoded.

        `fingerprint` names everything that, with the text, determines the vector. `encode` takes all batches of
        distinct texts that are not cached; each batch of vectors is kept when it is done.
        """
        keys = [_key(fingerprint, text) for text in texts]
        first = {key: row for row, key in reversed(list(enumerate(keys)))}
        with closing(self._connect()) as connection:
            try:
                dim = self._dim(connection, fingerprint)
                result = np.zeros((len(texts), dim), dtype=np.int16)
                missing = self._load(connection, first, result) if dim else list(first.values())
                # Sorted by length, so that the texts of a batch need little padding.
                missing.sort(key=lambda row: (len(texts[row]), keys[row]))
                done = len(texts) - len(missing)
                progress("embedding", done, len(texts))
                batches = [missing[start : start + _BATCH] for start in range(0, len(missing), _BATCH)]
                encoded = encode([texts[row] for row in rows] for rows in batches) if batches else ()
                for rows, vectors in zip(batches, encoded, strict=True):
                    if not dim:
                        dim = vectors.shape[1]
                        with connection:
                            connection.execute("INSERT OR REPLACE INTO models VALUES (?, ?)", (fingerprint, dim))
                        result = np.zeros((len(texts), dim), dtype=np.int16)
                    if vectors.shape[1] != dim:
                        raise sqlite3.DataError(f"{dim} dimensions are noted, not {vectors.shape[1]}")
                    result[rows] = vectors
                    entries = ((keys[row], _with_checksum(keys[row], result[row].tobytes())) for row in rows)
                    with connection:
                        connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", entries)
                    done += len(rows)
                    progress("embedding", done, len(texts))
            except sqlite3.Error as error:
                advice = "delete it to start over"
                if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                    advice = "free some space and run again: its contents are kept"
                raise EmbedderError(f"vector cache {self.path} failed: {error}; {advice}") from error
        return result[[first[key] for key in keys]], len(missing)

    def _dim(self, connection: sqlite3.Connection, fingerprint: str) -> int:
        """Look up the model's dimensions, so that the model need not be loaded; 0 = not yet known."""
        row = connection.execute("SELECT dim FROM models WHERE fingerprint = ?", (fingerprint,)).fetchone()
        return int(row[0]) if row else 0

    def _load(self, connection: sqlite3.Connection, first: dict[bytes, int], result: NDArray[np.int16]) -> list[int]:
        """Fill `result` from the file, and return the rows that are not there."""
        missing = dict(first)
        keys = sorted(first)
        for start in range(0, len(keys), _LOOKUP):
            part = keys[start : start + _LOOKUP]
            placeholders = ",".join("?" * len(part))
            query = f"SELECT key, vector FROM vectors WHERE key IN ({placeholders})"
            for key, vector in connection.execute(query, part):
                content = vector[:-_CHECKSUM]
                if len(content) == result.shape[1] * 2 and vector == _with_checksum(key, content):
                    result[missing.pop(key)] = np.frombuffer(content, dtype=np.int16)
        return list(missing.values())


def _with_checksum(key: bytes, vector: bytes) -> bytes:
    """Append the checksum of key and vector to the vector."""
    return vector + zlib.crc32(key + vector).to_bytes(_CHECKSUM, "little")


def _key(fingerprint: str, text: str) -> bytes:
    return hashlib.blake2b(text.encode(), key=fingerprint.encode()[:64], digest_size=16).digest()
