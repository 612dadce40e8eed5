"""Run texts through a model in batches of fixed shapes, with one single-threaded worker per core."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.compute.parallel import torch_threads, torch_workers

BATCH_TOKENS = 512
"""Tokens of one forward pass, including padding: within 3 % of the pace of far larger batches, and small enough that
a single text, which needs a batch of its own, is fast."""

BUCKET = 16
"""Lengths are padded to a multiple of this number of tokens."""

GPU_TOKENS = 8_192
"""Tokens of one forward pass on a GPU, which a small pass leaves idle."""


def batch_tokens(device: str) -> int:
    """Return the number of tokens of one forward pass on a device."""
    return BATCH_TOKENS if device == "cpu" else GPU_TOKENS


def shapes(device: str) -> str:
    """Return the name of the batch shapes of a device; other shapes may round the last bit of a vector differently.

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
    max_tokens: int | None = None,
) -> NDArray[np.float32]:
    """Embed `texts`, float32 (n, dim); a text gets the same bits alone and among any others.

    Equal texts are embedded once. The calling thread tokenises a few batches ahead, while one worker per thread of
    PyTorch runs forward passes. Passes of a single thread need no barriers, and their bits do not depend on the number
    of cores.

    `tokenise` converts texts to tokens with an `attention_mask`, padded on the right; `forward` converts the tokens of
    a batch to a vector for each row, in several threads. A forward pass has at most `max_tokens` tokens, by default
    those of the processor.
    """
    max_tokens = max_tokens or BATCH_TOKENS
    distinct = sorted(set(texts), key=lambda text: (len(text), text))  # similar lengths together need little padding
    vectors_of_distinct = np.zeros((len(distinct), dim), dtype=np.float32)
    running: deque[tuple[NDArray[np.int64], Future[NDArray[np.float32]]]] = deque()

    def collect() -> None:
        rows, vectors = running.popleft()
        vectors_of_distinct[rows] = vectors.result()[: len(rows)]

    ahead, pool = 2 * torch_threads(), torch_workers()
    for rows, batch in _batches(distinct, tokenise, max_tokens):
        running.append((rows, pool.submit(forward, batch)))
        if len(running) > ahead:
            collect()
    while running:
        collect()
    row_of_text = {text: row for row, text in enumerate(distinct)}
    return vectors_of_distinct[[row_of_text[text] for text in texts]]


def _batches(
    texts: Sequence[str], tokenise: Callable[[list[str]], Tokens], max_tokens: int
) -> Iterator[tuple[NDArray[np.int64], Tokens]]:
    """Yield batches of fixed shapes: the rows of their texts, and their tokens.

    Texts with and without padding are in separate batches, since a model takes another path where nothing is masked,
    and rounds differently there.
    """
    waiting: dict[tuple[int, bool], tuple[NDArray[np.int64], Tokens]] = {}
    for start in range(0, len(texts), _TOKENISED):
        tokens = tokenise(list(texts[start : start + _TOKENISED]))
        lengths = tokens["attention_mask"].sum(1).numpy()
        buckets = -(-np.maximum(lengths, 1) // BUCKET) * BUCKET
        shapes_of_texts = np.stack([buckets, lengths < buckets], axis=1)
        for bucket, is_padded in np.unique(shapes_of_texts, axis=0).tolist():
            members = np.flatnonzero((shapes_of_texts == (bucket, is_padded)).all(axis=1))
            rows, part = start + members, _take(tokens, members, bucket)
            if (bucket, is_padded) in waiting:
                before, tokens_before = waiting.pop((bucket, is_padded))
                rows, part = np.concatenate([before, rows]), _concatenate(tokens_before, part)
            size = max(max_tokens // bucket, 1)
            n_full = len(rows) // size * size
            for first in range(0, n_full, size):
                indices = np.arange(first, first + size)
                yield rows[indices], _take(part, indices, bucket)
            if n_full < len(rows):
                waiting[bucket, is_padded] = rows[n_full:], _take(part, np.arange(n_full, len(rows)), bucket)
    for (bucket, _), (rows, part) in waiting.items():
        size = max(max_tokens // bucket, 1)
        yield rows, _take(part, np.arange(size) % len(rows), bucket)  # repeated rows fill the shape


def map_tensors(function: Callable[..., Any], first: Tokens, *others: Tokens) -> Tokens:
    """Apply a function to the tensors of each name; other values stay those of the first."""
    import torch

    return {
        name: function(value, *(other[name] for other in others)) if isinstance(value, torch.Tensor) else value
        for name, value in first.items()
    }


def _take(tokens: Tokens, rows: NDArray[np.int64], length: int) -> Tokens:
    """Return these rows of all tensors, cut or padded to `length`."""
    from torch.nn.functional import pad

    return map_tensors(lambda value: pad(value[rows][:, :length], (0, max(length - value.shape[1], 0))), tokens)


def _concatenate(first: Tokens, second: Tokens) -> Tokens:
    import torch

    return map_tensors(lambda *parts: torch.cat(parts), first, second)
