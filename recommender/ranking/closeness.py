"""Closeness: whether most readers would follow from one story to another, told by two cosines alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Odds:
    """Tell whether most readers would follow, by the log odds `base + words * lexical + meaning * dense`.

    Attributes
    ----------
    base, words, meaning : float
    least : float
        Probability from which on a pair is close.
    """

    base: float
    words: float
    meaning: float
    least: float

    def __post_init__(self) -> None:
        numbers = np.array([self.base, self.words, self.meaning, self.least])
        if not np.isfinite(numbers).all() or min(self.words, self.meaning) < 0 or not 0 < self.least < 1:
            raise ValueError(f"odds of {numbers} are beyond reason")

    def close(self, lexical: NDArray[np.float32], dense: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Tell which pairs are close, by their cosines of words and of vectors, of any shape."""
        odds = self.base + self.words * lexical.astype(np.float64) + self.meaning * dense.astype(np.float64)
        return np.asarray(odds >= np.log(self.least / (1 - self.least)))


@dataclass(frozen=True, kw_only=True)
class Closeness:
    """Tell which pairs are close enough to be called related.

    The probability of a link tells the best candidate of a story from its others. It says little of whether even the
    best is about the same thing, since somebody is always first. Two cosines, which do not depend on what else a story
    could have, tell that better. They are weighed by a logistic regression of the votes of judges who were shown pairs
    of stories (`python -m benchmarks.learn_default`); how they agree with readers of lists tells
    `python -m benchmarks.closeness`.

    Attributes
    ----------
    words : Odds
        Of a pair without a cosine of vectors.
    both : Odds or None
        Of a pair with one; None = vectors of an embedder that no votes are known for do not count.

    Examples
    --------
    >>> closeness = Closeness(words=Odds(base=-4.0, words=45.0, meaning=0.0, least=0.9), both=None)
    >>> closeness.close(np.array([0.05, 0.3], np.float32), np.array([np.nan, np.nan], np.float32))
    array([False,  True])
    """

    words: Odds
    both: Odds | None

    def close(self, lexical: NDArray[np.float32], dense: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Tell which pairs are close, by their cosines of words and of vectors (NaN = none), of any shape."""
        by_words = self.words.close(lexical, np.zeros_like(lexical))
        if self.both is None:
            return by_words
        missing = np.isnan(dense)
        return np.where(missing, by_words, self.both.close(lexical, np.where(missing, np.float32(0), dense)))

    def to_json(self) -> dict[str, Any]:
        """Tell the numbers as plain data."""
        return asdict(self)

    @classmethod
    def of(cls, held: Mapping[str, Any]) -> Self:
        """Read what `to_json` told."""
        words, both = (None if one is None else Odds(**one) for one in (held["words"], held["both"]))
        if words is None:
            raise ValueError("closeness says nothing of words")
        return cls(words=words, both=both)
