"""Closeness: whether most readers would follow from one story to another, by two cosines and the words they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Cosines = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Odds:
    """Log odds that most readers would follow: `base + words * lexical + title * titles + meaning * dense`."""

    base: float
    words: float
    meaning: float
    least: float  # probability from which on a pair is close
    title: float = 0.0  # default 0, as in files that were written before titles counted

    def __post_init__(self) -> None:
        numbers = np.array([self.base, self.words, self.title, self.meaning, self.least])
        if not np.isfinite(numbers).all() or min(self.words, self.title, self.meaning) < 0 or not 0 < self.least < 1:
            raise ValueError(f"odds of {numbers} are beyond reason")

    def excess(self, lexical: Cosines, titles: Cosines, dense: Cosines) -> NDArray[np.float64]:
        """Compute by how much the log odds of pairs exceed those of a close pair, from cosines of one shape."""
        odds = self.base + self.words * lexical.astype(np.float64) + self.meaning * dense.astype(np.float64)
        odds += self.title * titles.astype(np.float64)
        return np.asarray(odds - np.log(self.least / (1 - self.least)))


@dataclass(frozen=True, kw_only=True)
class Closeness:
    """Check which pairs are close enough to be called related.

    The probability of a link tells the best candidate of a story from its others. It says little of whether even the
    best is about the same thing, since some candidate is always first. Cosines, which do not depend on the other
    candidates, say that better. They are weighed by a logistic regression of the votes of judges who were shown pairs
    of stories (`python -m benchmarks.learn_default`); how they agree with readers of lists tells
    `python -m benchmarks.closeness`. Short texts that share little but the name of a place have high cosines too, so
    a pair that shares few terms must be closer, unless a link is likely.

    Examples
    --------
    >>> closeness = Closeness(words=Odds(base=-4.0, words=45.0, meaning=0.0, least=0.9), both=None, terms=10, few=4.0)
    >>> lexical, missing = np.array([0.05, 0.2, 0.2], np.float32), np.full(3, np.nan, np.float32)
    >>> closeness.is_close(lexical, missing, missing, np.array([12, 12, 1], np.float32), np.full(3, 0.1))
    array([False,  True, False])
    """

    words: Odds  # of a pair without a cosine of vectors
    both: Odds | None  # of a pair with one; None = vectors of an embedder that no votes are known for do not count
    terms: int = 0  # number of shared terms that is enough
    few: float = 0.0  # log odds that a pair loses which shares none; with more terms the loss falls evenly to 0
    likely: float = 1.0  # probability of a link from which on a pair loses nothing

    def __post_init__(self) -> None:
        if self.terms < 0 or not 0 <= self.few < np.inf or not 0 <= self.likely <= 1:
            raise ValueError(
                f"a loss of {self.few} for fewer than {self.terms} shared terms below {self.likely} is beyond reason"
            )

    def is_close(
        self,
        lexical: Cosines,
        titles: Cosines,
        dense: Cosines,
        shared: NDArray[np.float32],
        probability: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Check which pairs are close.

        Parameters
        ----------
        lexical, titles, dense : ndarray of float32, of one shape
            Cosine of the whole texts; sum of the cosines of each title with the other text; cosine of the vectors;
            NaN = none.
        shared : ndarray of float32, of the same shape
            Number of terms that both texts have.
        probability : ndarray of float64, of the same shape
            Of a link, as the ranker estimates it.
        """
        return self.margin(lexical, titles, dense) >= self.required_margin(shared, probability)

    def margin(self, lexical: Cosines, titles: Cosines, dense: Cosines) -> NDArray[np.float64]:
        """Compute by how much the log odds of pairs exceed those of a close pair that shares enough terms."""
        lexical, titles = np.nan_to_num(lexical), np.nan_to_num(titles)
        by_words = self.words.excess(lexical, titles, np.zeros_like(lexical))
        if self.both is None:
            return by_words
        by_both = self.both.excess(lexical, titles, np.nan_to_num(dense))
        return np.asarray(np.where(np.isnan(dense), by_words, by_both))

    def required_margin(self, shared: NDArray[np.float32], probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute the margin that makes a pair close: 0 where it shares enough terms or a link is likely."""
        loss = self.few * np.maximum(1 - shared / max(self.terms, 1), 0)
        return np.asarray(np.where((probability >= self.likely) | (not self.terms), 0, loss))

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned; files of earlier versions lack titles and shared terms."""
        words, both = (None if odds is None else Odds(**odds) for odds in (content["words"], content["both"]))
        if words is None:
            raise ValueError("closeness says nothing of words")
        few, likely = float(content.get("few", 0.0)), float(content.get("likely", 1.0))
        return cls(words=words, both=both, terms=int(content.get("terms", 0)), few=few, likely=likely)
