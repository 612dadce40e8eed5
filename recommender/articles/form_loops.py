"""Parts of compiled loops that recognise boilerplate by its form: links, credits and headlines of other stories."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.articles.sentence_loops import BYTE_CLASS, END, SMALL_LETTER, add_letters, blank_length, mix

MOST_LABEL = 4  # words of a label before a colon, as in "Read more: ..."
OPENER = 2  # words of a label that opens a paragraph without a colon, as in "Reporting by ..."
OPENS, CLOSES = 1, 2  # mixed into the hashes of labels that open or close a paragraph without a colon
LEAST_CAPITALS = 16  # letters of a headline in capitals
_LABELLED = 40  # words of the longest paragraph that a label can mark
_LONGEST_LINK = 300  # bytes of a link between brackets

_Bytes = NDArray[np.uint8]
_Rows = NDArray[np.int64]
_Hashes = NDArray[np.uint64]
_Mask = NDArray[np.bool_]


def contains(table: _Hashes, key: Any) -> bool:
    """Check whether a hash table contains a key; it has a power of two entries, some of them empty, which are 0."""
    mask = np.uint64(len(table) - 1)
    slot = key & mask
    while table[slot] != np.uint64(0):
        if table[slot] == key:
            return True
        slot = (slot + np.uint64(1)) & mask
    return False


def is_labelled(data: _Bytes, start: int, stop: int, labels: _Hashes) -> bool:
    """Check whether a paragraph begins with a label and a colon, as in "Read more: ...", or with one of two words."""
    value, n_words, in_word, position = np.uint64(0), 0, False, start
    while position < stop:
        is_colon = data[position] == 0x3A
        if data[position] == 0xEF and position + 2 < stop:
            is_colon = data[position + 1] == 0xBC and data[position + 2] == 0x9A  # ：
        blank = blank_length(data, position, stop)
        if is_colon:
            return contains(labels, mix(value))
        if blank:
            if in_word and n_words == OPENER and contains(labels, mix(value ^ np.uint64(OPENS))):
                return True
            in_word = False
        elif not (data[position] in (0x28, 0x5B) and n_words == 0):  # a bracket before the first word
            if not in_word:
                n_words, in_word, value = n_words + 1, True, mix(value)
            if n_words > MOST_LABEL:
                return False
            value = add_letters(value, SMALL_LETTER[data[position]])
        position += max(blank, 1)
    return False


def is_closed(data: _Bytes, start: int, stop: int, labels: _Hashes) -> bool:
    """Check whether the last two words of a paragraph are a label, as in "Ferry runs aground Read more"."""
    n_words, position = 0, stop
    while position > start and n_words < OPENER:
        position -= 1
        if position == start or data[position - 1] == 0x20 or data[position - 1] == 0x0A:
            n_words += 1
    value, in_word = np.uint64(0), False
    while position < stop:
        if blank_length(data, position, stop):
            in_word = False
        else:
            if not in_word:
                in_word, value = True, mix(value)
            value = add_letters(value, SMALL_LETTER[data[position]])
        position += 1
    return n_words == OPENER and contains(labels, mix(value ^ np.uint64(CLOSES)))


def is_run_together(data: _Bytes, start: int, stop: int) -> bool:
    """Check whether a colon stands between a small letter and a capital, as in "Weather:Storm hits the coast"."""
    for position in range(start + 1, stop - 1):
        if data[position] == 0x3A:
            before, after = data[position - 1], data[position + 1]
            is_small = 0x61 <= before <= 0x7A or before >= 0x80
            if is_small and (0x41 <= after <= 0x5A or after >= 0x80 or after == 0x22 or after == 0x27):
                return True
    return False


def count_letters(data: _Bytes, start: int, stop: int) -> tuple[int, int]:
    """Count capitals of ASCII, and letters that are or may be small."""
    capitals, small = 0, 0
    for position in range(start, stop):
        byte = data[position]
        capitals += 0x41 <= byte <= 0x5A
        small += 0x61 <= byte <= 0x7A or byte == 0xC3 or 0xC5 <= byte <= 0xE1 or byte >= 0xE3  # not of quotation marks
    return capitals, small


def is_in_capitals(data: _Bytes, first: int, last: int, start: int, stop: int) -> bool:
    """Check whether a paragraph is in capitals, as headlines are, and most of its text is not."""
    capitals, small = count_letters(data, first, last)
    if capitals < LEAST_CAPITALS or small:
        return False
    capitals, small = count_letters(data, start, stop)
    return small > 4 * capitals


def mark_by_form(
    data: _Bytes,
    begins: _Rows,
    ends: _Rows,
    words: _Rows,
    paragraph: _Rows,
    count: int,
    labels: _Hashes,
    is_dropped: _Mask,
) -> None:
    """Mark the paragraphs of links, credits and headlines of other stories, and such links between brackets."""
    first_sentence = 0
    while first_sentence < count:
        stop, n_words = first_sentence, 0
        while stop < count and paragraph[stop] == paragraph[first_sentence]:
            n_words += words[stop]
            stop += 1
        paragraph_begin, paragraph_end = begins[first_sentence], ends[stop - 1]
        if n_words <= _LABELLED and stop - first_sentence < count:
            is_ended = BYTE_CLASS[data[paragraph_end - 1]] == END or data[paragraph_end - 1] in (
                0x22,
                0x29,
                0x3A,
            )  # " ) :
            if is_labelled(data, paragraph_begin, paragraph_end, labels) or (
                not is_ended
                and (
                    is_closed(data, paragraph_begin, paragraph_end, labels)
                    or is_run_together(data, paragraph_begin, paragraph_end)
                    or is_in_capitals(data, paragraph_begin, paragraph_end, begins[0], ends[count - 1])
                )
            ):
                is_dropped[first_sentence:stop] = True
        for sentence in range(first_sentence, stop):
            if data[begins[sentence]] in (0x28, 0x5B) and is_labelled(data, begins[sentence], ends[sentence], labels):
                last = sentence
                while last < stop and data[ends[last] - 1] not in (0x29, 0x5D):  # a question may end within
                    last += 1
                is_whole_text = last - sentence + 1 == count
                if last < stop and not is_whole_text and ends[last] - begins[sentence] <= _LONGEST_LINK:
                    is_dropped[sentence : last + 1] = True
        first_sentence = stop


MARKING = (contains, is_labelled, is_closed, is_run_together, count_letters, is_in_capitals, mark_by_form)
"""The parts of a loop that calls `mark_by_form`, besides those of `sentence_loops`."""
