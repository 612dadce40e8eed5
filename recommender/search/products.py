"""Products of blocks of vectors in reused buffers: in single precision exact, in half precision with a proven error."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.compute.hardware import bfloat16_unit
from recommender.compute.parallel import torch_threads
from recommender.features import loops

TORCH = 1 << 24  # products from which on importing torch pays
FEW = 64  # so few stories are multiplied as integers: converting the rows costs more than it gains
_CONVERTED = 1 << 28  # bytes of converted rows to keep
_STORIES, _ROWS = 128, 1_024  # products in half precision have a multiple of each


Lengths = tuple[NDArray[np.float64], NDArray[np.float64]]  # `norm` and `loss` of a `Side`


class Side(NamedTuple):
    """One side of a product.

    Attributes
    ----------
    values : ndarray of int16 or float32, or tensor of bfloat16; shape (s, d)
    norm : ndarray of float64, shape (s,)
        No less than the lengths of the vectors before and after rounding; empty where nothing is rounded.
    loss : ndarray of float64, shape (s,)
        Length of the difference.
    """

    values: Any
    norm: NDArray[np.float64]
    loss: NDArray[np.float64]

    def take(self, places: NDArray[np.int64] | slice) -> Side:
        """Take some of the vectors."""
        rounded = places if len(self.norm) else slice(0)
        return Side(self.values[places], self.norm[rounded], self.loss[rounded])


class Products:
    """Multiplies blocks of the integer vectors of stories and rows.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
    rows : ndarray of int64, shape (m,)
        Rows of `vectors` that blocks are made of.
    stories : int
        That ask; few are multiplied in another way than many.
    block : int
        Rows of a block.
    """

    def __init__(self, vectors: NDArray[np.int16], rows: NDArray[np.int64], stories: int, block: int) -> None:
        self._vectors, self._rows, self._block = vectors, rows, block
        self._direct = stories <= FEW
        self._torch = not self._direct and stories * len(rows) >= TORCH
        self._half = self._torch and bool(bfloat16_unit())
        self._kept: dict[int, Side] = {}
        self._lengths: dict[int, Lengths] = {}  # as dear as the rounded values, and small enough for all
        self._converting = threading.Lock()
        self._own = threading.local()
        self.exact = not self._half
        """Whether the products are exact."""
        self.workers = torch_threads() if self._torch else 1
        """How many threads may multiply at once."""
        self._whole = {block} | {part.stop - part.start for part in self.parts(block)}

    def side(self, vectors: NDArray[np.int16], rows: NDArray[np.int64], lengths: Lengths | None = None) -> Side:
        """Prepare vectors as they are multiplied; `lengths` where rounding them is known already."""
        run = len(rows) > 0 and bool((np.diff(rows) == 1).all())  # need not be copied together
        values = np.asarray(vectors)[rows[0] : rows[-1] + 1] if run else np.asarray(vectors)[rows]
        if self._direct:
            return _side(values)
        if not self._half:
            return _side(values.astype(np.float32))
        import torch

        mutable = values if values.flags.writeable else np.array(values)  # PyTorch warns of mapped files
        half = torch.from_numpy(mutable).to(torch.bfloat16)
        return Side(half, *(lengths or _lengths(values)))

    def block(self, number: int) -> Side:
        """Convert a block of rows; as many blocks as there is room for stay converted, the nearest ones in time."""
        with self._converting:
            if number not in self._kept:
                rows = self._rows[number * self._block : (number + 1) * self._block]
                side = self.side(self._vectors, rows, self._lengths.get(number))
                self._lengths[number] = side.norm, side.loss
                while self._kept and (len(self._kept) + 1) * side.values.nbytes > _CONVERTED:
                    del self._kept[max(self._kept, key=lambda kept: abs(kept - number))]
                self._kept[number] = side
            return self._kept[number]

    def parts(self, size: int) -> list[slice]:
        """Divide a block of some size into places, one part for each worker; some may be empty."""
        # a whole block in nearly equal parts; others, of any size, in parts that `_padded` makes few shapes of
        unit = _STORIES // 2 if size == self._block else _ROWS
        edges = np.linspace(0, size / unit, self.workers + 1).round().astype(np.int64) * unit
        edges[-1] = size
        return [slice(start, stop) for start, stop in pairwise(np.minimum(edges, size).tolist())]

    def __call__(self, asking: Side, rows: Side) -> NDArray[Any]:
        """Multiply, (s, w): valid until the thread's next call; float32, or the bits of bfloat16 as int16."""
        shape = len(asking.values), len(rows.values)
        size = shape[0] * shape[1]
        if self._direct:
            found = self._reused(np.float32, size).reshape(shape)
            loops.products(shape[1], asking.values, rows.values, found)
            return found
        if not self._torch:
            return np.matmul(asking.values, rows.values.T, out=self._reused(np.float32, size).reshape(shape))
        import torch

        if self._half:
            return self._halved(asking.values, rows.values)[: shape[0]]
        found = self._reused(np.float32, size).reshape(shape)
        torch.mm(torch.from_numpy(asking.values), torch.from_numpy(rows.values).T, out=torch.from_numpy(found))
        return found

    def _halved(self, asking: Any, rows: Any) -> NDArray[np.int16]:
        """Multiply in half precision, and give the bits, (s, w), in one of few shapes.

        oneDNN makes machine code for each shape that it meets, .7 MiB, and keeps that of the last thousand: in a
        process that goes on for months, or looks at an archive with blocks of any size, that is 700 MiB.
        """
        import torch

        width = len(rows)
        asking = _padded(asking, _STORIES)
        rows = rows if width in self._whole else _padded(rows, min(self._block, _ROWS))
        shape = len(asking), len(rows)
        bits = self._reused(np.int16, shape[0] * shape[1]).reshape(shape)
        found, start = torch.from_numpy(bits).view(torch.bfloat16), 0
        while start < shape[0]:
            part = slice(start, start + (1 << (shape[0] - start).bit_length() - 1))  # the largest power of two
            torch.mm(asking[part], rows.T, out=found[part])
            start = part.stop
        return bits if shape[1] == width else np.ascontiguousarray(bits[:, :width])

    def _reused(self, dtype: Any, size: int) -> NDArray[Any]:
        held: NDArray[Any] | None = getattr(self._own, "buffer", None)
        if held is None or len(held) < size:
            held = self._own.buffer = np.empty(size, dtype=dtype)
        return held[:size]


def slack(asking: Side, rows: Side) -> NDArray[np.float64]:
    """Bound how much smaller than exact a product may come out before it is rounded itself, (s,).

    `|q.x - q'.x'| <= |q - q'||x| + |q'||x - x'|`, and single precision adds up d terms with a relative error of
    less than `d * 2**-23` of `|q'||x'|`.
    """
    if not len(asking.norm):
        return np.zeros(len(asking.values))
    norm, loss = rows.norm.max(initial=0), rows.loss.max(initial=0)
    sums = asking.values.shape[1] * 2.0**-23
    found = asking.loss * norm + asking.norm * loss + asking.norm * norm * sums
    return np.asarray(found * 1.001 + 1e-3)  # the norms are rounded too


def _lengths(values: NDArray[np.int16]) -> Lengths:
    """Compute `norm` and `loss` of a `Side`."""
    size, lost = np.empty(len(values), np.int32), np.empty(len(values), np.int32)
    loops.lengths(len(values), values, size, lost)
    loss = np.sqrt(lost)
    return np.sqrt(size) + loss, loss


def _padded(values: Any, step: int) -> Any:
    """Repeat the last vector, up to a multiple of `step`."""
    import torch

    missing = -len(values) % step
    return torch.cat([values, values[-1:].expand(missing, -1)]) if missing else values


def _side(values: NDArray[Any]) -> Side:
    return Side(values, np.zeros(0), np.zeros(0))
