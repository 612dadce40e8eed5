"""Compiled loops that read texts passage by passage: keys of passages that may recur, and texts without boilerplate.

A passage is a sentence, a paragraph, or two sentences in a row of which one is short. The case of ASCII letters and
the width of blanks do not count.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel

# Constants of the loops are defined in this file: cached machine code is compiled again only if this file changes.
LEAST_WORDS = 5  # words of a sentence that can recur by itself: "he said." stands in every story
MOST_LABEL = 4  # words of a label before a colon, as in "Read more: ..."
OPENER = 2  # words of a label that opens a paragraph without a colon, as in "Reporting by ..."
OPENS, CLOSES = 1, 2  # mixed into the hashes of labels that open or close a paragraph without a colon
LEAST_CAPITALS = 16  # letters of a headline in capitals
_LABELLED = 40  # words of the longest paragraph that a label can mark
_LONGEST_LINK = 300  # bytes of a link between brackets
SENTENCE, PAIR, PARAGRAPH = 0, 1, 2

_Bytes = NDArray[np.uint8]
_Rows = NDArray[np.int64]
_Hashes = NDArray[np.uint64]
_Mask = NDArray[np.bool_]
_BLANK, _END, _NO_BREAK, _WIDE = 1, 2, 3, 4


def _class_of(byte: int) -> int:
    """Classify a byte: a blank, or one that may end a sentence, begin a no-break space, or begin a wide sign."""
    if byte == 0x20 or 0x09 <= byte <= 0x0D:
        return _BLANK
    if byte in (0x2E, 0x21, 0x3F, 0xE2):
        return _END
    return _NO_BREAK if byte == 0xC2 else _WIDE if 0xE3 <= byte < 0xF0 else 0


_CLASS = np.array([_class_of(byte) for byte in range(256)], dtype=np.uint8)
_SMALL = np.array([byte + 32 if 0x41 <= byte <= 0x5A else byte for byte in range(256)], dtype=np.uint64)


def mix(value: Any) -> Any:
    """Mix the bits of a hash, so that similar numbers differ in all bits."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def add_letters(value: Any, letters: Any) -> Any:
    """Add up to eight letters to the hash of a sentence."""
    value = (value ^ letters) * np.uint64(0x9E3779B97F4A7C15)
    return value ^ (value >> np.uint64(32))


def blank_length(data: _Bytes, position: int, stop: int) -> int:
    """Return the bytes of the blank or no-break space at a position; 0 where there is none."""
    kind = _CLASS[data[position]]
    if kind == _BLANK:
        return 1
    return 2 if kind == _NO_BREAK and position + 1 < stop and data[position + 1] == 0xA0 else 0


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
        kind, is_over, last = _CLASS[data[position]], False, -1
        if kind == 0:  # most bytes
            first = position if first < 0 else first
            while position < stop and _CLASS[data[position]] == 0:
                letters = letters << np.uint64(8) | _SMALL[data[position]]
                length += 1
                if length & 7 == 0:
                    value, letters = add_letters(value, letters), np.uint64(0)
                position += 1
            is_over, last = position == stop, position
        elif kind == _BLANK or (kind == _NO_BREAK and blank_length(data, position, stop)):
            last = position
            if data[position] == 0x20 and position + 1 < stop and _CLASS[data[position + 1]] == 0:
                position += 1
            else:
                position, is_over = skip_blanks(data, position, stop, has_wrapped_lines)
                paragraph_number += is_over
            if not is_over and length:
                value, letters, length, n_words = mix(add_letters(value, letters)), np.uint64(0), 0, n_words + 1
        else:
            first = position if first < 0 else first
            end = sentence_end(data, position, stop) if kind in (_END, _WIDE) else -1
            part_end = end if end >= 0 else position + 1
            while position < part_end:
                letters = letters << np.uint64(8) | _SMALL[data[position]]
                length += 1
                if length & 7 == 0:
                    value, letters = add_letters(value, letters), np.uint64(0)
                position += 1
            if kind == _WIDE and length % 6 == 1 and length > 1:  # without blanks, two characters count as a word
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
            value = add_letters(value, _SMALL[data[position]])
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
            value = add_letters(value, _SMALL[data[position]])
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
            is_ended = _CLASS[data[paragraph_end - 1]] == _END or data[paragraph_end - 1] in (0x22, 0x29, 0x3A)  # " ) :
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


_SPLITTING = (
    mix,
    add_letters,
    blank_length,
    sentence_end,
    is_wrapped,
    skip_blanks,
    sentence_arrays,
    split_sentences,
    passage_arrays,
    passage_keys,
)


@kernel(least=16, parts=_SPLITTING)
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


@kernel(
    least=16,
    parts=(
        *_SPLITTING,
        contains,
        is_labelled,
        is_closed,
        is_run_together,
        count_letters,
        is_in_capitals,
        mark_by_form,
        mark_dropped,
    ),
)
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
            kind = _CLASS[data[position]]
            count += kind in (_END, _WIDE) or data[position] == 0x0A
        counts[text] = count
