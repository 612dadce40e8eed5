"""Find the phrases that pairs of characters belong to, in scripts without blanks between words, for reasons."""

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

_STORIES = 20_000  # stories that phrases are learned from
_SURE = 0.8  # share of a pair's occurrences that the same character follows, from which on it belongs to the phrase
_LONGEST = 16  # characters of a phrase
# Hiragana and the commonest particles of Chinese stand between words, seldom in them.
_EDGES = re.compile("^[\u3041-\u309f的了在是和]+|[\u3041-\u309f的了在是和]+$")
_BETWEEN = re.compile("[のをがはにでと的]")
_PARTICLE = re.compile("(?:에서|으로|[은는이가을를에의도와과로다])$")  # at the end of Korean words


def phrases(table: pa.Table, terms: pa.StringArray) -> pa.StringArray:
    """Find the phrase that each pair of characters nearly always stands in, (v,); null = no pair, '' = no phrase.

    Examples
    --------
    >>> from recommender.articles.article import Article, to_table
    >>> bodies = ["製紙工場が再開", "製紙工場の火災", "印刷工場へ出荷"]
    >>> table = to_table([Article(id=str(n), title="", body=body) for n, body in enumerate(bodies)])
    >>> phrases(table, pa.array(["工場", "製紙", "紙工", "ferry"])).to_pylist()
    ['工場', '製紙工場', '製紙工場', None]
    """
    is_pair = pc.match_substring_regex(terms, PAIR).to_numpy(zero_copy_only=False).astype(bool)
    pair_terms = np.flatnonzero(is_pair)
    if not len(pair_terms):
        return pa.nulls(len(terms), pa.string())
    pairs = terms.take(pa.array(pair_terms))
    parts = [characters(pair) for pair in pairs.to_pylist()]
    after, before = _neighbours(table, pairs, parts)
    phrase_of_term: list[str | None] = [None] * len(terms)
    for number, term in enumerate(pair_terms.tolist()):
        phrase_of_term[term] = _without_particles(_extend(number, parts, after, before))
    return pa.array(phrase_of_term, pa.string())


def _neighbours(
    table: pa.Table, pairs: pa.StringArray, parts: list[list[str]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the pair that nearly always overlaps the end of each pair, and its beginning, (m,); -1 = none."""
    step = max(len(table) // _STORIES, 1)
    sample = table.take(pa.array(np.arange(0, len(table), step)))
    codes = {character: code for code, character in enumerate({character for pair in parts for character in pair})}
    first, last = (np.array([codes[pair[side]] for pair in parts]) for side in (0, -1))
    count = np.zeros(len(parts), dtype=np.int64)
    overlaps = [np.empty((0, 2), dtype=np.int64)]
    for numbers in _pair_numbers(sample, pairs):
        count += np.bincount(numbers[numbers >= 0], minlength=len(parts))
        left, right = numbers[:-1], numbers[1:]
        is_overlap = (left >= 0) & (right >= 0)
        is_overlap[is_overlap] = last[left[is_overlap]] == first[right[is_overlap]]
        overlaps.append(np.stack([left[is_overlap], right[is_overlap]], axis=1))
    key, times = np.unique(np.concatenate(overlaps) @ np.array([len(parts), 1]), return_counts=True)
    left, right = np.divmod(key, len(parts))
    after, before = (np.full(len(parts), -1, dtype=np.int64) for _ in range(2))
    follows, leads = times >= _SURE * count[left], times >= _SURE * count[right]
    after[left[follows]], before[right[leads]] = right[follows], left[leads]
    return after, before


def _pair_numbers(table: pa.Table, pairs: pa.StringArray) -> Iterator[NDArray[np.int64]]:
    """Yield the number of the pair that each word of the stories is, in the order of the text; -1 = another word."""
    value_set = pairs.cast(pa.large_string())
    for block in whole_texts(table):
        yield pc.fill_null(pc.index_in(words_in_order(block), value_set), -1).to_numpy().astype(np.int64)


def _extend(number: int, parts: list[list[str]], after: NDArray[np.int64], before: NDArray[np.int64]) -> list[str]:
    """Return the characters of a pair with those that nearly always stand around it."""
    phrase = list(parts[number])
    neighbour = after[number]
    while neighbour >= 0 and len(phrase) < _LONGEST:
        phrase.append(parts[neighbour][-1])
        neighbour = after[neighbour]
    neighbour = before[number]
    while neighbour >= 0 and len(phrase) < _LONGEST:
        phrase.insert(0, parts[neighbour][0])
        neighbour = before[neighbour]
    return phrase


def _without_particles(phrase: list[str]) -> str:
    """Strip the particles around a phrase; '' where too little is left, and in scripts whose words may be cut."""
    text = "".join(phrase)
    if "\uac00" <= text[0] <= "\ud7a3":
        text = _PARTICLE.sub("", text)
    elif text[0] < "\u3000":  # Thai, Lao, Khmer, Burmese: parts of words look like words
        return ""
    else:
        text = max(_BETWEEN.split(_EDGES.sub("", text)), key=len)
    return text if len(text) > 1 else ""
