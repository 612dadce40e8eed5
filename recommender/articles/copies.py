"""Find copies: bodies that repeat another body, and headlines that differ by a label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles import holder_loops, loops
from recommender.articles.columns import as_array, text_buffers
from recommender.articles.headlines import Headlines

BLOCK = 8_192  # texts read together
_SEPARATOR = pa.scalar("\n", pa.large_string())
_TOLD_APART = 1 << 20  # shingles that are told apart at first


class Marks(NamedTuple):
    """Digests and samples of bodies, by which copies are found without reading the bodies again."""

    words: NDArray[np.int32]  # (n,); number of words
    digest: NDArray[np.uint64]  # (n,); of the words in their order
    plain: NDArray[np.int32]  # (n,); number of words that are neither names nor figures
    skeleton: NDArray[np.uint64]  # (n,); of the words in their order, with every run of names and figures as one
    sampled: NDArray[np.int32]  # (n,); size of the sample; 0 of a text that is too short to compare
    # (m,); hashes of some shingles of every text, one text after the other. Texts of similar length sample the same
    # shingles
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

    def take(self, rows: NDArray[np.int64]) -> Marks:
        """Return the marks of the texts at some rows."""
        sampled, offsets = self.sampled[rows], self.sample_offsets[rows]
        ends = np.cumsum(sampled, dtype=np.int64)
        entry = np.arange(int(ends[-1]) if len(rows) else 0) + np.repeat(offsets - ends + sampled, sampled)
        columns = {name: column[rows] for name, column in self._asdict().items() if name != "sample"}
        return Marks(**columns, sample=self.sample[entry])

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
    """
    first_equal, compared = _distinct(marks, order)
    leader = np.arange(len(order))
    leader[compared] = compared[_leaders(texts, marks, order[compared])]
    return np.asarray(leader[first_equal], dtype=np.int64)


def oldest_copies_again(
    texts: Callable[[NDArray[np.int64]], pa.Array], marks: Marks, order: NDArray[np.int64], known: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Find what `oldest_copies` does, of which the first results are known: later texts cannot change them.

    Only a few of the earlier texts are looked at.

    Parameters
    ----------
    texts : callable
        Returns the texts of rows, a large_string array.
    marks : Marks
        Marks of all texts.
    order : ndarray of int64, shape (m,)
    known : ndarray of int64
        The first results.
    """
    first_equal, compared = _distinct(marks, order)
    leader = np.arange(len(order))
    leader[: len(known)] = known
    old, new = compared[compared < len(known)], compared[compared >= len(known)]
    old = old[known[old] == old]
    old = old[_mask_first_holders(marks, order[old], marks.take(order[new]).sample)]
    both = np.concatenate([old, new])
    found = _leaders(texts(order[both]), marks.take(order[both]), np.arange(len(both)), len(old))
    leader[new] = both[found[len(old) :]]
    return np.asarray(leader[first_equal], dtype=np.int64)


def _distinct(marks: Marks, order: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first text with the same words as each, (m,), and the different texts that are long enough."""
    _, first, inverse = np.unique(marks.digest[order], return_index=True, return_inverse=True)
    first_equal = first[inverse]
    is_distinct = first_equal == np.arange(len(order))
    return first_equal, np.flatnonzero(is_distinct & (marks.words[order] >= loops.LEAST_WORDS))


def _leaders(texts: pa.Array, marks: Marks, rows: NDArray[np.int64], n_leaders: int = 0) -> NDArray[np.int64]:
    """Find the oldest of different texts that each one nearly repeats, as an index into `rows`, (m,)."""
    data, offsets = text_buffers(texts)
    leader = np.arange(len(rows))
    samples = marks.sample_offsets, marks.sample
    loops.find_leaders(len(rows), n_leaders, rows, data, offsets, marks.words, *samples, leader)
    return leader


def _mask_first_holders(marks: Marks, leaders: NDArray[np.int64], shingles: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Mark the leaders, oldest first, that are among the first with one of the shingles of new texts.

    New texts are compared with no others. Which other shingles of these leaders are crowded does not matter: those
    that a new text has as well are counted, and where these do not suffice, the samples tell the two texts apart.
    """
    may_be_wanted = np.zeros(_TOLD_APART, dtype=bool)
    may_be_wanted[shingles & (_TOLD_APART - 1)] = True
    entry = np.flatnonzero(may_be_wanted[marks.sample & (_TOLD_APART - 1)])
    entry = entry[np.isin(marks.sample[entry], shingles)]
    age = np.full(len(marks.words), -1)
    age[leaders] = np.arange(len(leaders))
    age = age[np.searchsorted(marks.sample_offsets, entry, side="right") - 1]
    shingle, age = marks.sample[entry[age >= 0]], age[age >= 0]
    by_age = np.lexsort((age, shingle))
    shingle, age = shingle[by_age], age[by_age]
    is_first = np.arange(len(age)) - np.searchsorted(shingle, shingle) < loops.MOST_HOLDERS
    is_holder = np.zeros(len(leaders), dtype=bool)
    is_holder[age[is_first]] = True
    return is_holder


@dataclass(frozen=True, eq=False)
class Originals:
    """Texts that repeat no older one, and which of them sampled each shingle: for the copies of texts from outside."""

    marks: Marks  # of all texts, n
    rows: NDArray[np.int64]  # (m,); the originals among them, oldest first
    digest: NDArray[np.uint64]  # (m,)
    sample_offsets: NDArray[np.int64]  # (n + 1,)
    bucket_begin: NDArray[np.int64]  # (b + 1,); where the holders of the shingles of each bucket begin
    holder: NDArray[np.int32]  # (s,); index in `rows` of the text of each sampled shingle

    @classmethod
    def from_marks(cls, marks: Marks, sample_offsets: NDArray[np.int64], rows: NDArray[np.int64]) -> Originals:
        """Index the originals in some rows, oldest first."""
        n_sampled = int(marks.sampled[rows].sum())
        bucket_begin = np.zeros((1 << max(n_sampled // loops.BUCKET, 1).bit_length()) + 1, dtype=np.int64)
        samples = rows, sample_offsets, marks.sample
        holder_loops.count_shingles(len(rows), *samples, bucket_begin)
        np.cumsum(bucket_begin, out=bucket_begin)
        holder = np.empty(n_sampled, dtype=np.int32)
        holder_loops.hold_shingles(len(rows), *samples, bucket_begin[:-1].copy(), holder)
        return cls(marks, rows, marks.digest[rows], sample_offsets, bucket_begin, holder)

    def oldest_copy(self, body: str, texts: Callable[[NDArray[np.int64]], pa.Array]) -> NDArray[np.int64]:
        """Find the row of the text that a body from outside repeats, as `oldest_copies` does; (1,), or (0,) if none.

        `texts` returns the texts of rows, a large_string array.
        """
        story = pa.array([body], pa.large_string())
        rows = self._possible_copies(Marks.from_texts(story))
        if not len(rows):
            return rows
        compared = pa.concat_arrays([texts(rows), story])
        oldest = oldest_copies(compared, Marks.from_texts(compared), np.arange(len(compared)))[-1]
        return np.asarray(rows[oldest : oldest + 1])

    def _possible_copies(self, story: Marks) -> NDArray[np.int64]:
        """Find the rows of the texts that by their marks may be copies of a story, oldest first."""
        may_be_copy = self.digest == story.digest[0]
        if story.sampled[0]:
            texts = self.rows, self.marks.words, self.sample_offsets, self.marks.sample
            holders = self.bucket_begin, self.holder
            holder_loops.mark_holders(
                len(story.sample), *texts, *holders, int(story.words[0]), story.sample, may_be_copy
            )
        return np.asarray(self.rows[may_be_copy])


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
        titles, leads = (column.take(pa.array(without_body)) for column in (titles, leads))
        group[without_body] = without_body[_first_of_headline(titles, leads)]
    return group


def group_again_by_text(
    texts: Callable[[NDArray[np.int64]], pa.Table],
    marks: Marks,
    order: NDArray[np.int64],
    known: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Group stories as `group_by_text` does, where the groups of the first ones with a body are known, (n,).

    Parameters
    ----------
    texts : callable
        Returns title, lead and body of rows.
    marks : Marks
        Marks of the bodies of all n rows.
    order : ndarray of int64, shape (m,)
    known : ndarray of int64
        The groups of the first rows of `order`.
    """
    group = np.arange(len(marks.words))
    has_body = ~marks.is_empty[order]
    with_body, without_body = order[has_body], order[~has_body]
    place = np.full(len(group), -1)
    place[with_body] = np.arange(len(with_body))
    known = place[known[has_body[: len(known)]]]
    group[with_body] = with_body[
        oldest_copies_again(lambda rows: as_array(texts(rows)["body"]), marks, with_body, known)
    ]
    if len(without_body):
        cleaned = texts(without_body)
        group[without_body] = without_body[_first_of_headline(cleaned["title"], cleaned["lead"])]
    return group


def _first_of_headline(titles: pa.ChunkedArray, leads: pa.ChunkedArray) -> NDArray[np.int64]:
    """Find the first of the stories with the same headline and lead, (m,)."""
    headlines = Headlines.from_titles(titles.combine_chunks())
    keys = pc.binary_join_element_wise(headlines.keys, leads.combine_chunks(), _SEPARATOR)
    _, first, inverse = np.unique(keys.dictionary_encode().indices, return_index=True, return_inverse=True)
    return np.asarray(first[inverse])


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
