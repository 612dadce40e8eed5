"""Which stories are one text: bodies that repeat another, and headlines that differ by a label."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles import loops
from recommender.articles.columns import text_buffers
from recommender.articles.headlines import Headlines

BLOCK = 8_192  # texts read together
_LEAST_ENDS = 1 << 10
_APART = pa.scalar("\n", pa.large_string())


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
        Hashes of some shingles of every text, one text after the other: of a shingle either in all texts or in none of
        their length.
    """

    words: NDArray[np.int32]
    digest: NDArray[np.uint64]
    plain: NDArray[np.int32]
    skeleton: NDArray[np.uint64]
    sampled: NDArray[np.int32]
    sample: NDArray[np.uint32]

    @classmethod
    def of(cls, texts: pa.Array, block: int = BLOCK) -> Marks:
        """Compute the marks of a large_string array of n texts, `block` of them at a time.

        Examples
        --------
        >>> marks = Marks.of(pa.array(["The ferry ran aground.", "THE FERRY ran aground", ""], pa.large_string()))
        >>> marks.words.tolist(), bool(marks.digest[0] == marks.digest[1])
        ([4, 4, 0], True)
        """
        data, offset = text_buffers(texts)
        size = len(texts)
        words, plain, sampled = (np.zeros(size, dtype=np.int32) for _ in range(3))
        digest, skeleton = (np.zeros(size, dtype=np.uint64) for _ in range(2))
        samples: list[NDArray[np.uint32]] = [np.empty(0, dtype=np.uint32)]
        room = np.empty((min(size, block), loops.MOST_SAMPLED), dtype=np.uint32)
        for start in range(0, size, block):
            part = slice(start, min(start + block, size))
            count = part.stop - start
            found = (words[part], digest[part], plain[part], skeleton[part], sampled[part])
            loops.mark(count, data, offset[start : part.stop + 1], *found, room)
            samples.append(room[:count][np.arange(loops.MOST_SAMPLED) < sampled[part, None]])
        return cls(words, digest, plain, skeleton, sampled, np.concatenate(samples))

    @property
    def empty(self) -> NDArray[np.bool_]:
        """Which texts are empty, (n,)."""
        return np.asarray((self.words == 0) & (self.digest == 0), dtype=bool)

    @property
    def begin(self) -> NDArray[np.int64]:
        """Where each text's sample begins, and where the last one ends; (n + 1,)."""
        return np.concatenate([[0], np.cumsum(self.sampled, dtype=np.int64)])

    def beside(self, other: Marks) -> Marks:
        """Put the marks of other texts behind these."""
        both = {**self._asdict()}
        for name, more in other._asdict().items():
            both[name] = np.concatenate([both[name], more])
        return Marks.named(both)

    @classmethod
    def named(cls, columns: Mapping[str, NDArray[Any]]) -> Marks:
        """Make marks of columns by name."""
        return cls(**columns)


def repeated(texts: pa.Array, marks: Marks, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the text that each of some repeats: the place in `order` of the oldest, its own where it repeats none.

    A text repeats another that has the same words, or with which it shares four fifths of the shingles of the shorter
    of the two, if that has 40 words and half the length of the longer. Each is compared with those that repeat none,
    oldest first, so that no chain of small changes joins two texts that differ.

    Parameters
    ----------
    texts : pyarrow.Array of large_string, n texts
    marks : Marks
        Those of the texts.
    order : ndarray of int64, shape (m,)
        Rows that are compared, oldest first.

    Returns
    -------
    ndarray of int64, shape (m,)
    """
    _, first, inverse = np.unique(marks.digest[order], return_index=True, return_inverse=True)
    same = first[inverse]
    some = np.flatnonzero((same == np.arange(len(order))) & (marks.words[order] >= loops.LEAST_WORDS))
    leader = np.arange(len(order))
    leader[some] = some[_leaders(texts, marks, order[some])]
    return np.asarray(leader[same], dtype=np.int64)


def _leaders(texts: pa.Array, marks: Marks, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the place of the text that each of some different ones repeats, (m,)."""
    data, offset = text_buffers(texts)
    sizes = marks.sampled[rows].astype(np.int64)
    begin = np.concatenate([[0], np.cumsum(sizes)])
    sample = marks.sample[np.repeat(marks.begin[rows] - begin[:-1], sizes) + np.arange(begin[-1])]
    ends = max(_LEAST_ENDS, 1 << int(begin[-1]).bit_length())
    head = np.full(ends, -1, dtype=np.int32)
    after, holder = (np.full(len(sample), -1, dtype=np.int32) for _ in range(2))
    leader = np.arange(len(rows))
    loops.follow(len(rows), rows, data, offset, marks.words, begin, sample, head, after, holder, leader)
    return leader


def repeated_by(
    body: str, texts: Callable[[NDArray[np.int64]], pa.Array], marks: Marks, order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Find the text that a body from outside repeats, as `repeated` does where it is the last of all; (0,) or (1,).

    Parameters
    ----------
    texts : callable
        Gives the texts of some rows, a large_string array.
    marks : Marks
        Those of all texts, n.
    order : ndarray of int64, shape (m,)
        Rows of the texts that repeat none, oldest first.
    """
    one = pa.array([body], pa.large_string())
    own = Marks.of(one)
    alike = marks.digest[order] == own.digest[0]
    if own.sampled[0]:
        near = np.zeros(len(marks.words), dtype=bool)
        loops.resemble(len(near), marks.words, marks.begin, marks.sample, int(own.words[0]), own.sample, near)
        alike |= near[order]
    rows = order[alike]
    both = pa.concat_arrays([texts(rows), one])
    found = repeated(both, Marks.of(both), np.arange(len(both)))[-1]
    return np.asarray(rows[found : found + 1])


def text_groups(
    bodies: pa.Array, titles: pa.ChunkedArray, leads: pa.ChunkedArray, marks: Marks, order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Group some stories by their text, which is the body, or the headline and lead where there is none.

    Parameters
    ----------
    bodies, titles, leads : large_string, length n
    marks : Marks
        Those of the bodies.
    order : ndarray of int64, shape (m,)
        Rows that are compared, oldest first.

    Returns
    -------
    ndarray of int64, shape (n,)
        The oldest row of each group; of rows that are not compared their own.
    """
    group = np.arange(len(bodies))
    bare = pc.equal(bodies, "").to_numpy(zero_copy_only=False)[order]
    some = order[~bare]
    group[some] = some[repeated(bodies, marks, some)]
    some = order[bare]
    if len(some):
        titles, leads = (column.take(pa.array(some)).combine_chunks() for column in (titles, leads))
        keys = pc.binary_join_element_wise(Headlines.of(titles).keys, leads, _APART)
        _, first, inverse = np.unique(keys.dictionary_encode().indices, return_index=True, return_inverse=True)
        group[some] = some[first[inverse]]
    return group
