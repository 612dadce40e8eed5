"""Keep finished shards of long jobs, so that an interrupted job only does the rest."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from recommender.progress import Progress, silent
from recommender.storage.atomic import fsync, sha256, wrap_write_errors, write_atomically

_ADVICE = "nothing was published, and earlier shards are kept. Free some space and run again"
FOLDER = ".resume"
"""Name of the folder of ledgers within the folder that a job writes to."""

SHARD = 32_768
"""Number of stories whose pools, or lists, are kept together: seconds of work. Smaller archives keep nothing."""

TEXTS = 8_192
"""Number of texts whose vectors are kept together: up to a minute of work on two cores."""

_INPUTS, _HEX = "inputs.json", "[0-9a-f]"
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")


class Ledger:
    """Finished shards of one stage of a job, valid for the inputs that it is opened with.

    A shard is a file that is written to a temporary name, fsynced and renamed to its name and the digest of its bytes.
    Several processes may add shards at once, on one machine or on shared storage. A process that outlives its job never
    touches the shards of the next, since the folder's name has a digest of the inputs. Equal shards are equal files.

    Parameters
    ----------
    root : path
        Folder of ledgers; nothing is created before the first shard is finished.
    stage : str
        Content of the shards, such as 'vectors'.
    inputs : mapping of str to str
        Everything that determines the shards, by its name in messages: digests, versions, a moment. Shards of the same
        stage with other inputs are deleted, with a warning that names the changes.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Ledger(Path(folder), "squares", {"stories": "1f"}).keep("00000", found=np.arange(3) ** 2)
    ...     again = Ledger(Path(folder), "squares", {"stories": "1f"})
    ...     again.names, again.arrays("00000")["found"].tolist(), again.arrays("00001")
    (['00000'], [0, 1, 4], None)
    """

    def __init__(self, root: Path, stage: str, inputs: Mapping[str, str]) -> None:
        self.stage, self.inputs, self.resumed = stage, dict(inputs), 0
        digest = hashlib.sha256(orjson.dumps(self.inputs, option=orjson.OPT_SORT_KEYS)).hexdigest()
        name = re.sub(r"\W+", "-", stage).strip("-")[:80]
        self.folder = root / f"{name}-{digest[:12]}"
        for other in _folders(root, name):
            reason = self._mismatch(other)
            if not reason:
                continue
            count = len(_shards(other))
            _delete(other)
            if count:
                shards = f"{count} finished shard{'s' * (count > 1)}"
                warnings.warn(f"{shards} of {stage} cannot be used: {reason}; it starts over", stacklevel=3)

    @property
    def names(self) -> list[str]:
        """Names of the finished shards, in order; `path` checks whether a file is damaged."""
        return sorted({path.stem for path in _shards(self.folder)})

    def path(self, name: str) -> Path | None:
        """Return the file of a finished shard with the right digest; None if there is none."""
        for path in _shards(self.folder, name):
            try:
                if sha256(path)[:16] == path.suffix[1:]:
                    self.resumed += 1
                    return path
            except FileNotFoundError:
                continue
            path.unlink(missing_ok=True)
            warnings.warn(f"the finished shard {path} is damaged and is computed again", stacklevel=3)
        return None

    @contextmanager
    def add(self, name: str) -> Iterator[BinaryIO]:
        """Open a file to write a shard to; the shard is finished once the block ends without an error.

        If the folder is deleted meanwhile, only the shard is lost.
        """
        if not (self.folder / _INPUTS).exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / _INPUTS, orjson.dumps(self.inputs, option=orjson.OPT_INDENT_2))
        temporary = self.folder / f".{name}.{socket.gethostname()}.{os.getpid()}"
        try:
            with wrap_write_errors(temporary, _ADVICE), temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileNotFoundError):
                os.replace(temporary, self.folder / f"{name}.{sha256(temporary)[:16]}")
                fsync(self.folder)
        finally:
            temporary.unlink(missing_ok=True)

    def arrays(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Read the arrays of a finished shard; None if there is none."""
        path = self.path(name)
        if path is None:
            return None
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return dict(stored)

    def keep(self, name: str, **arrays: NDArray[Any]) -> None:
        """Keep arrays as a finished shard."""
        with self.add(name) as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    def batches(self, name: str, batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield the record batches of a finished shard; if there is none, yield `batches` and keep them."""
        path = self.path(name)
        if path is not None:
            with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
                yield from (reader.get_batch(number) for number in range(reader.num_record_batches))
            return
        with self.add(name) as file, pa.ipc.new_file(file, schema, options=_COMPRESSED) as writer:
            for batch in batches:
                writer.write_batch(batch)
                yield batch

    def _mismatch(self, folder: Path) -> str:
        """Return the reason why the shards of a folder cannot be used; empty if they can."""
        is_own = folder == self.folder  # the name has a digest of the inputs
        try:
            inputs = orjson.loads((folder / _INPUTS).read_bytes())
            changed = sorted(name for name in {*inputs, *self.inputs} if inputs.get(name) != self.inputs.get(name))
            if is_own != bool(changed):
                return "" if is_own else f"the {' and '.join(changed)} changed"
        except (OSError, ValueError, TypeError, AttributeError):
            pass
        return f"{folder / _INPUTS} is damaged"


class Ledgers:
    """The ledgers of one job, such as 'precompute', in a folder that other jobs may use as well.

    Without a folder nothing is kept. A job only deletes its own ledgers. `progress` is called with
    ('resumed STAGE', finished shards, all shards or None) if there are finished shards.
    """

    def __init__(self, root: Path | None, job: str, progress: Progress = silent) -> None:
        self.root, self.job, self.progress = root, job, progress
        self._opened: list[Ledger] = []

    def open(self, stage: str, inputs: Mapping[str, str], total: int | None = None) -> Ledger | None:
        """Open the ledger of a stage, see `Ledger`; None without a folder."""
        if self.root is None:
            return None
        ledger = Ledger(self.root, f"{stage} ({self.job})", inputs)
        self._opened.append(ledger)
        if ledger.names:
            self.progress(f"resumed {stage}", len(ledger.names), total)
        return ledger

    @property
    def resumed(self) -> int:
        """Number of finished shards that were used."""
        return sum(ledger.resumed for ledger in self._opened)

    def clear(self) -> None:
        """Delete all shards of the finished job."""
        if self.root is not None:
            clear(self.root, f"*-{self.job}")


def clear(root: Path, names: str = "*") -> int:
    """Delete ledgers in a folder, and the folder if nothing else is left in it; return the number of shards."""
    folders = _folders(root, names)
    count = sum(len(_shards(folder)) for folder in folders)
    for folder in folders:
        _delete(folder)
    with suppress(OSError):
        root.rmdir()
    return count


def _folders(root: Path, names: str = "*") -> list[Path]:
    """Return the folders that have the name of a ledger, and no other files."""
    return sorted(path for path in root.glob(f"{names}-{_HEX * 12}") if path.is_dir() and _has_only_shards(path))


def _has_only_shards(folder: Path) -> bool:
    files = {path for path in folder.iterdir() if path.name != _INPUTS and path.name[0] != "."}
    return files == set(_shards(folder))


def _delete(folder: Path) -> None:
    """Delete a ledger, the inputs last, so that a process that dies here leaves a valid ledger."""
    for path in _shards(folder):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _shards(folder: Path, name: str = "*") -> list[Path]:
    return sorted(path for path in folder.glob(f"{name}.{_HEX * 16}") if path.name[0] != ".")
