"""Count the terms of texts, a block of texts at a time, on arrays of bytes and of word numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.columns import text_buffers
from recommender.articles.scripts import fold, is_letter, pair_characters
from recommender.compute.parallel import in_order
from recommender.features.stop_words import ENGLISH_STOP_WORDS

BLOCK = 2_048  # texts counted together
_STOP_WORDS = pa.array(ENGLISH_STOP_WORDS.split(), pa.large_string())
_IS_ASCII_WORD = np.array([chr(byte).isalnum() or chr(byte) == "_" for byte in range(128)] + [False] * 128)


@dataclass(frozen=True)
class Counts:
    """How often each text of a block uses each term."""

    terms: list[str]  # in no order
    lengths: NDArray[np.int64]  # (n,); number of different terms of each text
    term: NDArray[np.int32]  # (m,); indices into `terms`, text after text
    count: NDArray[np.int32]  # (m,)

    @property
    def row(self) -> NDArray[np.int64]:
        """Row of the text, (m,)."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)


def count_terms(texts: Iterable[pa.Array] | Sequence[str], block: int = BLOCK) -> Iterator[Counts]:
    """Count the terms of texts, a block at a time, in order, on all cores.

    A term is a run of two or more letters with their marks, digits and underscores, as `scripts.fold` writes them,
    unless it is an English stop word; where words have no blanks between them, it is a pair of characters. The terms of
    English texts are those of scikit-learn's vectorizers.

    `texts`: blocks of texts, each taken only when it is needed, or all texts. `block`: texts of a sequence that are
    counted together.

    Examples
    --------
    >>> (counts,) = count_terms(["Ferry aground: the FERRY ran on rocks"])
    >>> dict(sorted(zip(counts.terms, counts.count.tolist())))
    {'aground': 1, 'ferry': 2, 'ran': 1, 'rocks': 1}
    """
    if isinstance(texts, Sequence):
        column = pa.array(texts, pa.large_string())
        texts = (column.slice(start, block) for start in range(0, len(column), block))
    yield from in_order(_count, texts)


def words_in_order(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return all words of texts in order, spelled as terms are, including stop words and short words."""
    return _split_words(_normalise(texts))[1]


def _count(texts: pa.LargeStringArray) -> Counts:
    bounds, words = _split_words(_normalise(texts))
    encoded = words.dictionary_encode()
    vocabulary = encoded.dictionary
    is_term = pc.and_(pc.greater_equal(pc.utf8_length(vocabulary), 2), pc.invert(pc.is_in(vocabulary, _STOP_WORDS)))
    row = np.repeat(np.arange(len(texts)), np.diff(bounds))
    code = encoded.indices.to_numpy().astype(np.int64)
    kept = is_term.to_numpy(zero_copy_only=False)[code]
    n_words = max(len(vocabulary), 1)
    key = np.sort(row[kept] * n_words + code[kept])
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.zeros(0, np.int64)
    count = np.diff(first, append=len(key))
    row, code = np.divmod(key[first], n_words)
    used, term = np.unique(code, return_inverse=True)
    lengths = np.bincount(row, minlength=len(texts))
    return Counts(vocabulary.take(pa.array(used)).to_pylist(), lengths, term.astype(np.int32), count.astype(np.int32))


def _normalise(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Spell texts in small letters, each word in one form, with blanks between words."""
    if pc.all(pc.string_is_ascii(texts)).as_py() in (True, None):
        return pc.ascii_lower(texts)
    pairs = zip(texts.to_pylist(), _needs_folding(texts).tolist(), strict=True)
    normalised = [pair_characters(fold(text)) if needs_folding else text.lower() for text, needs_folding in pairs]
    return pa.array(normalised, pa.large_string())


def _needs_folding(texts: pa.LargeStringArray) -> NDArray[np.bool_]:
    """Mark the texts with characters that `fold` or `pair_characters` may change, (n,)."""
    data, offsets = text_buffers(texts)
    beyond = np.flatnonzero(data >= 0xCC)  # the first byte of a character from U+0300 on
    lead = data[beyond]
    # Greek, Cyrillic, Armenian, general punctuation, symbols and private use stay as they are.
    special = beyond[(lead < 0xCE) | (lead > 0xD5) & (lead != 0xE2) & (lead != 0xEE)]
    mask = np.zeros(len(texts), dtype=bool)
    mask[np.searchsorted(offsets, special, "right") - 1] = True
    for rare in ("\u00ad", "\u0130"):
        if rare.encode() in data.tobytes():
            mask |= pc.match_substring(texts, rare).to_numpy(zero_copy_only=False)
    return mask


def _split_words(texts: pa.LargeStringArray) -> tuple[NDArray[np.int64], pa.LargeStringArray]:
    """Return the offsets of each text among all words, (n + 1,), and the words: all runs of word characters."""
    data, text_offsets = text_buffers(texts)
    is_word = _IS_ASCII_WORD[data]
    _mark_beyond_ascii(data, is_word)
    is_edge = np.zeros(len(data) + 1, dtype=bool)  # a text begins or ends before this byte
    is_edge[text_offsets] = True
    begins = is_word & is_edge[:-1]
    begins[1:] |= is_word[1:] & ~is_word[:-1]
    ends = is_word & is_edge[1:]
    ends[:-1] |= is_word[:-1] & ~is_word[1:]
    starts = np.flatnonzero(begins)
    offsets = np.zeros(len(starts) + 1, dtype=np.int64)
    np.cumsum(np.flatnonzero(ends) + 1 - starts, out=offsets[1:])
    words = pa.LargeStringArray.from_buffers(len(starts), pa.py_buffer(offsets), pa.py_buffer(data[is_word]))
    return np.searchsorted(starts, text_offsets), words


def _mark_beyond_ascii(data: NDArray[np.uint8], is_word: NDArray[np.bool_]) -> None:
    """Mark all bytes of the letters and digits that UTF-8 writes with two to four bytes."""
    for size, low, high in ((2, 0xC0, 0xE0), (3, 0xE0, 0xF0), (4, 0xF0, 0x100)):
        lead = np.flatnonzero((data >= low) & (data < high)) if data.max(initial=0) >= low else np.zeros(0, np.int64)
        point = data[lead].astype(np.int64) & (0x7F >> size)
        for step in range(1, size):
            point = point << 6 | data[lead + step] & 0x3F
        points, index = np.unique(point, return_inverse=True)
        letters = lead[np.array([is_letter(point) for point in points.tolist()], dtype=bool)[index]]
        for step in range(size):
            is_word[letters + step] = True
