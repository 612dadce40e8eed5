"""Measures of judged relevance, which are read from text and printed."""

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
    "P": "share of the first k places with a relevant item; empty places count as misses",
    "R": "share of the relevant items in the first k places",
    "Success": "whether a relevant item is in the first k places",
    "SetF": "harmonic mean of precision and recall of all that is shown: bad items cost (van Rijsbergen 1979)",
    "Judged": "share of the shown items among the first k that were judged",
    "AUC": "probability that a relevant pair scores above one that is not; ties half (Hanley & McNeil 1982)",
    "Spearman": "rank correlation of score and grade",
    "Pearson": "linear correlation of score and grade",
}
PAIRS = ("AUC", "Spearman", "Pearson")
_CUT = ("nDCG", "P", "R", "Success", "Judged")  # measures that may have a cut-off
_BINARY = ("AP", "RR", "P", "R", "Success", "SetF")


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure with its cut-off, such as nDCG@5.

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
        """Read a measure from its printed form, such as 'nDCG@5'; case does not matter.

        Raises
        ------
        SettingsError
            If there is no such measure, or it needs a cut-off or cannot have one.
        """
        match = re.fullmatch(r"\s*([A-Za-z]+)(?:@([1-9]\d*))?\s*", text)
        names = {name.casefold(): name for name in MEANINGS}
        if not match or match[1].casefold() not in names:
            raise SettingsError(f"unknown measure {text!r}; expected one of {', '.join(MEANINGS)}, such as nDCG@5")
        measure = cls(names[match[1].casefold()], int(match[2]) if match[2] else None)
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
        """The meaning of the measure in one line, with its source."""
        return MEANINGS[self.name]

    def in_ir_measures(self, relevant: int) -> Any:
        """Return the measure of `ir_measures`; `relevant` is the least integer grade of a relevant item."""
        import ir_measures

        measure = getattr(ir_measures, self.name)
        if self.name in _BINARY:
            measure = measure(rel=relevant)
        return measure if self.cutoff is None else measure @ self.cutoff


def integer_grades(grades: NDArray[np.float64], relevant: float) -> tuple[NDArray[np.int64], int]:
    """Convert grades and threshold to integers in the same proportions, which leaves nDCG unchanged.

    Shares of a few judges become votes (.8333 -> 5 of 6); where no denominator up to 100 fits, grades become
    ten-thousandths of the greatest. The threshold is the least integer of a relevant grade.

    Examples
    --------
    >>> integer_grades(np.array([0.0, 0.1667, 0.5, 1.0]), 0.5)
    (array([0, 1, 3, 6]), 3)
    """
    top = grades.max(initial=0)
    scales = [float(n) for n in range(1, 101)] + [10_000 / top if top else 1.0]
    # Shares printed with four digits are off by .00005 each; small grades must not vanish.
    tolerance = min(6e-5, 2e-4 * top)
    errors = [np.abs(grades * scale - np.rint(grades * scale)).max(initial=0) for scale in scales]
    fitting = (scale for scale, error in zip(scales, errors, strict=True) if error <= tolerance * scale)
    integers = np.rint(grades * next(fitting, scales[-1])).astype(np.int64)
    threshold = integers[grades >= relevant].min(initial=integers.max(initial=0) + 1)
    return integers, max(int(threshold), 1)


def per_story(
    measures: Sequence[Measure],
    judgments: Judgments,
    stories: Sequence[str],
    rankings: Sequence[Sequence[str]],
    *,
    condensed: bool = False,
) -> dict[str, NDArray[np.float64]]:
    """Compute ranking measures of item ids, best first, one value per story, by directed judgments.

    An empty ranking counts 0. With `condensed`, unjudged items are removed from the rankings first (Sakai 2007). The
    value is NaN for a story without an item with a grade above 0 or, for binary measures, without a relevant one;
    Judged@k is NaN where nothing was shown.
    """
    import ir_measures

    grades, relevant = integer_grades(judgments.grades, judgments.relevant)
    qrels: dict[str, dict[str, int]] = {story: {} for story in stories}
    columns = (judgments.table["story"].to_pylist(), judgments.table["item"].to_pylist(), grades.tolist())
    for story, item, grade in zip(*columns, strict=True):
        if story in qrels:
            qrels[story][item] = grade
    run: dict[str, dict[str, float]] = {}
    for story, items in zip(stories, rankings, strict=True):
        known = qrels[story]
        if story in judgments.complete:
            known.update({item: 0 for item in items if item in judgments.complete and item not in known})
        kept = [item for item in items if item in known] if condensed else items
        if kept:
            run[story] = {item: -float(rank) for rank, item in enumerate(kept)}
    rows = {story: row for row, story in enumerate(stories)}
    best = np.array([max(qrels[story].values(), default=0) for story in stories])
    by_library = {measure.in_ir_measures(relevant): measure for measure in measures}
    judged = {story: known for story, known in qrels.items() if known}
    values = {str(measure): np.zeros(len(stories)) for measure in measures}
    if run:
        for metric in ir_measures.iter_calc(list(by_library), judged, run):
            values[str(by_library[metric.measure])][rows[metric.query_id]] = metric.value
    is_unanswered = np.array([story not in run for story in stories], dtype=bool)
    for measure in measures:
        threshold = relevant if measure.name in _BINARY else 1
        values[str(measure)][is_unanswered if measure.name == "Judged" else best < threshold] = np.nan
    return values
