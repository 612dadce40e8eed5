"""Find copies: bodies that repeat another body, and headlines that differ by a label."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles import loops
from recommender.articles.columns import as_array, text_buffers
from recommender.articles.headlines import Headlines

BLOCK = 8_192  # texts read together
_SEPARATOR = pa.scalar("\n", pa.large_string())


class Marks(NamedTuple):
    """Digests and samples of bodies, by which copies are found without reading the bodies again.

    Attributes
    ----------
    words : ndarray of int32, shape (n,)
        Number of words.
    digest : ndarray of uint64, shape (n,)
        Of the words in their order.
    plain : ndarray of int32, shape (n,)
        Number of words that are neither names nor figures.
    skeleton : ndarray of uint64, shape (n,)
        Of the words in their order, with every run of names and figures as one.
    sampled : ndarray of int32, shape (n,)
        Size of the sample; 0 of a text that is too short to compare.
    sample : ndarray of uint32, shape (m,)
        Hashes of some shingles of every text, one text after the other. Texts of similar length sample the same
        shingles.
    """

    words: NDArray[np.int32]
    digest: NDArray[np.uint64]
    plain: NDArray[np.int32]
    skeleton: NDArray[np.uint64]
    sampled: NDArray[np.int32]
    sample: NDArray[np.uint32]

    @classmethod
    def from_texts(cls, texts: pa.Array, block: int = BLOCK) -> Marks:
        """Compute the marks of a large_string array of n texts, `block` of them at a time.

        Examples
        --------
        >>> texts = ["The ferry ran aground.", "THE FERRY ran aground", ""]
        >>> marks = Marks.from_texts(pa.array(texts, pa.large_string()))
        >>> marks.words.tolist(), bool(marks.digest[0] == marks.digest[1])
        ([4, 4, 0], True)
        """
        data, offsets = text_buffers(texts)
        n_texts = len(texts)
        words, plain, sampled = (np.zeros(n_texts, dtype=np.int32) for _ in range(3))
        digest, skeleton = (np.zeros(n_texts, dtype=np.uint64) for _ in range(2))
        samples: list[NDArray[np.uint32]] = [np.empty(0, dtype=np.uint32)]
        padded = np.empty((min(n_texts, block), loops.MOST_SAMPLED), dtype=np.uint32)
        for start in range(0, n_texts, block):
            part = slice(start, min(start + block, n_texts))
            count = part.stop - start
            out = (words[part], digest[part], plain[part], skeleton[part], sampled[part])
            loops.mark(count, data, offsets[start : part.stop + 1], *out, padded)
            samples.append(padded[:count][np.arange(loops.MOST_SAMPLED) < sampled[part, None]])
        return cls(words, digest, plain, skeleton, sampled, np.concatenate(samples))

    @property
    def is_empty(self) -> NDArray[np.bool_]:
        """Texts that are empty, (n,)."""
        return np.asarray((self.words == 0) & (self.digest == 0), dtype=bool)

    @property
    def sample_offsets(self) -> NDArray[np.int64]:
        """Where each text's sample begins in `sample`, and the end of the last one, (n + 1,)."""
        return np.concatenate([[0], np.cumsum(self.sampled, dtype=np.int64)])

    def append(self, other: Marks) -> Marks:
        """Append the marks of further texts."""
        columns = other._asdict()
        return Marks(**{name: np.concatenate([column, columns[name]]) for name, column in self._asdict().items()})


def oldest_copies(texts: pa.Array, marks: Marks, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the oldest text that each text repeats, as an index into `order`; its own where it repeats none.

    A text repeats another that has the same words, or with which it shares four fifths of the shingles of the shorter
    text, if that has 40 words and half the length of the longer one. Each is compared with those that repeat none,
    oldest first, so that no chain of small changes joins two texts that differ.

    Parameters
    ----------
    texts : pyarrow.Array of large_string, n texts
    marks : Marks
        Marks of the texts.
    order : ndarray of int64, shape (m,)
        Rows that are compared, oldest first.

    Returns
    -------
    ndarray of int64, shape (m,)
    """
    _, first, inverse = np.unique(marks.digest[order], return_index=True, return_inverse=True)
    first_equal = first[inverse]
    is_distinct = first_equal == np.arange(len(order))
    compared = np.flatnonzero(is_distinct & (marks.words[order] >= loops.LEAST_WORDS))
    leader = np.arange(len(order))
    leader[compared] = compared[_leaders(texts, marks, order[compared])]
    return np.asarray(leader[first_equal], dtype=np.int64)


def _leaders(texts: pa.Array, marks: Marks, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the oldest of different texts that each one nearly repeats, as an index into `rows`, (m,)."""
    data, offsets = text_buffers(texts)
    leader = np.arange(len(rows))
    loops.find_leaders(len(rows), rows, data, offsets, marks.words, marks.sample_offsets, marks.sample, leader)
    return leader


def oldest_copy(
    body: str, texts: Callable[[NDArray[np.int64]], pa.Array], marks: Marks, order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Find the row of the text that a body from outside repeats, as `oldest_copies` does; (1,), or (0,) if none.

    Parameters
    ----------
    texts : callable
        Returns the texts of rows, a large_string array.
    marks : Marks
        Marks of all texts, n.
    order : ndarray of int64, shape (m,)
        Rows of the texts that repeat none, oldest first.
    """
    story = pa.array([body], pa.large_string())
    story_marks = Marks.from_texts(story)
    may_match = marks.digest[order] == story_marks.digest[0]
    if story_marks.sampled[0]:
        may_be_copy = np.zeros(len(marks.words), dtype=bool)
        samples = marks.sample_offsets, marks.sample
        n_words = int(story_marks.words[0])
        loops.mark_candidates(len(may_be_copy), marks.words, *samples, n_words, story_marks.sample, may_be_copy)
        may_match |= may_be_copy[order]
    rows = order[may_match]
    compared = pa.concat_arrays([texts(rows), story])
    oldest = oldest_copies(compared, Marks.from_texts(compared), np.arange(len(compared)))[-1]
    return np.asarray(rows[oldest : oldest + 1])


def group_by_text(
    bodies: pa.Array, titles: pa.ChunkedArray, leads: pa.ChunkedArray, marks: Marks, order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Group stories by their text, which is the body, or the headline and lead where there is none.

    Parameters
    ----------
    bodies, titles, leads : large_string, length n
    marks : Marks
        Marks of the bodies.
    order : ndarray of int64, shape (m,)
        Rows that are compared, oldest first.

    Returns
    -------
    ndarray of int64, shape (n,)
        The oldest row of each row's group; a row that is not compared has a group of its own.
    """
    group = np.arange(len(bodies))
    has_no_body = pc.equal(bodies, "").to_numpy(zero_copy_only=False)[order]
    with_body, without_body = order[~has_no_body], order[has_no_body]
    group[with_body] = with_body[oldest_copies(bodies, marks, with_body)]
    if len(without_body):
        titles, leads = (column.take(pa.array(without_body)).combine_chunks() for column in (titles, leads))
        keys = pc.binary_join_element_wise(Headlines.from_titles(titles).keys, leads, _SEPARATOR)
        _, first, inverse = np.unique(keys.dictionary_encode().indices, return_index=True, return_inverse=True)
        group[without_body] = without_body[first[inverse]]
    return group


def headline_digests(titles: pa.ChunkedArray | pa.Array) -> NDArray[np.int64]:
    """Compute a digest of each headline, (n,): equal where the words are; -1 = no headline.

    Examples
    --------
    >>> first, second, none = headline_digests(pa.array(["Ferry runs aground", "FERRY RUNS AGROUND!", None]))
    >>> bool(first == second), int(none)
    (True, -1)
    """
    marks = Marks.from_texts(pc.fill_null(as_array(titles).cast(pa.large_string()), ""))
    return np.where(marks.is_empty, -1, (marks.digest >> np.uint64(1)).astype(np.int64))
