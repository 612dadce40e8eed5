"""The compiled loops that read bodies word by word and find which of them repeat another."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel

# numbers that the loops read stand in this file: machine code on disk is made anew when the file changes, no other
SHINGLE = 4  # words in a row that are compared as one
LEAST_WORDS = 40  # of the shorter text; of fewer words in common nothing follows
LEAST_SHARED = 0.8  # of the shingles of the shorter text
LEAST_RATIO = 0.5  # of the lengths: a text quoted whole in one three times as long is no copy
SAMPLED = 64  # words up to which all shingles of a text are sampled; of longer ones 32 to 64
MOST_SAMPLED = 128
_LEAST_SAMPLED_SHARED = 0.5  # a sample of sixteen shows less of four fifths once in 1,400 times, one of 32 in 40,000
_MOST_HOLDERS = 32  # texts that are looked at because they share one shingle: more share a footer
_WORD, _APART, _INSIDE, _ALONE = 1, 0, 2, 3

_Bytes = NDArray[np.uint8]
_Rows = NDArray[np.int64]
_Hashes = NDArray[np.uint64]


def code_point(data: _Bytes, at: int, stop: int) -> tuple[int, int]:
    """Decode the character at a byte of UTF-8: its code point, and the bytes that it takes."""
    first = int(data[at])
    if first < 0x80:
        return first, 1
    length = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if at + length > stop:
        return 0x20, stop - at
    point = first & (0xFF >> (length + 1))
    for byte in range(at + 1, at + length):
        point = point << 6 | (int(data[byte]) & 0x3F)
    return point, length


def kind_of(point: int) -> int:
    """Tell of a character from U+2000 on whether it belongs to a word, stands between two, is dropped or is one."""
    if 0x200C <= point < 0x2010 or point in (0x2019, 0x2060, 0xFEFF):
        return _INSIDE
    if point < 0x2070 or 0x2190 <= point < 0x2C00 or 0x3000 <= point < 0x3005 or 0x3008 <= point < 0x3040:
        return _APART
    if 0xFE00 <= point < 0xFE10 or 0xFF61 <= point < 0xFF66 or 0x1F000 <= point < 0x20000:
        return _APART
    if 0x3005 <= point < 0xA000 or 0xF900 <= point < 0xFB00 or point >= 0x20000:
        return _ALONE  # Chinese and Japanese
    return _WORD


def _letters() -> tuple[NDArray[np.uint8], NDArray[np.uint16], NDArray[np.bool_]]:
    """Describe characters up to kana: kind, small letter without accents, and whether one is a capital.

    Vowel signs of Indic and South-east Asian scripts are letters; signs that only help to read are dropped.
    """
    kind = np.full(_TABLE, _APART, dtype=np.uint8)
    small = np.arange(_TABLE, dtype=np.uint16)
    capital = np.zeros(_TABLE, dtype=np.bool_)
    for point in range(_TABLE):
        character = chr(point)
        group = unicodedata.category(character)
        if point in (0x27, 0x5F3, 0x5F4, 0x640) or group == "Cf" or _is_accent(character):
            kind[point] = _INSIDE
        elif point >= 0x2000:
            kind[point] = kind_of(point)
        elif group[0] in "LM" or group == "Nd" or point in (0xAA, 0xBA):
            stacked = 0xE00 <= point < 0xF00 or 0x1000 <= point < 0x10A0 or 0x1780 <= point < 0x1800
            kind[point] = _ALONE if stacked else _WORD  # Thai, Lao, Burmese, Khmer: no blanks between words
        lower = character.lower()
        base, rest = (whole := unicodedata.normalize("NFD", lower[:1]))[0], whole[1:]
        small[point] = ord(base) if all(map(_is_accent, rest)) else ord(lower[0])
        if group == "Nd":
            small[point] = 0x30 + unicodedata.decimal(character)
        capital[point] = lower != character
    return kind, small, capital


def _is_accent(mark: str) -> bool:
    """Tell whether a mark is an accent, a nukta, an Arabic vowel sign, a Hebrew point or that of a voiced kana."""
    point = ord(mark)
    return unicodedata.category(mark) == "Mn" and (
        point < 0x370 or 0x590 <= point < 0x700 or 0x8D0 <= point < 0x900 or unicodedata.combining(mark) in (7, 8)
    )


_TABLE = 0x3100  # the last that hold accents are kana
_KIND, _SMALL, _CAPITAL = _letters()


def mixed(value: Any) -> Any:
    """Mix the bits of a hash, so that numbers which differ little come to differ in all bits."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def words_of(data: _Bytes, start: int, stop: int, word: _Hashes, varies: NDArray[np.bool_]) -> int:
    """Write a hash of every word of a text, and whether it is a name or a figure; gives the number of words."""
    count, length, value, marked = 0, 0, np.uint64(0), False
    at = start
    while at < stop:
        point, width = int(data[at]), 1
        if point >= 0x80:
            point, width = code_point(data, at, stop)
            if 0xFF01 <= point < 0xFF5F:  # of full width
                point -= 0xFEE0
        at += width
        small, kind, capital = point, 0, False
        if point < _TABLE:
            small, kind, capital = int(_SMALL[point]), int(_KIND[point]), bool(_CAPITAL[point])
        else:
            kind = kind_of(point)
        if kind == _INSIDE:
            continue
        if length and kind != _WORD:
            word[count], varies[count] = mixed(value), marked
            count, length, value, marked = count + 1, 0, np.uint64(0), False
        if kind == _APART:
            continue
        marked |= (length == 0 and capital) or 0x30 <= small <= 0x39
        value = (value ^ np.uint64(small)) * np.uint64(0x100000001B3) + np.uint64(0x9E3779B97F4A7C15)
        length += 1
        if kind == _ALONE:
            word[count], varies[count] = mixed(value), marked
            count, length, value, marked = count + 1, 0, np.uint64(0), False
    if length:
        word[count], varies[count] = mixed(value), marked
        count += 1
    return count


def shingles_of(word: _Hashes, count: int, level: int) -> NDArray[np.uint32]:
    """Find the different shingles of `count` words whose hash is below 2**32 >> `level`, in order."""
    found = np.empty(max(count - SHINGLE + 1, 0), dtype=np.uint32)
    limit, size = np.uint64(2**32 >> level), 0
    for at in range(len(found)):
        value = np.uint64(0)
        for place in range(at, at + SHINGLE):
            value = value * np.uint64(0x9E3779B97F4A7C15) + word[place]
        value = mixed(value) >> np.uint64(32)
        if value < limit:
            found[size] = np.uint32(value)
            size += 1
    found = np.sort(found[:size])
    if not size:
        return found
    last = 0
    for at in range(1, size):
        if found[at] != found[last]:
            last += 1
            found[last] = found[at]
    return found[: last + 1]


def level_of(words: int) -> int:
    """Tell how often a text is halved until its shingles fit a sample."""
    level = 0
    while words >= SAMPLED << level:
        level += 1
    return level


def in_both(a: NDArray[np.uint32], b: NDArray[np.uint32], limit: int) -> tuple[int, int, int]:
    """Count the numbers of two sorted sets, up to a limit, and those in both: (of `a`, of `b`, shared)."""
    i, j, shared = 0, 0, 0
    while i < len(a) and j < len(b) and a[i] < limit and b[j] < limit:
        if a[i] == b[j]:
            i, j, shared = i + 1, j + 1, shared + 1
        elif a[i] < b[j]:
            i += 1
        else:
            j += 1
    while i < len(a) and a[i] < limit:
        i += 1
    while j < len(b) and b[j] < limit:
        j += 1
    return i, j, shared


@kernel(least=64, parts=(code_point, kind_of, mixed, words_of, shingles_of, level_of))
def mark(
    start: int,
    stop: int,
    data: _Bytes,
    offset: _Rows,
    words: NDArray[np.int32],
    digest: _Hashes,
    plain: NDArray[np.int32],
    skeleton: _Hashes,
    sampled: NDArray[np.int32],
    sample: NDArray[np.uint32],
) -> None:
    """Count the words of texts, digest them with and without names and figures, and sample their shingles.

    Parameters
    ----------
    data, offset : ndarray
        Texts in UTF-8, and where each begins; (n + 1,).
    words, digest, plain, skeleton, sampled : ndarray, shape (n,)
        What is found: numbers of all words and of those that are no names and figures, the digests, and the size of
        the sample.
    sample : ndarray, shape (n, MOST_SAMPLED)
    """
    for text in range(start, stop):
        first, last = offset[text], offset[text + 1]
        most = (last - first) // 2 + 1
        word, varies = np.empty(most, dtype=np.uint64), np.empty(most, dtype=np.bool_)
        count = words_of(data, first, last, word, varies)
        whole, rest, fixed = np.uint64(count), np.uint64(0), 0
        for place in range(count):
            whole = mixed(whole * np.uint64(3) + word[place])
            if not varies[place]:
                fixed += 1
                rest = mixed(rest * np.uint64(3) + word[place])
            elif place == 0 or not varies[place - 1]:
                rest = mixed(rest * np.uint64(3) + np.uint64(1))
        if not count:  # nothing but signs
            for byte in range(first, last):
                whole = mixed(whole * np.uint64(3) + np.uint64(data[byte]))
        words[text], digest[text], plain[text], skeleton[text] = count, whole, fixed, rest
        if count >= LEAST_WORDS:
            found = shingles_of(word, count, level_of(count))[:MOST_SAMPLED]
            sampled[text] = len(found)
            sample[text, : len(found)] = found
        else:
            sampled[text] = 0


def all_shingles(data: _Bytes, start: int, stop: int) -> NDArray[np.uint32]:
    """Find the different shingles of a text, in order."""
    most = (stop - start) // 2 + 1
    word, varies = np.empty(most, dtype=np.uint64), np.empty(most, dtype=np.bool_)
    return shingles_of(word, words_of(data, start, stop, word, varies), 0)


def near(words_a: int, words_b: int, a: NDArray[np.uint32], b: NDArray[np.uint32]) -> bool:
    """Tell by their lengths and samples whether two texts may be copies."""
    if min(words_a, words_b) < LEAST_RATIO * max(words_a, words_b):
        return False
    limit = 2**32 >> level_of(max(words_a, words_b))
    of_a, of_b, shared = in_both(a, b, limit)
    return shared > 0 and shared >= _LEAST_SAMPLED_SHARED * min(of_a, of_b)


@kernel(
    least=1 << 62,
    parts=(code_point, kind_of, mixed, words_of, shingles_of, level_of, in_both, near, all_shingles),
)
def follow(
    start: int,
    stop: int,
    text: _Rows,
    data: _Bytes,
    offset: _Rows,
    words: NDArray[np.int32],
    begin: _Rows,
    sample: NDArray[np.uint32],
    head: NDArray[np.int32],
    after: NDArray[np.int32],
    holder: NDArray[np.int32],
    leader: _Rows,
) -> None:
    """Find the oldest text that each one repeats and that repeats none itself.

    Parameters
    ----------
    text : ndarray, shape (m,)
        Texts, oldest first; the loop runs over their places here.
    data, offset, words : ndarray
        As in `mark`.
    begin, sample : ndarray
        Samples, one after the other, and where that of each of the `m` begins; (m + 1,).
    head : ndarray of int32, a power of two of them
        Last sampled shingle by the end of its hash; -1 = none.
    after : ndarray of int32, the length of `sample`
        Shingle before it with the same end; -1 = none.
    holder : ndarray of int32, the length of `sample`
        Place of the text that holds a shingle.
    leader : ndarray, shape (m,)
        Place of the text that is found; a text's own where there is none.
    """
    ends = len(head) - 1
    asked = np.full(len(text), -1, dtype=np.int32)
    common, reached = np.empty(len(text), dtype=np.int32), np.empty(len(text), dtype=np.int32)
    for place in range(start, stop):
        row, count = text[place], 0
        own = sample[begin[place] : begin[place + 1]]
        crowded = np.zeros(len(own), dtype=np.bool_)
        for at in range(len(own)):
            holders, entry = 0, head[int(own[at]) & ends]
            while entry >= 0:
                if sample[entry] == own[at]:
                    holders += 1
                    other = holder[entry]
                    if asked[other] != place:
                        asked[other], common[other], reached[count] = place, 0, other
                        count += 1
                    common[other] += 1
                entry = after[entry]
            crowded[at] = holders >= _MOST_HOLDERS
        leader[place] = place
        least, hidden, kept = len(own) // 8, crowded.sum(), 0
        for at in range(count):  # few of those with a shingle in common have many
            other = reached[at]
            if common[other] + hidden >= least:
                there = sample[begin[other] : begin[other + 1]]
                if near(words[row], words[text[other]], own, there):
                    reached[kept] = other
                    kept += 1
        if kept:
            mine = all_shingles(data, offset[row], offset[row + 1])
            for other in np.sort(reached[:kept]):
                theirs = all_shingles(data, offset[text[other]], offset[text[other] + 1])
                of_mine, of_theirs, shared = in_both(mine, theirs, 2**32)
                if shared >= LEAST_SHARED * min(of_mine, of_theirs):
                    leader[place] = other
                    break
        if leader[place] == place:
            for at in range(len(own)):
                if not crowded[at]:
                    entry = begin[place] + at
                    end = int(own[at]) & ends
                    after[entry], head[end], holder[entry] = head[end], entry, place


@kernel(least=4_096, parts=(level_of, in_both, near))
def resemble(
    start: int,
    stop: int,
    words: NDArray[np.int32],
    begin: _Rows,
    sample: NDArray[np.uint32],
    own_words: int,
    own: NDArray[np.uint32],
    found: NDArray[np.bool_],
) -> None:
    """Tell which texts may be copies of another by their samples; (n,)."""
    held = np.zeros(1 << 16, dtype=np.bool_)
    for shingle in own:
        held[int(shingle) & 0xFFFF] = True
    least = len(own) // 8
    for text in range(start, stop):
        common = 0
        for entry in range(begin[text], begin[text + 1]):
            common += held[int(sample[entry]) & 0xFFFF]
        if common > least:
            found[text] = near(own_words, words[text], own, sample[begin[text] : begin[text + 1]])
