"""Terms of the parts of a story: the whole text, its title, its lead, and its names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.articles.columns import whole
from recommender.features import pair_loops as loops
from recommender.features.tfidf import Tfidf

LEAD_WORDS = 60  # words of lead and body that count as a story's beginning
_LEAD_CHARS = 16 * LEAD_WORDS  # of a text, that surely hold so many words of ordinary length
_BLOCK = 2_048
_OFTEN = 3  # uses of a term by a story, from which on it recurs often
AS_WORD, AS_NAME = 1, 2  # marks of `Subjects`
_RARE = 0.5  # share of the greatest possible rarity from which on a shared term counts as rare
TEXT_PAIRS = (
    "whole_whole",
    "title_whole",
    "lead_whole",
    "rare",
    "title_title",
    "whole_title",
    "lead_lead",
    "whole_lead",
    "names",
)
"""Columns of `text_pairs`: a part of the story, then the part of the candidate that it is compared with."""


@dataclass(frozen=True, eq=False)
class TextParts:
    """TF-IDF rows of the parts of each story, all under the vocabulary of the whole texts.

    Attributes
    ----------
    whole, title, lead, names : csr_matrix of float32, shape (n, v)
        Unit rows. `lead` holds the title and the first words; `names` the words that a capital marks in mid-sentence.
    """

    whole: sp.csr_matrix
    title: sp.csr_matrix
    lead: sp.csr_matrix
    names: sp.csr_matrix

    @classmethod
    def of(cls, table: pa.Table, tfidf: Tfidf, terms: sp.csr_matrix) -> TextParts:
        """Count the parts of stories whose whole texts are counted in `terms`."""
        parts = (tfidf.transform(texts(table)) for texts in (title_texts, opening_texts, name_texts))
        return cls(terms, *parts)

    def take(self, rows: NDArray[np.int64]) -> TextParts:
        """Take the parts of some stories."""
        return TextParts(*(getattr(self, field.name)[rows] for field in fields(self)))

    def among(self, terms: NDArray[np.int64]) -> TextParts:
        """Keep only some terms in all parts; these are numbered anew."""
        return TextParts(*(getattr(self, field.name)[:, terms].tocsr() for field in fields(self)))

    def beside(self, more: TextParts) -> TextParts:
        """Put the parts of other stories behind these."""
        pairs = ((getattr(self, field.name), getattr(more, field.name)) for field in fields(self))
        return TextParts(*(sp.vstack(pair, format="csr") for pair in pairs))


def text_pairs(
    queries: TextParts, at: NDArray[np.int64], archive: TextParts, rows: NDArray[np.int64], rarity: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Compare the parts of stories with those of their candidates.

    Parameters
    ----------
    queries : TextParts
    at : ndarray of int64, shape (q,)
        Rows of `queries` that ask.
    archive : TextParts
    rows : ndarray of int64, shape (q, c)
        Rows of `archive`; -1 = none.
    rarity : ndarray of float32, shape (v,)
        See `rarity_of`.

    Returns
    -------
    ndarray of float32, shape (q, c, 9)
        `TEXT_PAIRS`: cosines, and the summed rarity of the shared terms; NaN where one side has no such part.
    """
    found = np.empty((*rows.shape, len(TEXT_PAIRS)), dtype=np.float32)

    def parts(matrix: sp.csr_matrix) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
        return np.asarray(matrix.indptr), np.asarray(matrix.indices), np.asarray(matrix.data)

    loops.text_pairs(
        len(rows),
        at,
        np.ascontiguousarray(rows),
        parts(queries.whole),
        parts(queries.title),
        parts(queries.lead),
        parts(queries.names),
        parts(archive.whole),
        parts(archive.title),
        parts(archive.lead),
        parts(archive.names),
        rarity,
        found,
    )
    return found


@dataclass(frozen=True, eq=False)
class Subjects:
    """What some stories are about, by the places of terms.

    Attributes
    ----------
    whole : csr_matrix of float32, shape (n, v)
        Terms of the whole texts.
    terms : csr_matrix of float32, shape (n, v)
        The same without those that neither stand in the beginning nor recur.
    marks : csr_matrix of int8, shape (n, v)
        Sum of `AS_WORD` and `AS_NAME` where a story is about the term, as a word or as a name.
    """

    whole: sp.csr_matrix
    terms: sp.csr_matrix
    marks: sp.csr_matrix

    @classmethod
    def of(cls, parts: TextParts, rows: NDArray[np.int64], idf: NDArray[np.float32]) -> Subjects:
        """Find what the stories of some rows are about.

        It is about a word of the headline that recurs, and one of the beginning that recurs often. Words of a headline
        alone are mostly its verbs, or codes; a story without a text has nothing else. Of names less is asked.
        """
        whole = parts.whole[rows]
        row = np.repeat(np.arange(len(rows)), np.diff(whole.indptr))
        key = row * whole.shape[1] + whole.indices
        plain = whole.data / idf[whole.indices]
        least = np.full(len(rows), np.inf)
        filled = np.flatnonzero(np.diff(whole.indptr))
        if len(filled):
            least[filled] = np.minimum.reduceat(plain, whole.indptr[filled])
        times = np.rint(np.exp(plain / least[row] - 1))
        title, lead = (_held(part[rows], key) for part in (parts.title, parts.lead))
        bare = np.diff(parts.title[rows].indptr) == np.diff(whole.indptr)
        again, often = times > 1, times >= _OFTEN
        word = title & (again | bare[row]) | lead & often
        name = title | lead & again | often
        marks = (AS_WORD * word + AS_NAME * name).astype(np.int8)
        kept = np.where(lead | again, whole.data, np.float32(0))
        terms, marked = (sp.csr_matrix((data, whole.indices, whole.indptr), whole.shape) for data in (kept, marks))
        return cls(whole, terms, marked)

    def uses(self, rows: NDArray[np.int64], terms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell whether each story uses the term in the same place, (m,)."""
        return _at(self.whole, rows, terms) > 0

    def about(self, rows: NDArray[np.int64], terms: NDArray[np.int64], mark: int) -> NDArray[np.bool_]:
        """Tell whether each story is about the term in the same place, as a word or a name, (m,)."""
        return (_at(self.marks, rows, terms) & mark) > 0


def _at(matrix: sp.csr_matrix, rows: NDArray[np.int64], terms: NDArray[np.int64]) -> NDArray[Any]:
    return np.asarray(matrix[rows, terms]).ravel() if len(rows) else np.zeros(0, dtype=np.int8)


def _held(part: sp.csr_matrix, key: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which terms of stories, by ascending keys `row * v + term`, a part of the same stories holds."""
    own = np.repeat(np.arange(part.shape[0]), np.diff(part.indptr)) * part.shape[1] + part.indices
    place = np.searchsorted(own, key)
    return np.asarray(own[np.minimum(place, len(own) - 1)] == key) if len(own) else np.zeros(len(key), dtype=bool)


def rarity_of(tfidf: Tfidf) -> NDArray[np.float32]:
    """Measure how rare each term is beyond the middle of the scale, float32 (v,): 0 for common ones, up to .5."""
    relative = (tfidf.idf.astype(np.float64) - 1) / np.log(1 + max(tfidf.stories, 1))
    return np.asarray(np.clip(relative - _RARE, 0, None), dtype=np.float32)


def title_texts(table: pa.Table) -> Iterator[pa.LargeStringArray]:
    """Give the titles, a block of stories at a time."""
    for start in range(0, len(table), _BLOCK):
        yield whole(table["title"].slice(start, _BLOCK))


def opening_texts(table: pa.Table) -> Iterator[pa.LargeStringArray]:
    """Join titles with the first words of lead and body, a block of stories at a time."""
    space = pa.scalar(" ", pa.large_string())
    for start in range(0, len(table), _BLOCK):
        some = table.slice(start, _BLOCK)
        body = pc.utf8_slice_codeunits(some["body"], 0, _LEAD_CHARS)
        words = pc.utf8_split_whitespace(whole(pc.binary_join_element_wise(some["lead"], body, space)), max_splits=-1)
        first = pc.binary_join(pc.list_slice(words, 0, LEAD_WORDS), space)
        yield whole(pc.binary_join_element_wise(some["title"], first, space))


def name_texts(table: pa.Table) -> Iterator[pa.LargeStringArray]:
    """Find the words of lead and body that begin with a capital in mid-sentence, a block of stories at a time.

    What follows a full stop, a colon, a quotation mark or the start of a text says nothing by its capital.
    """
    newline = pa.scalar("\n", pa.large_string())
    for start in range(0, len(table), _BLOCK):
        some = table.slice(start, _BLOCK)
        yield _named(whole(pc.binary_join_element_wise(some["lead"], some["body"], newline)))


_BEGINS = np.zeros(256, dtype=bool)  # capitals, and the first bytes of letters that may be some
_BEGINS[[*range(65, 91), *range(0xC3, 0xE2)]] = True
_INSIDE = np.zeros(256, dtype=bool)  # what may stand before the blank in mid-sentence
_INSIDE[[*range(48, 58), *range(65, 91), *range(97, 123), *b",)&-"]] = True
_INSIDE[128:] = True
_LETTER = np.zeros(256, dtype=bool)
_LETTER[[*range(48, 58), *range(65, 91), *range(97, 123), 95]] = True
_LETTER[128:] = True


_CAPITAL = np.array([chr(point).isupper() for point in range(0x2000)])


def _keep_capitals(data: NDArray[np.uint8], start: NDArray[np.bool_]) -> None:
    """Keep only capitals among the first letters of words beyond ASCII."""
    beyond = np.flatnonzero(start)
    beyond = beyond[data[beyond] >= 0xC3]
    start[beyond] = False
    short = beyond[data[beyond] < 0xE0]
    long = beyond[data[beyond] == 0xE1]  # three bytes, up to U+1FFF: Vietnamese, ancient Greek
    for first, point in (
        (short, (data[short] & 0x1F).astype(np.int64) << 6 | data[short + 1] & 0x3F),
        (long, 0x1000 | (data[long + 1] & 0x3F).astype(np.int64) << 6 | data[long + 2] & 0x3F),
    ):
        start[first[_CAPITAL[point]]] = True


def _named(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Put blanks in the place of everything but names; the texts keep their lengths in bytes."""
    if not len(texts):
        return texts
    _, ends, content = texts.buffers()
    limits = np.frombuffer(ends, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(content or b"", np.uint8)[limits[0] : limits[-1]]
    if len(data) < 3:
        return pa.array([""] * len(texts), pa.large_string())
    start = np.zeros(len(data), dtype=bool)
    start[2:] = _BEGINS[data[2:]] & (data[1:-1] == 32) & _INSIDE[data[:-2]]
    _keep_capitals(data, start)
    # the first two bytes of a text stand after another text
    for offset in (0, 1):
        first = limits[:-1] - limits[0] + offset
        start[first[first < len(data)]] = False
    letter = _LETTER[data]
    begins = letter.copy()
    begins[1:] &= ~letter[:-1]
    word = np.cumsum(begins)  # number of the word that a letter belongs to
    named = np.zeros(word[-1] + 1, dtype=bool)
    named[word[start]] = True
    kept = letter & named[word]
    shown = np.where(kept, data, np.uint8(32))
    # texts border on each other: a word never crosses, for the byte before a text's first is no part of it
    offsets = (limits - limits[0]).astype(np.int64)
    return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(shown))
