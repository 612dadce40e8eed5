"""Texts -> counts of terms, a block of texts at a time: bytes are looked at all at once, words as integers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.scripts import fold, is_letter, without_gaps
from recommender.compute.parallel import in_order

BLOCK = 2_048  # texts counted together
_WORD = np.array([chr(byte).isalnum() or chr(byte) == "_" for byte in range(128)] + [False] * 128)


@dataclass(frozen=True)
class Counts:
    """How often each text of a block uses each term.

    Attributes
    ----------
    terms : list of str
        In no order.
    lengths : ndarray of int64, shape (n,)
        Number of different terms of each text.
    term : ndarray of int32, shape (m,)
        Places in `terms`, text after text.
    count : ndarray of int32, shape (m,)
    """

    terms: list[str]
    lengths: NDArray[np.int64]
    term: NDArray[np.int32]
    count: NDArray[np.int32]

    @property
    def row(self) -> NDArray[np.int64]:
        """Place of the text, (m,)."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)


def count_terms(texts: Iterable[pa.Array] | Sequence[str], block: int = BLOCK) -> Iterator[Counts]:
    """Count the terms of texts, a block at a time, in order; on all cores.

    A term is a run of two or more letters with their marks, digits and underscores, as `scripts.fold` writes them, no
    English stop word; where words have no blanks between them, each pair of characters. Of English texts these are the
    terms of scikit-learn's vectorizers.

    Parameters
    ----------
    texts : iterable of pyarrow.Array, or sequence of str
        Blocks of texts, which are asked for only when they are needed, or the texts.
    block : int
        Texts counted together, where they come one by one.

    Examples
    --------
    >>> (found,) = count_terms(["Ferry aground: the FERRY ran on rocks"])
    >>> dict(sorted(zip(found.terms, found.count.tolist())))
    {'aground': 1, 'ferry': 2, 'ran': 1, 'rocks': 1}
    """
    if isinstance(texts, Sequence):
        whole = pa.array(texts, pa.large_string())
        texts = (whole.slice(start, block) for start in range(0, len(whole), block))
    yield from in_order(_count, texts)


def words_in_order(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """List all words of texts as terms are written, in order, stop words and short ones among them."""
    return _words(_lower(texts))[1]


def _count(texts: pa.LargeStringArray) -> Counts:
    bounds, words = _words(_lower(texts))
    encoded = words.dictionary_encode()
    names = encoded.dictionary
    wanted = pc.and_(pc.greater_equal(pc.utf8_length(names), 2), pc.invert(pc.is_in(names, _stop_words())))
    row = np.repeat(np.arange(len(texts)), np.diff(bounds))
    code = encoded.indices.to_numpy().astype(np.int64)
    kept = wanted.to_numpy(zero_copy_only=False)[code]
    pair = np.sort(row[kept] * max(len(names), 1) + code[kept])
    first = np.flatnonzero(np.concatenate([[True], pair[1:] != pair[:-1]])) if len(pair) else np.zeros(0, np.int64)
    count = np.diff(first, append=len(pair))
    row, code = np.divmod(pair[first], max(len(names), 1))
    used, term = np.unique(code, return_inverse=True)
    lengths = np.bincount(row, minlength=len(texts))
    return Counts(names.take(pa.array(used)).to_pylist(), lengths, term.astype(np.int32), count.astype(np.int32))


@cache
def _stop_words() -> pa.Array:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return pa.array(sorted(ENGLISH_STOP_WORDS), pa.large_string())


def _lower(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    if pc.all(pc.string_is_ascii(texts)).as_py() in (True, None):
        return pc.ascii_lower(texts)
    special = _special(texts)
    pairs = zip(texts.to_pylist(), special.tolist(), strict=True)
    return pa.array([without_gaps(fold(text)) if odd else text.lower() for text, odd in pairs], pa.large_string())


def _special(texts: pa.LargeStringArray) -> NDArray[np.bool_]:
    """Tell which texts hold characters that `fold` and `without_gaps` may change, (n,): others need small letters."""
    limits, data = _bytes(texts)
    beyond = np.flatnonzero(data >= 0xCC)  # the first byte of a character from U+0300 on
    lead = data[beyond]
    # Greek, Cyrillic and Armenian stay, general punctuation and symbols, and what is for private use
    odd = beyond[(lead < 0xCE) | (lead > 0xD5) & (lead != 0xE2) & (lead != 0xEE)]
    found = np.zeros(len(texts), dtype=bool)
    found[np.searchsorted(limits, odd, "right") - 1] = True
    for rare in ("\u00ad", "\u0130"):
        if rare.encode() in data.tobytes():
            found |= pc.match_substring(texts, rare).to_numpy(zero_copy_only=False)
    return found


def _bytes(texts: pa.LargeStringArray) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Find where each text begins and the last one ends, (n + 1,), and the bytes of all."""
    _, ends, content = texts.buffers()
    limits = np.frombuffer(ends, np.int64)[texts.offset : texts.offset + len(texts) + 1] if len(texts) else np.zeros(1)
    limits = limits.astype(np.int64)
    data = np.frombuffer(content or b"", np.uint8)[limits[0] : limits[-1]]
    return limits - limits[0], data


def _words(texts: pa.LargeStringArray) -> tuple[NDArray[np.int64], pa.LargeStringArray]:
    """Find all runs of word characters, and where those of each text start among them, (n + 1,)."""
    limits, data = _bytes(texts)
    word = _WORD[data]
    _mark_beyond_ascii(data, word)
    edge = np.zeros(len(data) + 1, dtype=bool)  # between two bytes: a text ends here
    edge[limits] = True
    start = word & edge[:-1]
    start[1:] |= word[1:] & ~word[:-1]
    end = word & edge[1:]
    end[:-1] |= word[:-1] & ~word[1:]
    starts = np.flatnonzero(start)
    offsets = np.zeros(len(starts) + 1, dtype=np.int64)
    np.cumsum(np.flatnonzero(end) + 1 - starts, out=offsets[1:])
    words = pa.LargeStringArray.from_buffers(len(starts), pa.py_buffer(offsets), pa.py_buffer(data[word]))
    return np.searchsorted(starts, limits), words


def _mark_beyond_ascii(data: NDArray[np.uint8], word: NDArray[np.bool_]) -> None:
    """Set all bytes of the letters and digits that UTF-8 writes with two to four bytes."""
    for size, low, high in ((2, 0xC0, 0xE0), (3, 0xE0, 0xF0), (4, 0xF0, 0x100)):
        lead = np.flatnonzero((data >= low) & (data < high)) if data.max(initial=0) >= low else np.zeros(0, np.int64)
        point = data[lead].astype(np.int64) & (0x7F >> size)
        for step in range(1, size):
            point = point << 6 | data[lead + step] & 0x3F
        points, which = np.unique(point, return_inverse=True)
        letters = lead[np.array([is_letter(point) for point in points.tolist()], dtype=bool)[which]]
        for step in range(size):
            word[letters + step] = True
