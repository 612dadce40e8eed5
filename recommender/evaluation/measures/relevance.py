"""Measures of judged relevance, as values that parse and print."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from recommender.errors import SettingsError
from recommender.evaluation.data.judgments import Judgments

MEANINGS = {
    "nDCG": "gains of the grades / log2(1 + rank), over those of the best list (Järvelin & Kekäläinen 2002)",
    "AP": "average precision: mean of the precision at each relevant item (Buckley & Voorhees 2000)",
    "RR": "reciprocal rank of the first relevant item (Voorhees 1999)",
    "P": "share of the first k places that hold a relevant item; empty places count as misses",
    "R": "share of the relevant items that the first k places hold",
    "Success": "whether the first k places hold a relevant item",
    "SetF": "harmonic mean of precision and recall of all that is shown: bad items cost (van Rijsbergen 1979)",
    "Judged": "share of the shown items among the first k that were judged",
    "AUC": "probability that a relevant pair scores above one that is not; ties half (Hanley & McNeil 1982)",
    "Spearman": "rank correlation of score and grade",
    "Pearson": "linear correlation of score and grade",
}
PAIRS = ("AUC", "Spearman", "Pearson")
_CUT = ("nDCG", "P", "R", "Success", "Judged")  # need a cut-off, or may have one
_BINARY = ("AP", "RR", "P", "R", "Success", "SetF")


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure with its cut, such as nDCG@5.

    Attributes
    ----------
    name : str
        A key of `MEANINGS`.
    cutoff : int or None
        Places that count; None = all.

    Examples
    --------
    >>> Measure.parse("nDCG@5"), str(Measure("R", 10)), Measure.parse("ap")
    (Measure(name='nDCG', cutoff=5), 'R@10', Measure(name='AP', cutoff=None))
    """

    name: str
    cutoff: int | None = None

    @classmethod
    def parse(cls, text: str) -> Measure:
        """Read a measure in its printed form, such as 'nDCG@5'; case does not matter.

        Raises
        ------
        SettingsError
            If there is no such measure, or it needs a cut-off or cannot have one.
        """
        found = re.fullmatch(r"\s*([A-Za-z]+)(?:@([1-9]\d*))?\s*", text)
        names = {name.casefold(): name for name in MEANINGS}
        if not found or found[1].casefold() not in names:
            raise SettingsError(f"unknown measure {text!r}; expected one of {', '.join(MEANINGS)}, such as nDCG@5")
        measure = cls(names[found[1].casefold()], int(found[2]) if found[2] else None)
        if measure.cutoff is None and measure.name in ("P", "R", "Success", "Judged"):
            raise SettingsError(f"measure {text!r} needs a cut-off, such as {measure.name}@5")
        if measure.cutoff is not None and measure.name not in _CUT:
            raise SettingsError(f"measure {measure.name} has no cut-off; given {text!r}")
        return measure

    def __str__(self) -> str:
        return self.name if self.cutoff is None else f"{self.name}@{self.cutoff}"

    @property
    def part(self) -> Literal["pairs", "ranking"]:
        """Whether the measure looks at scores of pairs or at rankings."""
        return "pairs" if self.name in PAIRS else "ranking"

    @property
    def meaning(self) -> str:
        """What the measure says, in one line, with its source."""
        return MEANINGS[self.name]

    def in_ir_measures(self, relevant: int) -> Any:
        """Find the measure of `ir_measures`; `relevant` is the least integer grade of a relevant item."""
        import ir_measures

        one = getattr(ir_measures, self.name)
        one = one(rel=relevant) if self.name in _BINARY else one
        return one if self.cutoff is None else one @ self.cutoff


def integer_grades(grades: NDArray[np.float64], relevant: float) -> tuple[NDArray[np.int64], int]:
    """Convert grades and threshold to integers in the same proportions, which is what nDCG goes by.

    Shares of a few judges become votes (.8333 -> 5 of 6); where no denominator up to 100 fits, ten-thousandths of
    the greatest grade. The threshold is the least integer of a relevant grade.

    Examples
    --------
    >>> integer_grades(np.array([0.0, 0.1667, 0.5, 1.0]), 0.5)
    (array([0, 1, 3, 6]), 3)
    """
    top = grades.max(initial=0)
    scales = [float(n) for n in range(1, 101)] + [10_000 / top if top else 1.0]
    # shares printed with four digits are off by .00005 each; small grades must not vanish
    off = min(6e-5, 2e-4 * top)
    distance = [np.abs(grades * scale - np.rint(grades * scale)).max(initial=0) for scale in scales]
    scale = next((one for one, far in zip(scales, distance, strict=True) if far <= off * one), scales[-1])
    whole = np.rint(grades * scale).astype(np.int64)
    least = whole[grades >= relevant].min(initial=whole.max(initial=0) + 1)
    return whole, max(int(least), 1)


def per_story(
    measures: Sequence[Measure],
    judgments: Judgments,
    stories: Sequence[str],
    rankings: Sequence[Sequence[str]],
    *,
    condensed: bool = False,
) -> dict[str, NDArray[np.float64]]:
    """Compute ranking measures, one value per story.

    Parameters
    ----------
    measures : sequence of Measure
    judgments : Judgments
        Directed.
    stories : sequence of str, length q
    rankings : sequence of sequences of str, length q
        Item ids, best first; an empty one counts 0.
    condensed : bool, default False
        Take unjudged items out of the rankings first (Sakai 2007).

    Returns
    -------
    dict of str to ndarray of float64, shape (q,)
        By the printed form of the measure. NaN where a story has no item with a grade above 0, or, for measures that
        know only yes and no, none that is relevant; Judged@k is NaN where nothing was shown.
    """
    import ir_measures

    grades, relevant = integer_grades(judgments.grades, judgments.relevant)
    qrels: dict[str, dict[str, int]] = {story: {} for story in stories}
    columns = (judgments.table["story"].to_pylist(), judgments.table["item"].to_pylist(), grades.tolist())
    for story, item, value in zip(*columns, strict=True):
        if story in qrels:
            qrels[story][item] = value
    run: dict[str, dict[str, float]] = {}
    for story, items in zip(stories, rankings, strict=True):
        known = qrels[story]
        if story in judgments.complete:
            known.update({item: 0 for item in items if item in judgments.complete and item not in known})
        kept = [item for item in items if item in known] if condensed else items
        if kept:
            run[story] = {item: -float(rank) for rank, item in enumerate(kept)}
    place = {story: row for row, story in enumerate(stories)}
    best = np.array([max(qrels[story].values(), default=0) for story in stories])
    theirs = {measure.in_ir_measures(relevant): measure for measure in measures}
    judged = {story: known for story, known in qrels.items() if known}
    found = {str(measure): np.zeros(len(stories)) for measure in measures}
    if run:
        for metric in ir_measures.iter_calc(list(theirs), judged, run):
            found[str(theirs[metric.measure])][place[metric.query_id]] = metric.value
    unanswered = np.array([story not in run for story in stories], dtype=bool)
    for measure in measures:
        least = relevant if measure.name in _BINARY else 1
        found[str(measure)][unanswered if measure.name == "Judged" else best < least] = np.nan
    return found
