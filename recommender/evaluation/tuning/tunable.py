"""The settings that may be tuned, the judgments that each needs, and the values to try.

Judges who grade pairs reward repeats: in CNRec a pair that reports the same has a mean follow of .98. On such grades
every setting that removes repeats loses by design, so they may choose only the weights of the ranking before selection.
Settings of the list need judgments of lists: an editor's picks or clicks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow.compute as pc

from recommender.errors import SettingsError
from recommender.evaluation.data.sets import EvaluationSet
from recommender.settings import Settings

WEIGHT, EVENTS, DIVERSITY, AGE = (
    "ranking.lexical_weight",
    "selection.event_threshold",
    "selection.diversity",
    "ranking.half_life_days",
)
GRID: Mapping[str, tuple[float | str, ...]] = {
    WEIGHT: (0.0, 0.25, 0.35, 0.5, 0.65, 0.75, 1.0),
    EVENTS: (0.5, 0.65, 0.75, 0.85, 0.95),
    DIVERSITY: (0.0, 0.05, 0.1, 0.2, 0.3),
    AGE: (7.0, 30.0, 90.0, 365.0, 3650.0),
}
"""Values to try by setting, in the order of the search; the value of the start is always added. The lexical weight is
a share of both weights, whose sum stays. A half-life of ten years means no freshness."""
_NEVER = {
    "selection.same_report_hours": "whether repeats may be shown is an editor's decision",
    "selection.repeat_hours": "whether repeats may be shown is an editor's decision",
    "selection.related_at": "lists are filled up: it says what is called related, which no measure of relevance sees",
}
_MAX_PICKS = 10  # mean good items of a story up to which judgments are picks and not grades of all items


def grid_of(
    sets: Sequence[EvaluationSet], names: Sequence[str] | None, start: Settings
) -> dict[str, tuple[float | str | None, ...]]:
    """Return the values to try by setting, that of the start among them."""
    refusals = {name: [reason for judged in sets if (reason := _refusal(name, judged))] for name in GRID}
    if start.ranking.ranker != "none":
        by_ranker = "any set while a ranker orders the candidates: learn one, or set ranking.ranker to 'none'"
        refusals |= {name: [by_ranker] for name in (WEIGHT, AGE)}
    for name in names or ():
        if name in _NEVER:
            raise SettingsError(f"{name} is not tuned: {_NEVER[name]}")
        if name not in GRID:
            raise SettingsError(f"{name!r} is not tuned; expected one of {', '.join(GRID)}")
        if refusals[name]:
            raise SettingsError(f"{name} cannot be tuned on {refusals[name][0]}")
    if names is not None and not names:
        raise SettingsError(f"no setting to tune was named; expected one of {', '.join(GRID)}")
    tuned = [name for name in GRID if (name in names if names is not None else not refusals[name])]
    if not tuned:
        by_reason: dict[str, list[str]] = {}
        for name, reasons in refusals.items():
            by_reason.setdefault(reasons[0], []).append(name)
        details = (f"{', '.join(refused)} not on {reason}" for reason, refused in by_reason.items())
        raise SettingsError("no setting can be tuned: " + "; ".join(details))
    if not start.ranking.dense_weight + start.ranking.lexical_weight:
        raise SettingsError("both weights of the ranking are 0; expected one above it to start from")
    return {name: tuple(sorted({*GRID[name], current_value(start, name)}, key=_size)) for name in tuned}


def _size(value: float | str | None) -> float:
    """Return the sort key of a value in its grid: no freshness is greater than all half-lives."""
    return float("inf") if value is None or isinstance(value, str) else value


def _refusal(name: str, judged: EvaluationSet) -> str:
    """Describe why a set cannot judge a setting; empty if it can."""
    if name == WEIGHT:
        return ""
    if name == AGE:
        clicks = judged.clicks
        has_times = clicks is not None and clicks.table["time"].null_count < len(clicks) / 2
        if has_times and judged.dated:
            return ""
        return f"{judged.name}: the cost of age can be measured only by dated clicks on dated stories"
    if judged.judgments.symmetric:
        return f"{judged.name}: pairs judged in both directions reward repeats; it needs an editor's picks"
    if name == EVENTS and judged.clicks is not None:
        return f"{judged.name}: clicks do not show whether a repeat was welcome; it needs an editor's picks"
    good = judged.judgments.table.filter(pc.greater(judged.judgments.table["grade"], 0))
    if name == EVENTS and judged.events is not None:
        pairs = zip(good["story"].to_pylist(), good["item"].to_pylist(), strict=True)
        events = [(story, judged.events[item]) for story, item in pairs if item in judged.events]
        n_repeats = len(events) - len(set(events))
        return f"{judged.name}: {n_repeats} of its good items repeat an event under one story" if n_repeats else ""
    if judged.clicks is None and len(good) > _MAX_PICKS * pc.count_distinct(good["story"]).as_py():
        return (
            f"{judged.name}: more than {_MAX_PICKS} good items a story grade items one by one, not lists; "
            f"it needs an editor's picks"
        )
    return ""


def current_value(settings: Settings, name: str) -> float | str | None:
    """Return the value of a setting; the lexical weight as its share of both weights."""
    if name == WEIGHT:
        ranking = settings.ranking
        return round(ranking.lexical_weight / (ranking.dense_weight + ranking.lexical_weight), 6)
    stage, _, field = name.partition(".")
    value: float | str | None = getattr(getattr(settings, stage), field)
    return value


def with_values(start: Settings, values: Mapping[str, float | str | None]) -> Settings:
    """Return the start with these values; the sum of both weights stays."""
    changed: dict[str, Any] = {name: value for name, value in values.items() if value != current_value(start, name)}
    if WEIGHT in changed:
        share, total = changed[WEIGHT], start.ranking.dense_weight + start.ranking.lexical_weight
        changed[WEIGHT] = round(total * share, 6)
        changed["ranking.dense_weight"] = round(total * (1 - share), 6)
    return start.override(changed)
