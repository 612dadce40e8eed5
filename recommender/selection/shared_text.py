"""Which texts share most of the shorter one, told by samples of both: wire copy that was cut, extended or edited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.articles.copies import Marks
from recommender.selection import shared_text_loops


class TextSamples(NamedTuple):
    """Lengths of some texts in words, (n,), and where the sample of each begins and ends among all sampled shingles."""

    words: NDArray[np.int32]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    shingles: NDArray[np.uint32]

    @classmethod
    def from_marks(cls, marks: Marks, offsets: NDArray[np.int64] | None = None) -> TextSamples:
        """Point to the samples that the marks of texts hold; `offsets` are those of the samples, if at hand."""
        offsets = marks.sample_offsets if offsets is None else offsets
        return cls(np.asarray(marks.words), offsets[:-1], offsets[1:], np.asarray(marks.sample))

    def take(self, rows: NDArray[np.int64]) -> TextSamples:
        """Return the samples of some texts."""
        return TextSamples(self.words[rows], self.begins[rows], self.ends[rows], self.shingles)


@dataclass(frozen=True, kw_only=True)
class SharedText:
    """Compare candidates with the stories of their lists, or with items of these, by samples of their texts.

    A pair counts if samples show that the longer text holds two fifths of the runs of four words of the shorter one,
    which has 40 words and at least an eighth of the length: about half of the runs sampled, and more of few.

    Attributes
    ----------
    rows : ndarray of int64, shape (q, c)
        Catalog rows of the candidates; -1 = none.
    samples : TextSamples
        Of all rows of the catalog.
    signatures : ndarray of uint64, shape (q, c, words)
        Bits of the candidates' shingles, by which most pairs are told apart.
    """

    rows: NDArray[np.int64]
    samples: TextSamples
    signatures: NDArray[np.uint64]

    @classmethod
    def of_candidates(cls, rows: NDArray[np.int64], samples: TextSamples) -> SharedText:
        """Prepare the comparisons of candidates, (q, c)."""
        rows = np.ascontiguousarray(rows)
        return cls(rows=rows, samples=samples, signatures=_signatures(rows, samples))

    def with_stories(self, stories: TextSamples, is_open: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Mark the open candidates, (q, c), that share most of a text with their story, (q,)."""
        others = np.arange(len(self.rows))
        return self._compare(others, stories, _signatures(others[:, None], stories)[:, 0], is_open)

    def with_items(self, columns: NDArray[np.int64], is_open: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Mark the open candidates that share most of a text with that in a column of each list, (q,); -1 = none."""
        stories = np.arange(len(self.rows))
        others = np.where(columns >= 0, self.rows[stories, columns], -1)
        return self._compare(others, self.samples, self.signatures[stories, columns], is_open)

    def _compare(
        self,
        others: NDArray[np.int64],
        other_samples: TextSamples,
        other_signatures: NDArray[np.uint64],
        is_open: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        is_shared = np.empty(self.rows.shape, dtype=bool)
        shared_text_loops.mask_shared_texts(
            len(others),
            others,
            tuple(other_samples),
            other_signatures,
            self.rows,
            tuple(self.samples),
            self.signatures,
            is_open,
            is_shared,
        )
        return is_shared


def _signatures(rows: NDArray[np.int64], samples: TextSamples) -> NDArray[np.uint64]:
    signatures = np.empty((*rows.shape, shared_text_loops.WORDS), dtype=np.uint64)
    shared_text_loops.sign_samples(len(rows), rows, tuple(samples), signatures)
    return signatures
