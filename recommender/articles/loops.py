"""Compiled loops that read bodies word by word and find copies among them."""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray

from recommender.articles.sentence_loops import mix
from recommender.compute.kernels import kernel

# The numbers that loops read stand in this file, since only its changes make the machine code on disk anew.
SHINGLE = 4  # words of a shingle
LEAST_WORDS = 40  # words of the shorter text: fewer words in common prove nothing
LEAST_SHARED = 0.8  # share of the shingles of the shorter text
LEAST_RATIO = 0.5  # ratio of the lengths: a text quoted whole in one three times as long is no copy
SAMPLED = 64  # words up to which all shingles of a text are sampled; 32 to 64 shingles of longer texts are
MOST_SAMPLED = 128
_LEAST_SAMPLED_SHARED = 0.5  # a sample of sixteen shows less of four fifths once in 1,400 times, one of 32 in 40,000
_MOST_LACKING = 1.001 - LEAST_SHARED  # share of the shingles of the shorter text that a copy of it may lack, rounded up
MOST_HOLDERS = 32  # texts that are looked at because they share one shingle: more share a footer
BUCKET = 8  # shingles in a bucket of the hash table of all samples, at most on average
_WORD, _SEPARATOR, _IGNORED, _SINGLE = 1, 0, 2, 3

_Bytes = NDArray[np.uint8]
_Rows = NDArray[np.int64]
_Hashes = NDArray[np.uint64]


def code_point(data: _Bytes, start: int, stop: int) -> tuple[int, int]:
    """Decode the character at a byte of UTF-8: its code point, and the bytes that it takes."""
    first = int(data[start])
    if first < 0x80:
        return first, 1
    length = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if start + length > stop:
        return 0x20, stop - start
    point = first & (0xFF >> (length + 1))
    for byte in range(start + 1, start + length):
        point = point << 6 | (int(data[byte]) & 0x3F)
    return point, length


def character_kind(point: int) -> int:
    """Classify a character from U+2000 on: a part of a word, a separator, ignored, or a single word."""
    if 0x200C <= point < 0x2010 or point in (0x2019, 0x2060, 0xFEFF):
        return _IGNORED
    if point < 0x2070 or 0x2190 <= point < 0x2C00 or 0x3000 <= point < 0x3005 or 0x3008 <= point < 0x3040:
        return _SEPARATOR
    if 0xFE00 <= point < 0xFE10 or 0xFF61 <= point < 0xFF66 or 0x1F000 <= point < 0x20000:
        return _SEPARATOR
    if 0x3005 <= point < 0xA000 or 0xF900 <= point < 0xFB00 or point >= 0x20000:
        return _SINGLE  # Chinese and Japanese
    return _WORD


def _letters() -> tuple[NDArray[np.uint8], NDArray[np.uint16], NDArray[np.bool_]]:
    """Describe characters up to kana: kind, small letter without accents, and whether one is a capital.

    Vowel signs of Indic and South-east Asian scripts are letters; signs that only help to read are dropped.
    """
    kind = np.full(_TABLE, _SEPARATOR, dtype=np.uint8)
    small = np.arange(_TABLE, dtype=np.uint16)
    capital = np.zeros(_TABLE, dtype=np.bool_)
    for point in range(_TABLE):
        character = chr(point)
        group = unicodedata.category(character)
        if point in (0x27, 0x5F3, 0x5F4, 0x640) or group == "Cf" or _is_accent(character):
            kind[point] = _IGNORED
        elif point >= 0x2000:
            kind[point] = character_kind(point)
        elif group[0] in "LM" or group == "Nd" or point in (0xAA, 0xBA):
            stacked = 0xE00 <= point < 0xF00 or 0x1000 <= point < 0x10A0 or 0x1780 <= point < 0x1800
            kind[point] = _SINGLE if stacked else _WORD  # Thai, Lao, Burmese, Khmer: no blanks between words
        lower = character.lower()
        decomposed = unicodedata.normalize("NFD", lower[:1])
        small[point] = ord(decomposed[0]) if all(map(_is_accent, decomposed[1:])) else ord(lower[0])
        if group == "Nd":
            small[point] = 0x30 + unicodedata.decimal(character)
        capital[point] = lower != character
    return kind, small, capital


def _is_accent(mark: str) -> bool:
    """Check whether a mark is an accent, a nukta, an Arabic vowel sign, a Hebrew point or that of a voiced kana."""
    point = ord(mark)
    return unicodedata.category(mark) == "Mn" and (
        point < 0x370 or 0x590 <= point < 0x700 or 0x8D0 <= point < 0x900 or unicodedata.combining(mark) in (7, 8)
    )


_TABLE = 0x3100  # kana are the last characters with accents
_KIND, _SMALL, _CAPITAL = _letters()


def hash_words(data: _Bytes, start: int, stop: int, word: _Hashes, is_name: NDArray[np.bool_]) -> int:
    """Write a hash of every word of a text, and whether it is a name or a figure; return the number of words."""
    count, word_length, hashed, is_marked = 0, 0, np.uint64(0), False
    position = start
    while position < stop:
        point, width = int(data[position]), 1
        if point >= 0x80:
            point, width = code_point(data, position, stop)
            if 0xFF01 <= point < 0xFF5F:  # of full width
                point -= 0xFEE0
        position += width
        folded, kind, is_capital = point, 0, False
        if point < _TABLE:
            folded, kind, is_capital = int(_SMALL[point]), int(_KIND[point]), bool(_CAPITAL[point])
        else:
            kind = character_kind(point)
        if kind == _IGNORED:
            continue
        if word_length and kind != _WORD:
            word[count], is_name[count] = mix(hashed), is_marked
            count, word_length, hashed, is_marked = count + 1, 0, np.uint64(0), False
        if kind == _SEPARATOR:
            continue
        is_marked |= (word_length == 0 and is_capital) or 0x30 <= folded <= 0x39
        hashed = (hashed ^ np.uint64(folded)) * np.uint64(0x100000001B3) + np.uint64(0x9E3779B97F4A7C15)
        word_length += 1
        if kind == _SINGLE:
            word[count], is_name[count] = mix(hashed), is_marked
            count, word_length, hashed, is_marked = count + 1, 0, np.uint64(0), False
    if word_length:
        word[count], is_name[count] = mix(hashed), is_marked
        count += 1
    return count


def sample_shingles(word: _Hashes, count: int, level: int) -> NDArray[np.uint32]:
    """Find the different shingles of `count` words whose hash is below 2**32 >> `level`, in order."""
    shingles = np.empty(max(count - SHINGLE + 1, 0), dtype=np.uint32)
    limit, size = np.uint64(2**32 >> level), 0
    for first in range(len(shingles)):
        hashed = np.uint64(0)
        for index in range(first, first + SHINGLE):
            hashed = hashed * np.uint64(0x9E3779B97F4A7C15) + word[index]
        hashed = mix(hashed) >> np.uint64(32)
        if hashed < limit:
            shingles[size] = np.uint32(hashed)
            size += 1
    shingles = np.sort(shingles[:size])
    if not size:
        return shingles
    last = 0
    for index in range(1, size):
        if shingles[index] != shingles[last]:
            last += 1
            shingles[last] = shingles[index]
    return shingles[: last + 1]


def sampling_level(words: int) -> int:
    """Count how often the shingles of a text must be halved to fit a sample."""
    level = 0
    while words >= SAMPLED << level:
        level += 1
    return level


def count_below(numbers: NDArray[np.uint32], limit: int) -> int:
    """Count the numbers below a limit in a sorted set."""
    low, high = 0, len(numbers)
    if high and numbers[-1] < limit:
        return high
    while low < high:
        middle = (low + high) // 2
        if numbers[middle] < limit:
            low = middle + 1
        else:
            high = middle
    return low


def count_shared(a: NDArray[np.uint32], b: NDArray[np.uint32], limit: int) -> tuple[int, int, int]:
    """Count the numbers below a limit in two sorted sets: (of `a`, of `b`, of both)."""
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


@kernel(least=64, parts=(code_point, character_kind, mix, hash_words, sample_shingles, sampling_level), results=6)
def mark(
    start: int,
    stop: int,
    data: _Bytes,
    offsets: _Rows,
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
    data, offsets : ndarray
        Texts in UTF-8, and where each begins, (n + 1,).
    words, digest, plain, skeleton, sampled : ndarray, shape (n,)
        Results, as in `Marks`.
    sample : ndarray, shape (n, MOST_SAMPLED)
        Result: the sample of each text.
    """
    for text in range(start, stop):
        first, last = offsets[text], offsets[text + 1]
        capacity = (last - first) // 2 + 1
        word, is_name = np.empty(capacity, dtype=np.uint64), np.empty(capacity, dtype=np.bool_)
        count = hash_words(data, first, last, word, is_name)
        digest_value, skeleton_value, n_plain = np.uint64(count), np.uint64(0), 0
        for index in range(count):
            digest_value = mix(digest_value * np.uint64(3) + word[index])
            if not is_name[index]:
                n_plain += 1
                skeleton_value = mix(skeleton_value * np.uint64(3) + word[index])
            elif index == 0 or not is_name[index - 1]:
                skeleton_value = mix(skeleton_value * np.uint64(3) + np.uint64(1))
        if not count:  # nothing but signs
            for byte in range(first, last):
                digest_value = mix(digest_value * np.uint64(3) + np.uint64(data[byte]))
        words[text], digest[text], plain[text], skeleton[text] = count, digest_value, n_plain, skeleton_value
        if count >= LEAST_WORDS:
            shingles = sample_shingles(word, count, sampling_level(count))[:MOST_SAMPLED]
            sampled[text] = len(shingles)
            sample[text, : len(shingles)] = shingles
        else:
            sampled[text] = 0


def all_shingles(data: _Bytes, start: int, stop: int) -> NDArray[np.uint32]:
    """Find the different shingles of a text, in order."""
    capacity = (stop - start) // 2 + 1
    word, is_name = np.empty(capacity, dtype=np.uint64), np.empty(capacity, dtype=np.bool_)
    return sample_shingles(word, hash_words(data, start, stop, word, is_name), 0)


def may_be_copies(words_a: int, words_b: int, a: NDArray[np.uint32], b: NDArray[np.uint32]) -> bool:
    """Check by their lengths and samples whether two texts may be copies."""
    if min(words_a, words_b) < LEAST_RATIO * max(words_a, words_b):
        return False
    limit = 2**32 >> sampling_level(max(words_a, words_b))
    of_a, of_b, shared = count_shared(a, b, limit)
    if shared == 0 or shared < _LEAST_SAMPLED_SHARED * min(of_a, of_b):
        return False
    # what one whole sample has and the other lacks, the texts do not share
    is_whole = max(len(a), len(b)) < MOST_SAMPLED
    most_a, most_b = _MOST_LACKING * (words_a - SHINGLE + 1), _MOST_LACKING * (words_b - SHINGLE + 1)
    return not (is_whole and of_a - shared > most_a and of_b - shared > most_b)


@kernel(
    least=1 << 62,
    parts=(
        code_point,
        character_kind,
        mix,
        hash_words,
        sample_shingles,
        sampling_level,
        count_below,
        count_shared,
        may_be_copies,
        all_shingles,
    ),
)
def find_leaders(
    start: int,
    stop: int,
    n_leaders: int,
    rows: _Rows,
    data: _Bytes,
    offsets: _Rows,
    words: NDArray[np.int32],
    sample_offsets: _Rows,
    sample: NDArray[np.uint32],
    leader: _Rows,
) -> None:
    """Find the oldest text that each text repeats and that repeats none itself.

    Parameters
    ----------
    n_leaders : int
        Number of texts, the first ones, of which it is known that they repeat none.
    rows : ndarray, shape (m,)
        Texts, oldest first; `start` and `stop` are indices into this array.
    data, offsets, words : ndarray
        As in `mark`.
    sample_offsets, sample : ndarray
        Samples of all texts, one after the other, and where each begins, (n + 1,).
    leader : ndarray, shape (m,)
        Result: the index of the repeated text; a text's own where there is none.
    """
    # A hash table of sampled shingles: each bucket has room for all of its own next to each other, since the holders
    # of a shingle are read by every text that has it.
    n_sampled = 0
    for row in rows:
        n_sampled += sample_offsets[row + 1] - sample_offsets[row]
    n_buckets = 1
    while n_buckets * BUCKET < n_sampled:
        n_buckets *= 2
    bucket_mask = n_buckets - 1
    bucket_begin = np.zeros(n_buckets + 1, dtype=np.int64)
    for row in rows:
        for entry in range(sample_offsets[row], sample_offsets[row + 1]):
            bucket_begin[(int(sample[entry]) & bucket_mask) + 1] += 1
    bucket_begin = np.cumsum(bucket_begin)
    bucket_end = bucket_begin[:-1].copy()
    held, holder = np.empty(n_sampled, dtype=np.uint32), np.empty(n_sampled, dtype=np.int32)
    common, candidates = np.zeros(len(rows), dtype=np.uint8), np.empty(len(rows), dtype=np.int32)
    not_held = np.zeros(len(rows), dtype=np.uint8)  # shingles of each text that others crowd
    levels, sizes = np.empty(len(rows), dtype=np.uint8), np.empty(len(rows), dtype=np.uint8)  # of the samples
    begins, ends = np.empty(MOST_SAMPLED, dtype=np.int64), np.empty(MOST_SAMPLED, dtype=np.int64)
    checksum = np.zeros(1, dtype=np.int64)  # the compiler would leave out reads that lead to nothing
    for index in range(start, stop):
        row, n_candidates = rows[index], 0
        shingles = sample[sample_offsets[row] : sample_offsets[row + 1]]
        is_crowded = np.zeros(len(shingles), dtype=np.bool_)
        # each bucket is read once before any is searched: the reads wait for memory together, not one after another
        for number in range(len(shingles)):
            bucket = int(shingles[number]) & bucket_mask
            begins[number], ends[number] = bucket_begin[bucket], bucket_end[bucket]
        for number in range(len(shingles)):
            if begins[number] < ends[number]:
                checksum[0] += held[begins[number]] + holder[begins[number]]
        for number in range(len(shingles)):
            shingle, n_holders = shingles[number], 0
            for entry in range(begins[number], ends[number]):
                if held[entry] == shingle:
                    n_holders += 1
                    if index < n_leaders:
                        continue
                    candidate = holder[entry]
                    if not common[candidate]:
                        candidates[n_candidates] = candidate
                        n_candidates += 1
                    common[candidate] += 1
            is_crowded[number] = n_holders >= MOST_HOLDERS
        leader[index] = index
        least, n_kept = len(shingles) // 8, 0
        levels[index], sizes[index] = sampling_level(words[row]), len(shingles)
        not_held[index] = is_crowded.sum()
        for number in range(n_candidates):  # few of the texts with a shingle in common have many
            candidate = candidates[number]
            n_common, common[candidate] = int(common[candidate]), 0
            if n_common + not_held[index] < least:
                continue
            other, size = rows[candidate], min(sizes[index], sizes[candidate])
            other_sample = sample[sample_offsets[other] : sample_offsets[other + 1]]
            if levels[candidate] != levels[index]:  # else all that is sampled counts, and the sample need not be read
                limit = 2**32 >> max(levels[index], levels[candidate])
                size = min(count_below(shingles, limit), count_below(other_sample, limit))
            if n_common + min(not_held[index], not_held[candidate]) < _LEAST_SAMPLED_SHARED * size:
                continue
            if may_be_copies(words[row], words[other], shingles, other_sample):
                candidates[n_kept] = candidate
                n_kept += 1
        if n_kept:
            row_shingles = all_shingles(data, offsets[row], offsets[row + 1])
            for candidate in np.sort(candidates[:n_kept]):
                candidate_shingles = all_shingles(data, offsets[rows[candidate]], offsets[rows[candidate] + 1])
                n_row, n_candidate, shared = count_shared(row_shingles, candidate_shingles, 2**32)
                if shared >= LEAST_SHARED * min(n_row, n_candidate):
                    leader[index] = candidate
                    break
        if leader[index] == index:
            for number in range(len(shingles)):
                if not is_crowded[number]:
                    bucket = int(shingles[number]) & bucket_mask
                    held[bucket_end[bucket]], holder[bucket_end[bucket]] = shingles[number], index
                    bucket_end[bucket] += 1
