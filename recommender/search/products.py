"""Products of blocks of integer vectors: in single precision exact, in half precision with a proven error."""

from __future__ import annotations

import threading
from functools import cache
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.compute.hardware import bfloat16_unit
from recommender.features import loops
from recommender.search.loops import HALF

FEW = 16  # so few stories or rows are multiplied as integers: converting the others costs more than it gains
_STORIES, _ROWS = 128, 1_024  # products in half precision have a multiple of each

_own = threading.local()


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


class Products:
    """Multiply blocks of the integer vectors of stories and rows.

    Parameters
    ----------
    stories, rows : int
        How many will be multiplied in all: few are multiplied in another way than many.
    torch : bool
        Whether PyTorch may multiply many.

    Attributes
    ----------
    half : bool
        Whether products are in half precision, and so not exact.
    """

    def __init__(self, stories: int, rows: int, torch: bool) -> None:
        self._direct = min(stories, rows) <= FEW
        self._torch = torch and not self._direct
        self.half = self._torch and half_pays()

    def side(self, vectors: NDArray[np.int16], rows: NDArray[np.int64]) -> Side:
        """Prepare vectors as they are multiplied."""
        run = len(rows) > 0 and bool((np.diff(rows) == 1).all())  # need not be copied together
        values = np.asarray(vectors)[rows[0] : rows[-1] + 1] if run else np.asarray(vectors)[rows]
        if not self.half:
            return Side(values if self._direct else values.astype(np.float32), np.zeros(0), np.zeros(0))
        import torch

        size, lost = np.empty(len(values), np.int32), np.empty(len(values), np.int32)
        loops.lengths(len(values), values, size, lost)
        loss = np.sqrt(lost)
        mutable = values if values.flags.writeable else np.array(values)  # PyTorch warns of mapped files
        return Side(torch.from_numpy(mutable).to(torch.bfloat16), np.sqrt(size) + loss, loss)

    def __call__(self, asking: Side, rows: Side) -> NDArray[Any]:
        """Multiply, at least (s, w): valid until the thread's next call; float32, or the bits of bfloat16 as int16."""
        shape = len(asking.values), len(rows.values)
        if self._direct:
            found = _reused(np.float32, shape)
            loops.products(shape[1], asking.values, rows.values, found)
            return found
        if self.half:
            return _halved(asking.values, rows.values)
        if not self._torch:
            return np.matmul(asking.values, rows.values.T, out=_reused(np.float32, shape))
        import torch

        found = _reused(np.float32, shape)
        torch.mm(torch.from_numpy(asking.values), torch.from_numpy(rows.values).T, out=torch.from_numpy(found))
        return found

    def turned(self, products: NDArray[Any], rows: int, stories: int) -> NDArray[Any]:
        """Give products, at least (rows, stories), as (stories, rows)."""
        if not self._torch:
            return np.ascontiguousarray(products[:rows, :stories].T)
        import torch  # four times as fast

        found = np.empty((stories, rows), dtype=products.dtype)
        torch.from_numpy(found).copy_(torch.from_numpy(products[:rows, :stories]).t())
        return found

    def bound(self, least: NDArray[np.int32], slack: NDArray[np.float64]) -> NDArray[Any]:
        """Find what products are compared with, so that none is lost whose exact value reaches `least`; (s,)."""
        if not self.half:
            return np.maximum(least, 1).astype(np.float32)
        # positive bfloat16 numbers are ordered as their bits, and negative ones lie below
        reached = np.maximum(least, 1) - slack
        bits = (reached * HALF).astype(np.float32).view(np.int32) >> 16
        return np.where(reached > 0, bits, np.iinfo(np.int16).min).astype(np.int16)

    def slack(self, asking: Side, rows: Side) -> NDArray[np.float64]:
        """Bound how much smaller than exact a product may come out before it is rounded itself, (s,).

        `|q.x - q'.x'| <= |q - q'||x| + |q'||x - x'|`, and single precision adds up d terms with a relative error of
        less than `d * 2**-23` of `|q'||x'|`.
        """
        if not self.half:
            return np.zeros(len(asking.values))
        norm, loss = rows.norm.max(initial=0), rows.loss.max(initial=0)
        sums = asking.values.shape[1] * 2.0**-23
        found = asking.loss * norm + asking.norm * loss + asking.norm * norm * sums
        return np.asarray(found * 1.001 + 1e-3)  # the norms are rounded too


@cache
def half_pays() -> bool:
    """Tell whether half precision multiplies faster here than single precision: measured once, in some milliseconds.

    Not every processor that can multiply bfloat16 gains by it. What is found is the same either way.
    """
    import torch

    if not bfloat16_unit():
        return False
    seconds = []
    for precision in (torch.float32, torch.bfloat16):
        left, right = torch.ones(_STORIES, 512, dtype=precision), torch.ones(_ROWS, 512, dtype=precision)
        found = torch.empty(_STORIES, _ROWS, dtype=precision)
        tried = []
        for _ in range(6):
            start = perf_counter()
            torch.mm(left, right.T, out=found)
            tried.append(perf_counter() - start)
        seconds.append(min(tried))
    return seconds[1] < seconds[0]


def _halved(asking: Any, rows: Any) -> NDArray[np.int16]:
    """Multiply in half precision, and give the bits, in one of few shapes.

    oneDNN makes machine code for each shape that it meets, .7 MiB, and keeps that of the last thousand: in a process
    that goes on for months, or looks at an archive with blocks of any size, that is 700 MiB.
    """
    import torch

    asking, rows = _padded(asking, _STORIES), _padded(rows, _ROWS)
    bits = _reused(np.int16, (len(asking), len(rows)))
    found, start = torch.from_numpy(bits).view(torch.bfloat16), 0
    while start < len(asking):
        part = slice(start, start + (1 << (len(asking) - start).bit_length() - 1))  # the largest power of two
        torch.mm(asking[part], rows.T, out=found[part])
        start = part.stop
    return bits


def _padded(values: Any, step: int) -> Any:
    """Repeat the last vector, up to a multiple of `step`."""
    import torch

    missing = -len(values) % step
    return torch.cat([values, values[-1:].expand(missing, -1)]) if missing else values


def _reused(dtype: Any, shape: tuple[int, int]) -> NDArray[Any]:
    """Give an array in memory that the thread used for its last product."""
    size = shape[0] * shape[1] * np.dtype(dtype).itemsize
    held: NDArray[np.uint8] | None = getattr(_own, "buffer", None)
    if held is None or len(held) < size:
        held = _own.buffer = np.empty(size, dtype=np.uint8)
    found: NDArray[Any] = held[:size].view(dtype).reshape(shape)
    return found
