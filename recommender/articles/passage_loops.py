"""Compiled loops that read texts passage by passage: keys of passages that may recur, and texts without boilerplate.

A passage is a sentence, a paragraph, or two sentences in a row of which one is short.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.articles.form_loops import MARKING, contains, mark_by_form
from recommender.articles.sentence_loops import (
    BYTE_CLASS,
    END,
    LEAST_WORDS,
    SPLITTING,
    WIDE,
    mix,
    sentence_arrays,
    split_sentences,
)
from recommender.compute.kernels import kernel

SENTENCE, PAIR, PARAGRAPH = 0, 1, 2

_Bytes = NDArray[np.uint8]
_Rows = NDArray[np.int64]
_Hashes = NDArray[np.uint64]
_Mask = NDArray[np.bool_]


def passage_arrays(n_sentences: int) -> tuple[_Hashes, _Rows, _Rows]:
    """Create arrays for the passages of a text: key, kind and last sentence."""
    size = 3 * n_sentences
    return np.empty(size, dtype=np.uint64), np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)


def passage_keys(
    key: _Hashes, words: _Rows, paragraph: _Rows, count: int, passage_key: _Hashes, kind: _Rows, last_sentence: _Rows
) -> int:
    """Write key, kind and last sentence of all passages of a text; return their number."""
    size, first = 0, 0
    while first < count:
        stop, paragraph_key = first, np.uint64(0x9E3779B97F4A7C15)
        while stop < count and paragraph[stop] == paragraph[first]:
            paragraph_key = mix(paragraph_key * np.uint64(3) + key[stop])
            if words[stop] >= LEAST_WORDS:
                passage_key[size], kind[size], last_sentence[size] = key[stop], SENTENCE, stop
                size += 1
            if stop > first and min(words[stop], words[stop - 1]) < LEAST_WORDS:
                pair = mix((key[stop - 1] ^ np.uint64(0xC2B2AE3D27D4EB4F)) * np.uint64(3) + key[stop])
                passage_key[size], kind[size], last_sentence[size] = pair, PAIR, stop
                size += 1
            stop += 1
        if stop - first > 1 or words[first] < LEAST_WORDS:
            passage_key[size], kind[size], last_sentence[size] = paragraph_key, PARAGRAPH, stop - 1
            size += 1
        first = stop
    return size


def mark_dropped(
    data: _Bytes,
    begins: _Rows,
    ends: _Rows,
    key: _Hashes,
    words: _Rows,
    paragraph: _Rows,
    count: int,
    salt: Any,
    table: _Hashes,
    labels: _Hashes,
    is_dropped: _Mask,
) -> None:
    """Mark the sentences of a text that are boilerplate by themselves, in their paragraph, or next to a marked one."""
    passage_key, kind, last_sentence = passage_arrays(count)
    size = passage_keys(key, words, paragraph, count, passage_key, kind, last_sentence)
    follows_neighbour = np.zeros(count, dtype=np.bool_)  # a pair of this sentence and the one before recurs
    for passage in range(size):
        if contains(table, passage_key[passage]) or (salt and contains(table, mix(passage_key[passage] ^ salt))):
            last = last_sentence[passage]
            if kind[passage] == PAIR:
                follows_neighbour[last] = True
            else:
                is_dropped[last] = True
                while kind[passage] == PARAGRAPH and last > 0 and paragraph[last - 1] == paragraph[last]:
                    last -= 1
                    is_dropped[last] = True
    for sentence in range(1, count):
        is_dropped[sentence] |= follows_neighbour[sentence] and is_dropped[sentence - 1]
    for sentence in range(count - 1, 0, -1):
        is_dropped[sentence - 1] |= follows_neighbour[sentence] and is_dropped[sentence]
    mark_by_form(data, begins, ends, words, paragraph, count, labels, is_dropped)


@kernel(least=16, parts=(*SPLITTING, passage_arrays, passage_keys), results=5)
def find_passages(
    start: int,
    stop: int,
    data: _Bytes,
    offsets: _Rows,
    passage_offsets: _Rows,
    key: _Hashes,
    kind: _Bytes,
    begin: _Rows,
    end: _Rows,
    count: _Rows,
) -> None:
    """Write key, kind, begin and end of the passages of texts.

    Parameters
    ----------
    data, offsets : ndarray
        Texts in UTF-8, and where each begins, (n + 1,).
    passage_offsets : ndarray, shape (n,)
        Where the passages of each text begin in `key`, `kind`, `begin` and `end`.
    count : ndarray, shape (n,)
        Result: the number of passages of each text.
    """
    for text in range(start, stop):
        begins, ends, words, paragraph, sentence_key = sentence_arrays(offsets[text + 1] - offsets[text])
        size = split_sentences(data, offsets[text], offsets[text + 1], begins, ends, sentence_key, words, paragraph)
        passage_key, passage_kind, last_sentence = passage_arrays(size)
        count[text] = passage_keys(sentence_key, words, paragraph, size, passage_key, passage_kind, last_sentence)
        for passage in range(count[text]):
            last, entry = last_sentence[passage], passage_offsets[text] + passage
            first = last - 1 if passage_kind[passage] == PAIR else last
            while passage_kind[passage] == PARAGRAPH and first > 0 and paragraph[first - 1] == paragraph[last]:
                first -= 1
            key[entry], kind[entry] = passage_key[passage], passage_kind[passage]
            begin[entry], end[entry] = begins[first], ends[last]


@kernel(least=16, parts=(*SPLITTING, *MARKING, passage_arrays, passage_keys, mark_dropped), results=2)
def remove_passages(
    start: int,
    stop: int,
    data: _Bytes,
    offsets: _Rows,
    salt: _Hashes,
    table: _Hashes,
    labels: _Hashes,
    kept: _Bytes,
    lengths: _Rows,
) -> None:
    """Write texts (see `find_passages`) without the passages of a table and without boilerplate by form.

    Parameters
    ----------
    salt : ndarray of uint64, shape (n,)
        Mixed into the keys of the text's outlet; 0 = none.
    table, labels : ndarray of uint64, a power of two of them
        Hash tables of keys, and of labels.
    kept : ndarray of uint8
        Result: the rest of each text, from the text's own offset on.
    lengths : ndarray, shape (n,)
        Result: the bytes of each rest.
    """
    for text in range(start, stop):
        begins, ends, words, paragraph, sentence_key = sentence_arrays(offsets[text + 1] - offsets[text])
        count = split_sentences(data, offsets[text], offsets[text + 1], begins, ends, sentence_key, words, paragraph)
        is_dropped = np.zeros(count, dtype=np.bool_)
        mark_dropped(data, begins, ends, sentence_key, words, paragraph, count, salt[text], table, labels, is_dropped)
        text_start = position = offsets[text]
        if not is_dropped.any():
            lengths[text] = offsets[text + 1] - offsets[text]
            kept[position : position + lengths[text]] = data[offsets[text] : offsets[text + 1]]
            continue
        previous = -1  # the last kept sentence
        for sentence in range(count):
            if is_dropped[sentence]:
                continue
            copied_from = begins[sentence]
            if previous >= 0:  # separated by the same blanks, or by a blank line if a paragraph was left out
                if previous == sentence - 1:
                    copied_from = ends[previous]
                elif paragraph[previous] == paragraph[sentence]:
                    kept[position] = 0x20
                    position += 1
                else:
                    kept[position], kept[position + 1] = 0x0A, 0x0A
                    position += 2
            kept[position : position + ends[sentence] - copied_from] = data[copied_from : ends[sentence]]
            position, previous = position + ends[sentence] - copied_from, sentence
        lengths[text] = position - text_start


@kernel(least=64)
def count_ends(start: int, stop: int, data: _Bytes, offsets: _Rows, counts: _Rows) -> None:
    """Count the bytes of each text that may end a sentence or a paragraph, and the end of the text."""
    for text in range(start, stop):
        count = 1
        for position in range(offsets[text], offsets[text + 1]):
            kind = BYTE_CLASS[data[position]]
            count += kind in (END, WIDE) or data[position] == 0x0A
        counts[text] = count
