"""Evaluations in words: verdicts, alarms, the reliability of figures, and figures as text."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recommender.evaluation.measures.distinct import DISTINCT
from recommender.evaluation.results import TRAINED_HERE, Comparison, Evaluation, Part, SystemResult, Training
from recommender.statistics import Estimate, short

MARKS = {
    "better": "▲",
    "worse": "▼",
    "no loss": "≈",
    "identical": "=",
    "undecided": "?",
    "not shown": "",
    TRAINED_HERE: "†",
}
LEGEND = {
    "▲": "better than the baseline",
    "▼": "worse",
    "≈": "no loss: a loss of more than .005 lies outside the 95 % interval",
    "=": "the same for every story",
    "?": "undecided, because the shares of judged items differ too much",
    "†": "no verdict: one of the two was trained on this set",
    "no mark": "no difference shown, which is not the same as no difference",
}
PARTS: dict[Part, tuple[str, str]] = {
    "relevance": ("Relevance before selection", "of the ranking"),
    "list": ("Quality of the final list", "of the list"),
    "pairs": ("Scores of judged pairs", "of judged pairs"),
    "replay": ("Lists of the click log, reordered", "of reordered lists"),
}
PROTOCOLS = {
    "archive": "every list draws on the whole archive, so an item may be newer than its story.",
    "at_publication": "each list is made as of its story's publication, from what was out by then.",
    "undated": "the set has no times, so freshness and age play no part.",
}
TRAININGS: dict[Training, str] = {
    "left out": "its ranker was trained elsewhere and never saw this newsroom.",
    "cross-validated": "its ranker was trained on this set's own links, those of each story's group left out.",
    "chronological": "its ranker was trained on the links of older stories and is measured on newer ones.",
    TRAINED_HERE: "its ranker learned these links by heart, so its figures flatter it and it gets no verdict.",
}


def verdicts(evaluation: Evaluation) -> list[str]:
    """Return the sentences that compare each system with the baseline, before selection and in its lists."""
    return [sentence for _, sentence in marked_verdicts(evaluation)]


def marked_verdicts(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return the verdicts on each system with their sentences: before selection, headline, distinct nDCG."""
    part, measure = evaluation.headline
    comparisons = against_baseline(evaluation)
    marked = []
    for result in evaluation.systems:
        before_selection = comparisons.get(("relevance", measure, result.system))
        comparison = comparisons.get((part, measure, result.system))
        distinct = comparisons.get((part, f"{DISTINCT}@{evaluation.k}", result.system)) if comparison else None
        shown = {id(each): each for each in (before_selection, comparison, distinct) if each}
        marked += [(each.verdict, verdict(evaluation, each)) for each in shown.values()]
        if comparison:
            marked += [("not shown", sentence) for sentence in _repeats(evaluation, result)]
        elif result.system != evaluation.baseline or len(evaluation.systems) == 1:
            figure = f"{headline_name(evaluation)} {figure_of(result, part, measure)}"
            marked.append(("not shown", f"{with_training(result)} on {evaluation.name}: {figure}, not compared."))
    return marked


def verdict(evaluation: Evaluation, comparison: Comparison) -> str:
    """Describe in one sentence what a comparison shows, without calling noise a gain."""
    if comparison.verdict == TRAINED_HERE:
        return _no_verdict(evaluation, comparison)
    system, baseline = map(with_training, _compared(evaluation, comparison))
    what = f"{comparison.measure} {PARTS[comparison.part][1]}"
    p = "" if np.isnan(comparison.p_holm) else f", {p_value(comparison.p_holm, 'p')} after Holm"
    figures = f"{what} {signed(comparison.difference)}{p}"
    on = f"on {evaluation.name}"
    match comparison.verdict:
        case "better" | "worse":
            return f"{system} is {comparison.verdict} than {baseline} {on}: {figures}."
        case "no loss":
            return f"No loss of {system} against {baseline} {on}, and no gain shown: {figures}."
        case "identical" if comparison.part == "list" and evaluation.stability.get(comparison.system, 0.0) >= 1 - 1e-9:
            return f"{system} and {baseline} give identical lists {on}."
        case "identical":
            return f"{system} and {baseline} are identical {on}: the same {what} for every story."
        case "undecided":
            return f"Undecided between {system} and {baseline} {on}: {_unequal(evaluation, comparison)} ({figures})."
        case _:
            return f"No difference shown between {system} and {baseline} {on}: {figures}."


def _compared(evaluation: Evaluation, comparison: Comparison) -> tuple[SystemResult, SystemResult]:
    by_name = {result.system: result for result in evaluation.systems}
    return by_name[comparison.system], by_name[comparison.baseline]


def _no_verdict(evaluation: Evaluation, comparison: Comparison) -> str:
    trained = [each.system for each in _compared(evaluation, comparison) if each.training == TRAINED_HERE]
    return (
        f"No verdict on {comparison.system} against {comparison.baseline} on {evaluation.name}: "
        f"{' and '.join(trained)} {'was' if len(trained) == 1 else 'were'} trained on this set, so that "
        f"{comparison.measure} {PARTS[comparison.part][1]} {signed(comparison.difference)} shows what was learned by "
        "heart."
    )


def with_training(result: SystemResult) -> str:
    """Return the name of a system, with the training of its ranker if there was any."""
    return f"{result.system} ({result.training})" if result.training else result.system


def _unequal(evaluation: Evaluation, comparison: Comparison) -> str:
    ours, theirs = (judged_share(result, comparison.part) for result in _compared(evaluation, comparison))
    points = round(100 * (ours - theirs)) if np.isfinite(ours - theirs) else 0
    if not points:
        return "the shares of their items that were judged differ too much"
    return f"{abs(points)} points {'fewer' if points < 0 else 'more'} of its items were judged"


def _repeats(evaluation: Evaluation, result: SystemResult) -> Iterator[str]:
    """Yield a sentence on repeats, which the relevance of single items does not count."""
    base = next(each for each in evaluation.systems if each.system == evaluation.baseline)
    ours, theirs = (each.quality.get("repeats", np.nan) for each in (result, base))
    if abs(ours - theirs) >= 0.05:
        yield (
            f"On {evaluation.name} a list of {result.system} repeats itself {short(ours)} times, one of "
            f"{base.system} {short(theirs)}: grades of single items do not count that."
        )


def alarms(evaluation: Evaluation) -> list[str]:
    """Return a line for each safety count that is not 0."""
    return [
        f"{result.system} on {evaluation.name}: {count:,} × {name}; expected 0"
        for result in evaluation.systems
        for name, count in result.safety.items()
        if count
    ]


def reliability(evaluation: Evaluation) -> str:
    """Describe how far the figures can be relied on, from counts and widths of intervals."""
    part, measure = evaluation.headline
    what, stories = headline_name(evaluation), len(evaluation.stories)
    groups = evaluation.counts.get("groups")
    base = f"{stories:,} {'story' if stories == 1 else 'stories'}" if stories else "Judged pairs without stories"
    if part == "replay":
        base = f"{evaluation.counts['lists replayed']:,} logged lists"
    sentences = [f"{base}{f' in {groups:,} groups' if groups and part != 'replay' else ''} carry these figures."]
    compared = [c for c in against_baseline(evaluation).values() if (c.part, c.measure) == (part, measure)]
    intervals = [c.difference for c in compared if c.verdict not in ("identical", TRAINED_HERE)]
    widths = [(each.high - each.low) / 2 for each in intervals if np.isfinite(each.high - each.low)]
    if widths:
        sentences.append(
            f"The 95 % interval of a difference in {what} reaches ±{short(float(np.median(widths)))} "
            f"(median of {len(widths)}): differences below about that cannot be seen here, "
            "and no mark does not mean no difference."
        )
    else:
        sentences.append(
            f"There is no interval of a difference in {what}, so nothing can be said about gains or losses."
        )
    tested = sum(c.verdict != TRAINED_HERE for c in compared) if compared else len(evaluation.systems) - 1
    if tested > 1:
        sentences.append(
            f"p values are corrected for the {tested} systems compared on a measure (Holm), not "
            "across measures or sets."
        )
    shares = [judged_share(result, part) for result in evaluation.systems]
    shares = [share for share in shares if np.isfinite(share)]
    if shares and min(shares) < 1:
        sentences.append(
            f"Of the first items {min(shares):.0%} to {max(shares):.0%} were judged, by system; "
            "the others count as not relevant, which is hard on systems that the judges never saw."
        )
    sentences.append(
        "Readers could only click what they were shown, and clicks say what tempts, not what is related."
        if part == "replay"
        else "Judges said what is related to a story, which need not be what readers open."
    )
    return " ".join(sentences)


def headline_name(evaluation: Evaluation) -> str:
    """Return the name of the headline measure with its part."""
    part, measure = evaluation.headline
    return f"{measure} {PARTS[part][1]}"


def against_baseline(evaluation: Evaluation) -> dict[tuple[str, str, str], Comparison]:
    """Group comparisons with the baseline by part, measure and system."""
    return {(c.part, c.measure, c.system): c for c in evaluation.comparisons if c.baseline == evaluation.baseline}


def figure_of(result: SystemResult, part: Part, measure: str) -> Estimate:
    """Return a figure of a system, all NaN if it was not measured."""
    return result.figures.get(part, {}).get(measure) or Estimate(*[float("nan")] * 3)


def judged_share(result: SystemResult, part: Part) -> float:
    """Return the share of judged items at the first cut-off that was measured, NaN if none was."""
    figures = result.figures.get(part, {})
    return next((figures[name].value for name in figures if name.startswith("Judged")), float("nan"))


def interval(estimate: Estimate) -> str:
    """Return the interval of an estimate as text."""
    return f"[{short(estimate.low)}, {short(estimate.high)}]"


def signed(difference: Estimate) -> str:
    """Return a difference as text with its sign and interval.

    Examples
    --------
    >>> signed(Estimate(0.0214, 0.004, 0.038)), signed(Estimate(-0.0301, -0.05, -0.01))
    ('+.021 [.004, .038]', '-.030 [-.050, -.010]')
    """
    return f"{with_sign(difference.value)} {interval(difference)}"


def number(value: float) -> str:
    """Return a number as text with three decimals below ten, one above.

    Examples
    --------
    >>> number(0.25), number(4.9), number(1234.56), number(float("nan"))
    ('.250', '4.900', '1,234.6', '-')
    """
    return short(value) if np.isnan(value) or abs(value) < 10 else f"{value:,.1f}"


def with_sign(value: float) -> str:
    """Return a figure as text with its sign; one that rounds to 0 has no plus."""
    text = short(value)
    return f"+{text}" if value > 0 and float(text) else text


def p_value(value: float, name: str = "") -> str:
    """Return a p value as text, as papers print it.

    Examples
    --------
    >>> p_value(0.0104), p_value(0.0104, "p"), p_value(1e-9, "p"), p_value(float("nan"))
    ('.010', 'p = .010', 'p < .001', '-')
    """
    sign = "<" if value < 0.001 else "="
    text = ".001" if value < 0.001 else short(value)
    return f"{name} {sign} {text}" if name else ("< " if sign == "<" else "") + text
