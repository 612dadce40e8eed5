"""Terms of the parts of a story: the whole text, its title, its lead, and its names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.articles.columns import as_array, text_buffers
from recommender.articles.text import whole_texts
from recommender.features import pair_loops as loops
from recommender.features.loops import mark_shared
from recommender.features.tfidf import SparseRows, Tfidf, csr_arrays, find_weights, take_rows

LEAD_WORDS = 60  # words of lead and body that count as a story's beginning
_LEAD_CHARS = 16 * LEAD_WORDS  # characters of a text that surely hold so many words of ordinary length
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
    "shared",
)
"""Columns of `text_pairs`: a part of the story, then the part of the candidate that it is compared with.

`rare` is the summed rarity of the terms that both whole texts have, `shared` their number.
"""


@dataclass(frozen=True, eq=False)
class TextParts:
    """TF-IDF rows of the parts of each story, all under the vocabulary of the whole texts."""

    # (n, v), unit rows: `lead` holds title and first words, `names` the words that a capital marks in mid-sentence
    whole: sp.csr_matrix
    title: sp.csr_matrix
    lead: sp.csr_matrix
    names: sp.csr_matrix

    @classmethod
    def from_table(cls, table: pa.Table, tfidf: Tfidf, terms: sp.csr_matrix) -> TextParts:
        """Compute the parts of stories; `terms` are the rows of their whole texts."""
        parts = (tfidf.transform(texts(table)) for texts in (title_texts, opening_texts, name_texts))
        return cls(terms, *parts)

    @classmethod
    def of_few(cls, table: pa.Table, tfidf: Tfidf) -> TextParts:
        """Compute the parts of stories as `from_table` does, in one block: for so few, steps cost more than texts."""
        size, readers = len(table), (whole_texts, title_texts, opening_texts, name_texts)
        texts = pa.concat_arrays([as_array(text) for reader in readers for text in reader(table)])
        rows = tfidf.transform(iter([texts]))
        return cls(*(rows[start : start + size] for start in range(0, 4 * size, size)))

    def take(self, rows: NDArray[np.int64]) -> TextParts:
        """Return the parts of the stories in `rows`."""
        return TextParts(*(getattr(self, field.name)[rows] for field in fields(self)))

    def select_terms(self, terms: NDArray[np.int64]) -> TextParts:
        """Return all parts with the columns in `terms` alone."""
        return TextParts(*(getattr(self, field.name)[:, terms].tocsr() for field in fields(self)))

    def append(self, more: TextParts) -> TextParts:
        """Append the parts of further stories."""
        pairs = ((getattr(self, field.name), getattr(more, field.name)) for field in fields(self))
        return TextParts(*(sp.vstack(pair, format="csr") for pair in pairs))


def text_pairs(
    queries: TextParts,
    query_rows: NDArray[np.int64],
    archive: TextParts,
    rows: NDArray[np.int64],
    rarity: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Compare the parts of stories with those of their candidates.

    Parameters
    ----------
    query_rows : ndarray of int64, shape (q,)
        Rows of the stories in `queries`.
    rows : ndarray of int64, shape (q, c)
        Rows of `archive`; -1 = none.
    rarity : ndarray of float32, shape (v,)
        See `term_rarity`.

    Returns
    -------
    ndarray of float32, shape (10, q, c)
        `TEXT_PAIRS`: cosines, and the summed rarity and number of the shared terms; NaN where one side has no such
        part.
    """
    out = np.empty((len(TEXT_PAIRS), *rows.shape), dtype=np.float32)
    query_parts = (csr_arrays(getattr(queries, field.name)) for field in fields(queries))
    item_parts = (csr_arrays(getattr(archive, field.name)) for field in fields(archive))
    loops.text_pairs(len(rows), query_rows, np.ascontiguousarray(rows), *query_parts, *item_parts, rarity, out)
    return out


@dataclass(frozen=True, eq=False)
class Subjects:
    """What stories are about, by term."""

    whole: SparseRows  # (n, v); terms of the whole texts
    terms: SparseRows  # (n, v); the same, weightless where they neither stand in the beginning nor recur
    # (n, v); sum of `AS_WORD` and `AS_NAME` where a story is about the term, as a word or as a name
    marks: SparseRows
    parts: TextParts
    rows: NDArray[np.int64]  # (n,); rows of `parts` that these stories are

    @classmethod
    def from_parts(cls, parts: TextParts, rows: NDArray[np.int64], idf: NDArray[np.float32]) -> Subjects:
        """Find what the stories in `rows` are about.

        A story is about a word of its headline that recurs, and about a word of its beginning that recurs often. Words
        that stand in the headline alone are mostly verbs or codes, unless the story has no other text. A name need
        only stand in the headline, or recur.
        """
        whole, title, lead = (take_rows(part, rows) for part in (parts.whole, parts.title, parts.lead))
        story = np.repeat(np.arange(len(rows)), np.diff(whole.indptr))
        has_title_alone = np.diff(title.indptr) == np.diff(whole.indptr)
        in_title, in_lead = _is_in_part(whole, title), _is_in_part(whole, lead)
        times = times_used(whole, idf)
        recurs, recurs_often = times > 1, times >= _OFTEN
        is_word = in_title & (recurs | has_title_alone[story]) | in_lead & recurs_often
        is_name = in_title | in_lead & recurs | recurs_often
        marks = (AS_WORD * is_word + AS_NAME * is_name).astype(np.int8)
        weights = np.where(in_lead | recurs, whole.data, np.float32(0))
        return cls(whole, whole._replace(data=weights), whole._replace(data=marks), parts, rows)

    def has_term(self, rows: NDArray[np.int64], terms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Check whether each story uses the term of the same index, (m,)."""
        return find_weights(self.whole, rows, terms) > 0

    def has_name(self, rows: NDArray[np.int64], terms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Check whether each story writes the term of the same index as a name, (m,)."""
        return find_weights(self.parts.names, self.rows[rows], terms) > 0

    def is_about(self, rows: NDArray[np.int64], terms: NDArray[np.int64], mark: int) -> NDArray[np.bool_]:
        """Check whether each story is about the term in the same place, as a word or a name, (m,)."""
        return (find_weights(self.marks, rows, terms) & mark) > 0


def _is_in_part(whole: SparseRows, part: SparseRows) -> NDArray[np.bool_]:
    """Mark the entries of `whole` that `part` of the same stories has, too."""
    is_in_part = np.zeros(len(whole.indices), dtype=bool)
    mark_shared(len(whole.indptr) - 1, whole.indptr, whole.indices, part.indptr, part.indices, is_in_part)
    return is_in_part


def times_used(terms: sp.csr_matrix | SparseRows, idf: NDArray[np.float32]) -> NDArray[np.float64]:
    """Compute how often a story uses each of its terms, where it uses at least one of them once."""
    lengths = np.diff(terms.indptr)
    frequency = terms.data / idf[terms.indices]
    least = np.full(len(lengths), np.inf)
    filled = np.flatnonzero(lengths)
    if len(filled):
        least[filled] = np.minimum.reduceat(frequency, terms.indptr[filled])
    return np.asarray(np.rint(np.exp(frequency / np.repeat(least, lengths) - 1)))


def term_rarity(tfidf: Tfidf) -> NDArray[np.float32]:
    """Compute how rare each term is beyond the middle of the scale, float32 (v,): 0 for common terms, up to 0.5."""
    relative = (tfidf.idf.astype(np.float64) - 1) / np.log(1 + max(tfidf.stories, 1))
    return np.asarray(np.clip(relative - _RARE, 0, None), dtype=np.float32)


def title_texts(table: pa.Table) -> Iterator[pa.LargeStringArray]:
    """Yield the titles, a block of stories at a time."""
    for start in range(0, len(table), _BLOCK):
        yield as_array(table["title"].slice(start, _BLOCK))


def opening_texts(table: pa.Table) -> Iterator[pa.LargeStringArray]:
    """Yield titles with the first words of lead and body, a block of stories at a time."""
    space = pa.scalar(" ", pa.large_string())
    for start in range(0, len(table), _BLOCK):
        block = table.slice(start, _BLOCK)
        body = pc.utf8_slice_codeunits(block["body"], 0, _LEAD_CHARS)
        text = as_array(pc.binary_join_element_wise(block["lead"], body, space))
        words = pc.list_slice(pc.utf8_split_whitespace(text), 0, LEAD_WORDS)
        yield as_array(pc.binary_join_element_wise(block["title"], pc.binary_join(words, space), space))


def name_texts(table: pa.Table) -> Iterator[pa.LargeStringArray]:
    """Yield the words of lead and body that begin with a capital in mid-sentence, a block of stories at a time.

    A capital after a full stop, a colon, a quotation mark or at the start of a text marks no name.
    """
    newline = pa.scalar("\n", pa.large_string())
    for start in range(0, len(table), _BLOCK):
        block = table.slice(start, _BLOCK)
        yield _blank_all_but_names(as_array(pc.binary_join_element_wise(block["lead"], block["body"], newline)))


_MAY_BE_CAPITAL = np.zeros(256, dtype=bool)  # ASCII capitals, and the first bytes of letters that may be capitals
_MAY_BE_CAPITAL[[*range(65, 91), *range(0xC3, 0xE2)]] = True
_INSIDE = np.zeros(256, dtype=bool)  # bytes that may stand before the blank in mid-sentence
_INSIDE[[*range(48, 58), *range(65, 91), *range(97, 123), *b",)&-"]] = True
_INSIDE[128:] = True
_LETTER = np.zeros(256, dtype=bool)
_LETTER[[*range(48, 58), *range(65, 91), *range(97, 123), 95]] = True
_LETTER[128:] = True
_IS_CAPITAL = np.array([chr(point).isupper() for point in range(0x2000)])


def _blank_all_but_names(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Replace everything but names by blanks; the texts keep their lengths in bytes."""
    data, offsets = text_buffers(texts)
    if len(data) < 3:
        return pa.array([""] * len(texts), pa.large_string())
    is_letter = _LETTER[data]
    begins_word = is_letter.copy()
    begins_word[1:] &= ~is_letter[:-1]
    word = np.cumsum(begins_word)  # number of the word that a letter belongs to
    is_name = np.zeros(word[-1] + 1, dtype=bool)
    is_name[word[_begins_name(data, offsets)]] = True
    names = np.where(is_letter & is_name[word], data, np.uint8(32))
    return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(names))


def _begins_name(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the bytes of texts that begin a word with a capital in mid-sentence."""
    begins = np.zeros(len(data), dtype=bool)
    begins[2:] = _MAY_BE_CAPITAL[data[2:]] & (data[1:-1] == 32) & _INSIDE[data[:-2]]
    _unmark_small_letters(data, begins)
    # What stands before the first two bytes of a text belongs to another text.
    for first in (offsets[:-1], offsets[:-1] + 1):
        begins[first[first < len(data)]] = False
    return begins


def _unmark_small_letters(data: NDArray[np.uint8], begins: NDArray[np.bool_]) -> None:
    """Keep only capitals among the marked letters beyond ASCII."""
    beyond = np.flatnonzero(begins)
    beyond = beyond[data[beyond] >= 0xC3]
    begins[beyond] = False
    two_bytes = beyond[data[beyond] < 0xE0]
    three_bytes = beyond[data[beyond] == 0xE1]  # up to U+1FFF: Vietnamese, ancient Greek
    for first, point in (
        (two_bytes, (data[two_bytes] & 0x1F).astype(np.int64) << 6 | data[two_bytes + 1] & 0x3F),
        (
            three_bytes,
            0x1000 | (data[three_bytes + 1] & 0x3F).astype(np.int64) << 6 | data[three_bytes + 2] & 0x3F,
        ),
    ):
        begins[first[_IS_CAPITAL[point]]] = True
