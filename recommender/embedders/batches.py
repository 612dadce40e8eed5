"""Texts through a model at the hardware's pace: batches of fixed shapes, one single-threaded worker per core."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.compute.parallel import torch_threads, torch_workers

BATCH_TOKENS = 512
"""Tokens of one forward pass, padding included: within 3 % of the pace of far larger batches, and a text alone,
which passes in a batch of its own, does not wait for more."""

BUCKET = 16
"""Lengths are padded to a multiple of so many tokens."""

GPU_TOKENS = 8_192
"""The same on a GPU, which a small pass leaves idle."""


def batch_tokens(device: str) -> int:
    """Tell the tokens of one forward pass on a device."""
    return BATCH_TOKENS if device == "cpu" else GPU_TOKENS


def shapes(device: str) -> str:
    """Name the table of shapes: another table may round the last bit of a vector in another way.

    Examples
    --------
    >>> shapes("cpu")
    '512/16'
    """
    return f"{batch_tokens(device)}/{BUCKET}"


_TOKENISED = 256  # texts tokenised at a time, while the workers compute

Tokens = dict[str, Any]
"""What a tokenizer returns: tensors (texts, length) by name, and perhaps settings that hold for all texts."""


def embed(
    texts: Sequence[str],
    tokenise: Callable[[list[str]], Tokens],
    forward: Callable[[Tokens], NDArray[np.float32]],
    dim: int,
    room: int | None = None,
) -> NDArray[np.float32]:
    """Embed `texts`, float32 (n, dim); a text gets the same bits alone and in any company.

    Equal texts are embedded once. The calling thread tokenises, a few batches ahead, while one worker per
    thread of PyTorch runs forward passes: passes that do not share their work need no barriers between
    threads, and their bits do not depend on the number of cores.

    Parameters
    ----------
    texts : sequence of str
    tokenise : callable
        Texts to tokens with an `attention_mask`, padded on the right.
    forward : callable
        Tokens of one batch to one vector a row. Called from several threads.
    dim : int
    room : int, optional
        Tokens of one forward pass; those of the processor by default.
    """
    room = room or BATCH_TOKENS
    distinct = sorted(set(texts), key=lambda text: (len(text), text))  # like lengths together: little waits or pads
    found = np.zeros((len(distinct), dim), dtype=np.float32)
    running: deque[tuple[NDArray[np.int64], Future[NDArray[np.float32]]]] = deque()

    def collect() -> None:
        rows, vectors = running.popleft()
        found[rows] = vectors.result()[: len(rows)]

    ahead, pool = 2 * torch_threads(), torch_workers()
    for rows, batch in _batches(distinct, tokenise, room):
        running.append((rows, pool.submit(forward, batch)))
        if len(running) > ahead:
            collect()
    while running:
        collect()
    place = {text: row for row, text in enumerate(distinct)}
    return found[[place[text] for text in texts]]


def _batches(
    texts: Sequence[str], tokenise: Callable[[list[str]], Tokens], room: int
) -> Iterator[tuple[NDArray[np.int64], Tokens]]:
    """Sort `texts` into batches of fixed shapes; gives the rows of each and their tokens.

    Texts without padding pass apart from padded ones, since a model takes another path where nothing is
    masked, and other paths round in other ways.
    """
    waiting: dict[tuple[int, bool], tuple[NDArray[np.int64], Tokens]] = {}
    for start in range(0, len(texts), _TOKENISED):
        tokens = tokenise(list(texts[start : start + _TOKENISED]))
        lengths = tokens["attention_mask"].sum(1).numpy()
        buckets = -(-np.maximum(lengths, 1) // BUCKET) * BUCKET
        kinds = np.stack([buckets, lengths < buckets], axis=1)
        for bucket, padded in np.unique(kinds, axis=0).tolist():
            members = np.flatnonzero((kinds == (bucket, padded)).all(axis=1))
            rows, part = start + members, _take(tokens, members, bucket)
            if (bucket, padded) in waiting:
                before, held = waiting.pop((bucket, padded))
                rows, part = np.concatenate([before, rows]), _joined(held, part)
            size = max(room // bucket, 1)
            whole = len(rows) // size * size
            for first in range(0, whole, size):
                places = np.arange(first, first + size)
                yield rows[places], _take(part, places, bucket)
            if whole < len(rows):
                waiting[bucket, padded] = rows[whole:], _take(part, np.arange(whole, len(rows)), bucket)
    for (bucket, _), (rows, part) in waiting.items():
        size = max(room // bucket, 1)
        yield rows, _take(part, np.arange(size) % len(rows), bucket)  # repeated rows fill the shape


def _take(tokens: Tokens, rows: NDArray[np.int64], length: int) -> Tokens:
    """Take these rows of all tensors, cut or padded to `length`."""
    import torch
    from torch.nn.functional import pad

    return {
        name: pad(value[rows][:, :length], (0, max(length - value.shape[1], 0)))
        if isinstance(value, torch.Tensor)
        else value
        for name, value in tokens.items()
    }


def _joined(first: Tokens, second: Tokens) -> Tokens:
    import torch

    return {
        name: torch.cat([value, second[name]]) if isinstance(value, torch.Tensor) else value
        for name, value in first.items()
    }
