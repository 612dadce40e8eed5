"""The words that pairs of characters belong to, where a script has no blanks between words: what a reason tells."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.scripts import PAIR, characters
from recommender.articles.text import whole_texts
from recommender.features.tokens import words_in_order

_STORIES = 20_000  # that phrases are learned from
_SURE = 0.8  # share of a pair's occurrences that one and the same character follows, from which on it belongs to it
_LONGEST = 16  # characters of a phrase
# hiragana, and the commonest particles of Chinese: between words, seldom in them
_EDGES = re.compile("^[\u3041-\u309f的了在是和]+|[\u3041-\u309f的了在是和]+$")
_BETWEEN = re.compile("[のをがはにでと的]")
_PARTICLE = re.compile("(?:에서|으로|[은는이가을를에의도와과로다])$")  # behind Korean words


def phrases(table: pa.Table, terms: pa.StringArray) -> pa.StringArray:
    """Find the phrase that each pair of characters nearly always stands in, (v,); null = no pair, '' = nothing to tell.

    Examples
    --------
    >>> from recommender.articles.article import Article, to_table
    >>> bodies = ["製紙工場が再開", "製紙工場の火災", "印刷工場へ出荷"]
    >>> table = to_table([Article(id=str(n), title="", body=body) for n, body in enumerate(bodies)])
    >>> phrases(table, pa.array(["工場", "製紙", "紙工", "ferry"])).to_pylist()
    ['工場', '製紙工場', '製紙工場', None]
    """
    is_pair = pc.match_substring_regex(terms, PAIR).to_numpy(zero_copy_only=False).astype(bool)
    place = np.flatnonzero(is_pair)
    if not len(place):
        return pa.nulls(len(terms), pa.string())
    pairs = terms.take(pa.array(place))
    parts = [characters(pair) for pair in pairs.to_pylist()]
    after, before = _neighbours(table, pairs, parts)
    written: list[str | None] = [None] * len(terms)
    for number, at in enumerate(place.tolist()):
        written[at] = _told(_phrase(number, parts, after, before))
    return pa.array(written, pa.string())


def _neighbours(
    table: pa.Table, pairs: pa.StringArray, parts: list[list[str]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the pair that nearly always follows each one, overlapping it, and the one before it, (m,); -1 = none."""
    step = max(len(table) // _STORIES, 1)
    some = table.take(pa.array(np.arange(0, len(table), step)))
    edges = {character: number for number, character in enumerate({one for pair in parts for one in pair})}
    first, last = (np.array([edges[pair[side]] for pair in parts]) for side in (0, -1))
    count = np.zeros(len(parts), dtype=np.int64)
    found = [np.empty((0, 2), dtype=np.int64)]
    for code in _codes(some, pairs):
        count += np.bincount(code[code >= 0], minlength=len(parts))
        left, right = code[:-1], code[1:]
        held = (left >= 0) & (right >= 0)
        held[held] = last[left[held]] == first[right[held]]
        found.append(np.stack([left[held], right[held]], axis=1))
    key, times = np.unique(np.concatenate(found) @ np.array([len(parts), 1]), return_counts=True)
    left, right = np.divmod(key, len(parts))
    after, before = (np.full(len(parts), -1, dtype=np.int64) for _ in range(2))
    follows, leads = times >= _SURE * count[left], times >= _SURE * count[right]
    after[left[follows]], before[right[leads]] = right[follows], left[leads]
    return after, before


def _codes(table: pa.Table, pairs: pa.StringArray) -> Iterator[NDArray[np.int64]]:
    """Find words of stories among pairs of characters, in the order of the text; -1 = of another word."""
    known = pairs.cast(pa.large_string())
    for block in whole_texts(table):
        words = words_in_order(block)
        yield pc.fill_null(pc.index_in(words, known), -1).to_numpy().astype(np.int64)


def _phrase(number: int, parts: list[list[str]], after: NDArray[np.int64], before: NDArray[np.int64]) -> list[str]:
    found, at = list(parts[number]), after[number]
    while at >= 0 and len(found) < _LONGEST:
        found.append(parts[at][-1])
        at = after[at]
    at = before[number]
    while at >= 0 and len(found) < _LONGEST:
        found.insert(0, parts[at][0])
        at = before[at]
    return found


def _told(phrase: list[str]) -> str:
    """Strip the particles around a phrase; '' where too little is left, and in scripts whose words may be cut."""
    text = "".join(phrase)
    if "\uac00" <= text[0] <= "\ud7a3":
        text = _PARTICLE.sub("", text)
    elif text[0] < "\u3000":  # Thai, Lao, Khmer, Burmese: parts of words look like words
        return ""
    else:
        text = max(_BETWEEN.split(_EDGES.sub("", text)), key=len)
    return text if len(text) > 1 else ""
