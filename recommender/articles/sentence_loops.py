"""Parts of compiled loops that split texts into sentences, with a hash of each.

The case of ASCII letters and the width of blanks do not count.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_WORDS = 5  # words of a sentence that can recur by itself: "he said." stands in every story
BLANK, END, NO_BREAK, WIDE = 1, 2, 3, 4

_Bytes = NDArray[np.uint8]
_Rows = NDArray[np.int64]
_Hashes = NDArray[np.uint64]


def _class_of(byte: int) -> int:
    """Classify a byte: a blank, or one that may end a sentence, begin a no-break space, or begin a wide sign."""
    if byte == 0x20 or 0x09 <= byte <= 0x0D:
        return BLANK
    if byte in (0x2E, 0x21, 0x3F, 0xE2):
        return END
    return NO_BREAK if byte == 0xC2 else WIDE if 0xE3 <= byte < 0xF0 else 0


BYTE_CLASS = np.array([_class_of(byte) for byte in range(256)], dtype=np.uint8)
SMALL_LETTER = np.array([byte + 32 if 0x41 <= byte <= 0x5A else byte for byte in range(256)], dtype=np.uint64)


def mix(value: Any) -> Any:
    """Mix the bits of a hash, so that similar numbers differ in all bits (splitmix64)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def add_letters(value: Any, letters: Any) -> Any:
    """Add up to eight letters to the hash of a sentence."""
    value = (value ^ letters) * np.uint64(0x9E3779B97F4A7C15)
    return value ^ (value >> np.uint64(32))


def blank_length(data: _Bytes, position: int, stop: int) -> int:
    """Return the bytes of the blank or no-break space at a position; 0 where there is none."""
    kind = BYTE_CLASS[data[position]]
    if kind == BLANK:
        return 1
    return 2 if kind == NO_BREAK and position + 1 < stop and data[position + 1] == 0xA0 else 0


def sentence_end(data: _Bytes, position: int, stop: int) -> int:
    """Find the end of a sentence whose last sign is at a position, including quotation marks; -1 = no sentence ends."""
    byte, after, is_wide = int(data[position]), position + 1, False
    if byte >= 0xE2:
        if position + 2 >= stop:
            return -1
        point = (byte & 0x0F) << 12 | (int(data[position + 1]) & 0x3F) << 6 | (int(data[position + 2]) & 0x3F)
        is_wide = point in (0x3002, 0xFF01, 0xFF1F)  # 。！？, which no blank follows
        if not is_wide and point != 0x2026:
            return -1
        after = position + 3
    elif byte not in (0x2E, 0x21, 0x3F):
        return -1
    while after < stop:
        byte = int(data[after])
        if byte in (0x22, 0x27, 0x29, 0x5D):
            after += 1
        elif byte == 0xC2 and after + 1 < stop and data[after + 1] == 0xBB:  # »
            after += 2
        elif byte == 0xE2 and after + 2 < stop and data[after + 1] == 0x80 and 0x98 <= data[after + 2] <= 0x9F:
            after += 3  # ’ ”
        elif byte == 0xE3 and after + 2 < stop and data[after + 1] == 0x80 and 0x8B <= data[after + 2] <= 0x8F:
            after += 3  # 」』
        else:
            break
    return after if is_wide or after >= stop or blank_length(data, after, stop) else -1


def is_wrapped(data: _Bytes, start: int, stop: int) -> bool:
    """Check whether lines end in mid-sentence, as in a telegram: a tenth of the next ones begin with a small letter."""
    n_lines, n_mid_sentence = 0, 0
    for position in range(start, stop):
        if data[position] != 0x0A:
            continue
        after, before = position + 1, position - 1
        while after < stop and data[after] in (0x20, 0x0D):
            after += 1
        while before > start and data[before] in (0x20, 0x0D):
            before -= 1
        if after < stop and before >= start and data[after] != 0x0A and data[before] != 0x0A:
            n_lines += 1
            n_mid_sentence += 0x61 <= data[after] <= 0x7A and data[before] not in (0x2E, 0x21, 0x3F, 0x3A)
    return n_mid_sentence > 0 and n_mid_sentence * 10 >= n_lines


def skip_blanks(data: _Bytes, position: int, stop: int, has_wrapped_lines: bool) -> tuple[int, bool]:
    """Find where the blanks at a position end, and whether a paragraph ends with them; lines may be wrapped."""
    n_lines, indent = 0, 0
    while position < stop:
        step = blank_length(data, position, stop)
        if not step:
            break
        n_lines, indent = (n_lines + 1, 0) if data[position] == 0x0A else (n_lines, indent + 1)
        position += step
    return position, position >= stop or n_lines > 1 or (n_lines == 1 and (not has_wrapped_lines or indent > 1))


def sentence_arrays(n_bytes: int) -> tuple[_Rows, _Rows, _Rows, _Rows, _Hashes]:
    """Create arrays for the sentences of a text: begin, end, words, paragraph and hash."""
    size = n_bytes // 2 + 2
    begins, ends = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
    words, paragraph = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
    return begins, ends, words, paragraph, np.empty(size, dtype=np.uint64)


def split_sentences(
    data: _Bytes, start: int, stop: int, begins: _Rows, ends: _Rows, key: _Hashes, words: _Rows, paragraph: _Rows
) -> int:
    """Write begin, end, hash, number of words and paragraph of the sentences of a text; return their number."""
    has_wrapped_lines = is_wrapped(data, start, stop)
    count, paragraph_number, position, first, n_words = 0, 0, start, -1, 0
    value = letters = np.uint64(0)  # hash of the current sentence, and up to eight letters of its last word
    length = 0  # bytes of that word
    while position < stop:
        kind, is_over, last = BYTE_CLASS[data[position]], False, -1
        if kind == 0:  # most bytes
            first = position if first < 0 else first
            while position < stop and BYTE_CLASS[data[position]] == 0:
                letters = letters << np.uint64(8) | SMALL_LETTER[data[position]]
                length += 1
                if length & 7 == 0:
                    value, letters = add_letters(value, letters), np.uint64(0)
                position += 1
            is_over, last = position == stop, position
        elif kind == BLANK or (kind == NO_BREAK and blank_length(data, position, stop)):
            last = position
            if data[position] == 0x20 and position + 1 < stop and BYTE_CLASS[data[position + 1]] == 0:
                position += 1
            else:
                position, is_over = skip_blanks(data, position, stop, has_wrapped_lines)
                paragraph_number += is_over
            if not is_over and length:
                value, letters, length, n_words = mix(add_letters(value, letters)), np.uint64(0), 0, n_words + 1
        else:
            first = position if first < 0 else first
            end = sentence_end(data, position, stop) if kind in (END, WIDE) else -1
            part_end = end if end >= 0 else position + 1
            while position < part_end:
                letters = letters << np.uint64(8) | SMALL_LETTER[data[position]]
                length += 1
                if length & 7 == 0:
                    value, letters = add_letters(value, letters), np.uint64(0)
                position += 1
            if kind == WIDE and length % 6 == 1 and length > 1:  # without blanks, two characters count as a word
                n_words += 1
            is_over, last = end >= 0 or position == stop, position
        if is_over and first >= 0:
            begins[count], ends[count], key[count] = first, last, mix(add_letters(value, letters))
            is_aside = data[first] == 0x28 or data[first] == 0x5B or (data[first] == 0xC2 and data[first + 1] == 0xA9)
            words[count] = max(n_words + (length > 0), LEAST_WORDS if is_aside else 0)  # ( [ or © begin no sentence
            paragraph[count] = paragraph_number - (last < position)
            count += 1
            first, n_words, length = -1, 0, 0
            value = letters = np.uint64(0)
    return count


SPLITTING = (mix, add_letters, blank_length, sentence_end, is_wrapped, skip_blanks, sentence_arrays, split_sentences)
"""The parts of a loop that calls `split_sentences`."""
