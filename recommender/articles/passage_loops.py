"""The compiled loops that read texts passage by passage: keys of what may recur, and texts without some of it.

A passage is a sentence, a paragraph, or two sentences in a row of which one is short. The case of ASCII letters and
the width of blanks do not count.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel

# numbers that the loops read stand in this file: machine code on disk is made anew when the file changes, no other
LEAST_WORDS = 5  # of a sentence that can recur by itself: "he said." stands in every story
MOST_LABEL = 4  # words of a label before a colon, as in "Read more: ..."
OPENER = 2  # words of what opens a paragraph without a colon, as in "Reporting by ..."
OPENS, CLOSES = 1, 2  # what hashes of labels are mixed with that open or close a paragraph without a colon
LEAST_CAPITALS = 16  # letters of a headline in capitals
_LABELLED = 40  # words of a paragraph that a label can stand for
_LONGEST_LINK = 300  # bytes of a link between brackets
SENTENCE, PAIR, PARAGRAPH = 0, 1, 2

_Bytes = NDArray[np.uint8]
_Rows = NDArray[np.int64]
_Hashes = NDArray[np.uint64]
_Mask = NDArray[np.bool_]
_BLANK, _END, _NO_BREAK, _WIDE = 1, 2, 3, 4


def _class_of(byte: int) -> int:
    """Classify a byte: a blank, one that may end a sentence, begin a no-break space, or a wide sign."""
    if byte == 0x20 or 0x09 <= byte <= 0x0D:
        return _BLANK
    if byte in (0x2E, 0x21, 0x3F, 0xE2):
        return _END
    return _NO_BREAK if byte == 0xC2 else _WIDE if 0xE3 <= byte < 0xF0 else 0


_CLASS = np.array([_class_of(byte) for byte in range(256)], dtype=np.uint8)
_SMALL = np.array([byte + 32 if 0x41 <= byte <= 0x5A else byte for byte in range(256)], dtype=np.uint64)


def mixed(value: Any) -> Any:
    """Mix the bits of a hash, so that numbers which differ little come to differ in all bits."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def taken(value: Any, letters: Any) -> Any:
    """Take up to eight letters into the hash of a sentence."""
    value = (value ^ letters) * np.uint64(0x9E3779B97F4A7C15)
    return value ^ (value >> np.uint64(32))


def blank_at(data: _Bytes, at: int, stop: int) -> int:
    """Count the bytes of the blank at a place; 0 where there is none. A no-break space is one."""
    kind = _CLASS[data[at]]
    if kind == _BLANK:
        return 1
    return 2 if kind == _NO_BREAK and at + 1 < stop and data[at + 1] == 0xA0 else 0


def end_at(data: _Bytes, at: int, stop: int) -> int:
    """Find where the sentence whose last sign stands at a place ends, quotation marks included; -1 = nowhere."""
    byte, after, wide = int(data[at]), at + 1, False
    if byte >= 0xE2:
        if at + 2 >= stop:
            return -1
        point = (byte & 0x0F) << 12 | (int(data[at + 1]) & 0x3F) << 6 | (int(data[at + 2]) & 0x3F)
        wide = point in (0x3002, 0xFF01, 0xFF1F)  # 。！？, which no blank follows
        if not wide and point != 0x2026:
            return -1
        after = at + 3
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
    return after if wide or after >= stop or blank_at(data, after, stop) else -1


def is_wrapped(data: _Bytes, start: int, stop: int) -> bool:
    """Tell whether lines end in mid-sentence, as in a telegram: a tenth of them go on with a small letter."""
    lines, inside = 0, 0
    for at in range(start, stop):
        if data[at] != 0x0A:
            continue
        after, before = at + 1, at - 1
        while after < stop and data[after] in (0x20, 0x0D):
            after += 1
        while before > start and data[before] in (0x20, 0x0D):
            before -= 1
        if after < stop and before >= start and data[after] != 0x0A and data[before] != 0x0A:
            lines += 1
            inside += 0x61 <= data[after] <= 0x7A and data[before] not in (0x2E, 0x21, 0x3F, 0x3A)
    return inside > 0 and inside * 10 >= lines


def break_at(data: _Bytes, at: int, stop: int, wrapped: bool) -> tuple[int, bool]:
    """Find where the blanks at a place end, and whether a paragraph ends with them: its lines may be wrapped."""
    lines, indent = 0, 0
    while at < stop:
        step = blank_at(data, at, stop)
        if not step:
            break
        lines, indent = (lines + 1, 0) if data[at] == 0x0A else (lines, indent + 1)
        at += step
    return at, at >= stop or lines > 1 or (lines == 1 and (not wrapped or indent > 1))


def sentences_of(
    data: _Bytes, start: int, stop: int, begin: _Rows, until_of: _Rows, key: _Hashes, words: _Rows, paragraph: _Rows
) -> int:
    """Write where the sentences of a text stand, their hashes, words, and the paragraph of each; gives their number."""
    wrapped = is_wrapped(data, start, stop)
    count, number, at, first, seen = 0, 0, start, -1, 0
    value = letters = np.uint64(0)  # hash of the sentence at hand, and up to eight letters of its last word
    length = 0  # of that word, in bytes
    while at < stop:
        kind, over, last = _CLASS[data[at]], False, -1
        if kind == 0:  # most bytes
            first = at if first < 0 else first
            while at < stop and _CLASS[data[at]] == 0:
                letters = letters << np.uint64(8) | _SMALL[data[at]]
                length += 1
                if length & 7 == 0:
                    value, letters = taken(value, letters), np.uint64(0)
                at += 1
            over, last = at == stop, at
        elif kind == _BLANK or (kind == _NO_BREAK and blank_at(data, at, stop)):
            last = at
            if data[at] == 0x20 and at + 1 < stop and _CLASS[data[at + 1]] == 0:
                at += 1
            else:
                at, over = break_at(data, at, stop, wrapped)
                number += over
            if not over and length:
                value, letters, length, seen = mixed(taken(value, letters)), np.uint64(0), 0, seen + 1
        else:
            first = at if first < 0 else first
            end = end_at(data, at, stop) if kind in (_END, _WIDE) else -1
            until = end if end >= 0 else at + 1
            while at < until:
                letters = letters << np.uint64(8) | _SMALL[data[at]]
                length += 1
                if length & 7 == 0:
                    value, letters = taken(value, letters), np.uint64(0)
                at += 1
            if kind == _WIDE and length % 6 == 1 and length > 1:  # no blanks between words: two characters are one
                seen += 1
            over, last = end >= 0 or at == stop, at
        if over and first >= 0:
            begin[count], until_of[count], key[count] = first, last, mixed(taken(value, letters))
            aside = data[first] == 0x28 or data[first] == 0x5B or (data[first] == 0xC2 and data[first + 1] == 0xA9)
            words[count] = max(seen + (length > 0), LEAST_WORDS if aside else 0)  # ( [ and © open what is no sentence
            paragraph[count] = number - (last < at)
            count += 1
            first, seen, length = -1, 0, 0
            value = letters = np.uint64(0)
    return count


def keys_of(key: _Hashes, words: _Rows, paragraph: _Rows, count: int, found: _Hashes, kind: _Rows, of: _Rows) -> int:
    """Write the keys of all passages of a text, their kinds, and the last sentence of each; gives their number."""
    size, at = 0, 0
    while at < count:
        stop, whole = at, np.uint64(0x9E3779B97F4A7C15)
        while stop < count and paragraph[stop] == paragraph[at]:
            whole = mixed(whole * np.uint64(3) + key[stop])
            if words[stop] >= LEAST_WORDS:
                found[size], kind[size], of[size] = key[stop], SENTENCE, stop
                size += 1
            if stop > at and min(words[stop], words[stop - 1]) < LEAST_WORDS:
                pair = mixed((key[stop - 1] ^ np.uint64(0xC2B2AE3D27D4EB4F)) * np.uint64(3) + key[stop])
                found[size], kind[size], of[size] = pair, PAIR, stop
                size += 1
            stop += 1
        if stop - at > 1 or words[at] < LEAST_WORDS:
            found[size], kind[size], of[size] = whole, PARAGRAPH, stop - 1
            size += 1
        at = stop
    return size


def is_in(table: _Hashes, key: Any) -> bool:
    """Tell whether a hash table holds a key; it is a power of two long, never full, and 0 where it is empty."""
    last = np.uint64(len(table) - 1)
    place = key & last
    while table[place] != np.uint64(0):
        if table[place] == key:
            return True
        place = (place + np.uint64(1)) & last
    return False


def is_labelled(data: _Bytes, start: int, stop: int, labels: _Hashes) -> bool:
    """Check whether a paragraph begins with a label and a colon, as in "Read more: ...", or with one of two words."""
    value, words, inside, at = np.uint64(0), 0, False, start
    while at < stop:
        wide = data[at] == 0xEF and at + 2 < stop and data[at + 1] == 0xBC and data[at + 2] == 0x9A
        blank = blank_at(data, at, stop)
        if wide or data[at] == 0x3A:
            return is_in(labels, mixed(value))
        if blank:
            if inside and words == OPENER and is_in(labels, mixed(value ^ np.uint64(OPENS))):
                return True
            inside = False
        elif not (data[at] in (0x28, 0x5B) and words == 0):  # a bracket before the first word
            if not inside:
                words, inside, value = words + 1, True, mixed(value)
            if words > MOST_LABEL:
                return False
            value = taken(value, _SMALL[data[at]])
        at += max(blank, 1)
    return False


def is_closed(data: _Bytes, start: int, stop: int, labels: _Hashes) -> bool:
    """Check whether the last two words of a paragraph are a label, as in "Ferry runs aground Read more"."""
    words, at = 0, stop
    while at > start and words < OPENER:
        at -= 1
        if at == start or data[at - 1] == 0x20 or data[at - 1] == 0x0A:
            words += 1
    value, inside = np.uint64(0), False
    while at < stop:
        if blank_at(data, at, stop):
            inside = False
        else:
            if not inside:
                inside, value = True, mixed(value)
            value = taken(value, _SMALL[data[at]])
        at += 1
    return words == OPENER and is_in(labels, mixed(value ^ np.uint64(CLOSES)))


def is_run_together(data: _Bytes, start: int, stop: int) -> bool:
    """Check whether a colon stands between a small letter and a capital, as in "Weather:Storm hits the coast"."""
    for at in range(start + 1, stop - 1):
        if data[at] == 0x3A:
            before, after = data[at - 1], data[at + 1]
            small = 0x61 <= before <= 0x7A or before >= 0x80
            if small and (0x41 <= after <= 0x5A or after >= 0x80 or after == 0x22 or after == 0x27):
                return True
    return False


def count_letters(data: _Bytes, start: int, stop: int) -> tuple[int, int]:
    """Count capitals of ASCII, and letters that are or may be small."""
    capitals, small = 0, 0
    for at in range(start, stop):
        byte = data[at]
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
    data: _Bytes, begin: _Rows, end: _Rows, words: _Rows, paragraph: _Rows, count: int, labels: _Hashes, out: _Mask
) -> None:
    """Mark the paragraphs of links, credits and headlines of other stories, and such links between brackets."""
    at = 0
    while at < count:
        stop, length = at, 0
        while stop < count and paragraph[stop] == paragraph[at]:
            length += words[stop]
            stop += 1
        first, last = begin[at], end[stop - 1]
        if length <= _LABELLED and stop - at < count:
            ended = _CLASS[data[last - 1]] == _END or data[last - 1] in (0x22, 0x29, 0x3A)  # " ) :
            if is_labelled(data, first, last, labels) or (
                not ended
                and (
                    is_closed(data, first, last, labels)
                    or is_run_together(data, first, last)
                    or is_in_capitals(data, first, last, begin[0], end[count - 1])
                )
            ):
                out[at:stop] = True
        for place in range(at, stop):
            if data[begin[place]] in (0x28, 0x5B) and is_labelled(data, begin[place], end[place], labels):
                until = place
                while until < stop and data[end[until] - 1] not in (0x29, 0x5D):  # a question may end within
                    until += 1
                whole = until - place + 1 == count
                if until < stop and not whole and end[until] - begin[place] <= _LONGEST_LINK:
                    out[place : until + 1] = True
        at = stop


def mark_dropped(
    data: _Bytes,
    begin: _Rows,
    end: _Rows,
    key: _Hashes,
    words: _Rows,
    paragraph: _Rows,
    count: int,
    salt: Any,
    table: _Hashes,
    labels: _Hashes,
    out: _Mask,
) -> None:
    """Mark the sentences of a text that its table holds, by themselves, in their paragraph, or beside a marked one."""
    found, kind, of = (
        np.empty(3 * count, dtype=np.uint64),
        np.empty(3 * count, dtype=np.int64),
        np.empty(3 * count, dtype=np.int64),
    )
    size = keys_of(key, words, paragraph, count, found, kind, of)
    beside = np.zeros(count, dtype=np.bool_)  # sentences that go where the one before or after them does
    for place in range(size):
        if is_in(table, found[place]) or (salt and is_in(table, mixed(found[place] ^ salt))):
            last = of[place]
            if kind[place] == PAIR:
                beside[last] = True
            else:
                out[last] = True
                while kind[place] == PARAGRAPH and last > 0 and paragraph[last - 1] == paragraph[last]:
                    last -= 1
                    out[last] = True
    for place in range(1, count):
        out[place] |= beside[place] and out[place - 1]
    for place in range(count - 1, 0, -1):
        out[place - 1] |= beside[place] and out[place]
    mark_by_form(data, begin, end, words, paragraph, count, labels, out)


@kernel(least=16, parts=(mixed, taken, blank_at, end_at, is_wrapped, break_at, sentences_of, keys_of))
def passages(
    start: int,
    stop: int,
    data: _Bytes,
    offset: _Rows,
    room: _Rows,
    key: _Hashes,
    kind: _Bytes,
    begin: _Rows,
    end: _Rows,
    count: _Rows,
) -> None:
    """Write the keys of the passages of texts, and where each stands.

    Parameters
    ----------
    data, offset : ndarray
        Texts in UTF-8, and where each begins; (n + 1,).
    room : ndarray, shape (n,)
        Where the passages of each text begin in `key`, `kind`, `begin` and `end`.
    count : ndarray, shape (n,)
        Number of passages of each text.
    """
    for text in range(start, stop):
        most = (offset[text + 1] - offset[text]) // 2 + 2
        first, last = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
        words, paragraph = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
        own = np.empty(most, dtype=np.uint64)
        size = sentences_of(data, offset[text], offset[text + 1], first, last, own, words, paragraph)
        found, what, of = (
            np.empty(3 * size, dtype=np.uint64),
            np.empty(3 * size, dtype=np.int64),
            np.empty(3 * size, dtype=np.int64),
        )
        count[text] = keys_of(own, words, paragraph, size, found, what, of)
        for place in range(count[text]):
            until, at = of[place], room[text] + place
            since = until - 1 if what[place] == PAIR else until
            while what[place] == PARAGRAPH and since > 0 and paragraph[since - 1] == paragraph[until]:
                since -= 1
            key[at], kind[at], begin[at], end[at] = found[place], what[place], first[since], last[until]


@kernel(
    least=16,
    parts=(
        mixed,
        taken,
        blank_at,
        end_at,
        is_wrapped,
        break_at,
        sentences_of,
        keys_of,
        is_in,
        is_labelled,
        is_closed,
        is_run_together,
        count_letters,
        is_in_capitals,
        mark_by_form,
        mark_dropped,
    ),
)
def without(
    start: int,
    stop: int,
    data: _Bytes,
    offset: _Rows,
    salt: _Hashes,
    table: _Hashes,
    labels: _Hashes,
    kept: _Bytes,
    length: _Rows,
) -> None:
    """Write texts without the passages of a table, and the paragraphs that begin with one of some labels.

    Parameters
    ----------
    data, offset : ndarray
        Texts in UTF-8, and where each begins; (n + 1,).
    salt : ndarray of uint64, shape (n,)
        What keys of the text's outlet are mixed with; 0 = none.
    table, labels : ndarray of uint64, a power of two of them
        Hash tables of keys, and of labels.
    kept : ndarray of uint8
        What is left of the texts, each where it began among them.
    length : ndarray, shape (n,)
        Bytes of what is left.
    """
    for text in range(start, stop):
        most = (offset[text + 1] - offset[text]) // 2 + 2
        begin, end = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
        words, paragraph = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
        own = np.empty(most, dtype=np.uint64)
        count = sentences_of(data, offset[text], offset[text + 1], begin, end, own, words, paragraph)
        out = np.zeros(count, dtype=np.bool_)
        mark_dropped(data, begin, end, own, words, paragraph, count, salt[text], table, labels, out)
        first = at = offset[text] - offset[0]
        if not out.any():
            length[text] = offset[text + 1] - offset[text]
            kept[at : at + length[text]] = data[offset[text] : offset[text + 1]]
            continue
        before = -1  # the last sentence that was kept
        for place in range(count):
            if out[place]:
                continue
            since = begin[place]
            if before >= 0:  # with the blanks between the two, or a blank line if a paragraph was left out
                if before == place - 1:
                    since = end[before]
                elif paragraph[before] == paragraph[place]:
                    kept[at] = 0x20
                    at += 1
                else:
                    kept[at], kept[at + 1] = 0x0A, 0x0A
                    at += 2
            kept[at : at + end[place] - since] = data[since : end[place]]
            at, before = at + end[place] - since, place
        length[text] = at - first


@kernel(least=64)
def most_sentences(start: int, stop: int, data: _Bytes, offset: _Rows, most: _Rows) -> None:
    """Count what may end a sentence or a paragraph in each text, and its end."""
    for text in range(start, stop):
        count = 1
        for at in range(offset[text], offset[text + 1]):
            kind = _CLASS[data[at]]
            count += kind in (_END, _WIDE) or data[at] == 0x0A
        most[text] = count
