"""Search the few settings that matter by cross-validation, and call nothing a gain that noise explains.

What judgments can tell limits what may be tuned on them. Judges who grade pairs reward repeats: in CNRec a pair that
tells the same story has a mean follow of .98. On such grades every setting that takes out repeats loses by design, so
they may choose the weights of the ranking before selection and nothing else. Settings of the list need judgments of
lists: an editor's picks or clicks. Most measures charge nothing for a bad item in a place that would else be empty, so
they prefer no floor: only `SetF` on an editor's picks may choose one, and for the others lists are compared without.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender import ledger
from recommender.embedders import Embedder
from recommender.engine import Recommender
from recommender.errors import SettingsError
from recommender.evaluation import statistics
from recommender.evaluation.judgments import Judgments
from recommender.evaluation.measures import Measure, per_story
from recommender.evaluation.protocol import asked_stories
from recommender.evaluation.results import Estimate, Part, short
from recommender.evaluation.sets import EvaluationSet
from recommender.ledger import Ledgers
from recommender.progress import Progress, silent
from recommender.readnext import ReadNext
from recommender.settings import Settings
from recommender.storage import check_writable, write_atomically
from recommender.version import __version__

WEIGHT, FLOOR, EVENTS, DIVERSITY, AGE = (
    "ranking.lexical_weight",
    "selection.floor",
    "selection.event_threshold",
    "selection.diversity",
    "ranking.half_life_days",
)
GRID: Mapping[str, tuple[float | str, ...]] = {
    WEIGHT: (0.0, 0.25, 0.35, 0.5, 0.65, 0.75, 1.0),
    FLOOR: (0.05, 0.1, 0.15, "auto", 0.25, 0.3, 0.4),
    EVENTS: (0.5, 0.65, 0.75, 0.85, 0.95),
    DIVERSITY: (0.0, 0.05, 0.1, 0.2, 0.3),
    AGE: (7.0, 30.0, 90.0, 365.0, 3650.0),
}
"""Values tried by setting, in the order of the search; the value at the start always joins them. The lexical weight is
a share of both weights, whose sum stays. TOML knows no none: ten years stand for no freshness. The floor 'auto' is near
.22 for the default embedder, which is its place in the order."""
_AUTO = 0.22
_NEVER = {
    "selection.event_limit": "whether repeats may be shown is an editor's decision",
}
_DEPTH = 100  # items of a ranking where the measure has no cut-off
_CHOICE = 10  # mean good items of a story up to which judgments are a choice and not a grading of all
_PASSES = 2

Point = tuple[float | str | None, ...]
"""One value for each setting that is tuned."""
Values = Callable[[Point], NDArray[np.float64]]
"""Values by story under some settings, (folds + 1, q): line f as one may look at them when choosing for fold f, NaN
for its own stories; the last line with all judgments."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Some settings on all development judgments, the chosen ones among them: no fair figure of a gain.

    Attributes
    ----------
    values : mapping of setting to value
    mean : float
    difference : Estimate
        To the start.
    """

    values: Mapping[str, float | str | None]
    mean: float
    difference: Estimate


@dataclass(frozen=True)
class Tuned:
    """What a search found.

    Attributes
    ----------
    settings : Settings
        The start with the chosen values where a gain was shown, else the start.
    chosen : mapping of setting to value
        What the search on all stories chose, shown or not.
    gain : Estimate
        Mean difference to the start on stories that had no part in the choice, with its 95 % interval by groups.
    p : float
        Two-sided p value of it (randomisation by groups).
    shown : bool
        Whether the interval lies above 0, p is below .05, the judged share of the items is comparable, and the search
        on all stories, too, leaves the start.
    folds : tuple of mapping of setting to value
        What was chosen without each fold.
    trials : tuple of Trial
        In the order in which they were tried, the start first.
    measure : str
    part : {'relevance', 'list'}
        What was measured: the ranking before selection, or the list.
    start : Settings
    seed : int
    notes : tuple of str
        What was concluded, and what a reader must know.
    """

    settings: Settings
    chosen: Mapping[str, float | str | None]
    gain: Estimate
    p: float
    shown: bool
    folds: tuple[Mapping[str, float | str | None], ...]
    trials: tuple[Trial, ...]
    measure: str
    part: Part
    start: Settings
    seed: int
    notes: tuple[str, ...]


def tune(
    judged: EvaluationSet | Sequence[EvaluationSet],
    *,
    start: Settings | None = None,
    names: Sequence[str] | None = None,
    measure: str = "nDCG@5",
    k: int = 5,
    folds: int = 5,
    embedder: Embedder | None = None,
    cache: str | Path | None = None,
    seed: int = 0,
    ledgers: Ledgers | None = None,
    progress: Progress = silent,
) -> Tuned:
    """Choose settings on development judgments, and say whether the choice is a gain beyond noise.

    The folds are whole groups of stories. For each fold the settings are chosen on the other folds, without judgments
    or items of its groups, and measured on it (Stone 1974). One setting after another takes the value nearest to the
    start among those within one standard error of the best (Breiman et al. 1984; the standard error is that of the
    difference paired by story, by groups), until nothing changes, at most twice. The archive is fitted once, whole, for
    all trials.

    The folds share most of what they choose by, which the test does not know: of 1,500 simulated searches without any
    effect 60 were called a gain, 4 % where 2.5 % should be.

    Parameters
    ----------
    judged : EvaluationSet or sequence of EvaluationSet
        Development parts. Every story of all sets counts the same.
    start : Settings, optional
        What the search starts from and is compared with; default the default settings.
    names : sequence of str, optional
        Keys of `GRID`; default those that every set can judge.
    measure : str, default 'nDCG@5'
        A measure of rankings.
    k : int, default 5
        Items of a list.
    folds : int, default 5
        At most; never more than groups.
    embedder : Embedder, optional
        Default: the one that the start names.
    cache : path, optional
        Vector cache.
    seed : int, default 0
        Of folds and resampling.
    ledgers : Ledgers, optional
        Keeps what each trial measured, so that an interrupted search tries only the rest; whoever made them clears them
        when all is done. Nothing is kept for an embedder whose fingerprint is empty and that the settings do not name.
    progress : callable, optional
        Called with (stage, done, total).

    Returns
    -------
    Tuned

    Raises
    ------
    SettingsError
        If a set is no development part, has no lists or cannot judge a setting, the measure is not one of rankings, or
        the stories are of a single group.

    Examples
    --------
    >>> from recommender.evaluation import load_set
    >>> tuned = tune(load_set("sample"), start=Settings.of({"embedding": {"model": "tfidf"}}))
    >>> tuned.shown, tuned.settings == tuned.start, list(tuned.chosen)
    (False, True, ['ranking.lexical_weight', 'selection.event_threshold', 'selection.diversity'])
    """
    sets = [judged] if isinstance(judged, EvaluationSet) else list(judged)
    start = start or Settings()
    by = _ranking_measure(measure)
    _check(sets, k, folds)
    grid = _grid(sets, names, start, by)
    part: Part = "relevance" if set(grid) == {WEIGHT} else "list"
    asked = [_Asked.of(one) for one in sets]
    groups = _joined([one.groups for one in asked])
    fold = fold_of(groups, folds, seed=seed)
    places = np.split(fold, np.cumsum([len(one.stories) for one in asked])[:-1])
    width = k if part == "list" else by.cutoff or _DEPTH
    benches = [
        _Bench.of(one, place, int(fold.max()) + 1, Recommender(start, embedder=embedder, cache=cache), width)
        for one, place in zip(asked, places, strict=True)
    ]
    kept = None
    if ledgers is not None and (embedder is None or embedder.fingerprint):
        inputs = {
            "sets": " ".join(one.fingerprint() for one in sets),
            "start": f"{start.fingerprint()} {benches[0].rec.embedder.fingerprint}",
            "measure": f"{by}, {k}, {part}, {FLOOR in grid}",
            "folds": ledger.digest_of([str(fold.tolist())]),
            "library": __version__,
        }
        kept = ledgers.open("tuning", inputs)
    found: dict[Point, NDArray[np.float64]] = {}
    coverage: dict[Point, NDArray[np.float64]] = {}

    def measured(point: Point) -> dict[str, NDArray[np.float64]]:
        settings = _measured(_with(start, named(point)), part, floored=FLOOR in grid)
        parts = [one.values(settings, by, Measure("Judged", by.cutoff or k)) for one in benches]
        lines, shares = zip(*parts, strict=True)
        return {"lines": np.concatenate(lines, axis=1), "coverage": np.concatenate(shares)}

    def values(point: Point) -> NDArray[np.float64]:
        if point not in found:
            name = ledger.digest_of([repr(named(point))])
            trial = kept and kept.arrays(name)
            if not trial:
                trial = measured(point)
                if kept:
                    kept.keep(name, **trial)
            found[point], coverage[point] = trial["lines"], trial["coverage"]
            progress("tuning", len(found), None)
        return found[point]

    def named(point: Point) -> dict[str, float | str | None]:
        return dict(zip(grid, point, strict=True))

    first: Point = tuple(_current(start, name) for name in grid)
    chosen = cross_validated(values, tuple(grid.values()), first, fold, groups, seed=seed)
    shares = np.array([coverage[point] for point in chosen.folds])[fold, np.arange(len(fold))]
    gap = float((shares - coverage[first]).mean())
    shown = chosen.verdict(gap) == "better" and chosen.final != first
    base = found[first][-1]
    return Tuned(
        _with(start, named(chosen.final)) if shown else start,
        named(chosen.final),
        chosen.gain,
        chosen.p,
        shown,
        tuple(named(point) for point in chosen.folds),
        tuple(
            Trial(named(point), float(np.nanmean(lines[-1])), statistics.bootstrap(lines[-1] - base, groups, seed=seed))
            for point, lines in found.items()
        ),
        str(by),
        part,
        start,
        seed,
        (_conclusion(chosen, gap, shown), *_notes(chosen, grid, start, sets, part, shown)),
    )


def write_settings(tuned: Tuned, path: str | Path) -> None:
    """Write the settings as TOML, with what was measured as comments; the file appears whole or not at all.

    It holds the values that differ from the defaults, so that `Settings.from_toml` gives `tuned.settings`.

    Raises
    ------
    SettingsError
        If a value is none where the default is not: TOML has no word for it.
    PublishError
        If the folder cannot be written.
    """
    path = Path(path)
    changed = {name: value for name, value in tuned.chosen.items() if value != _current(tuned.start, name)}
    said = [
        f"{tuned.measure} of the {'list' if tuned.part == 'list' else 'ranking before selection'}; difference to the "
        f"start on held-out stories {tuned.gain}, p = {short(tuned.p)}, {len(tuned.folds)} folds, seed {tuned.seed}",
        *(f"{name} = {value}, was {_current(tuned.start, name)}" for name, value in changed.items() if tuned.shown),
        *(() if tuned.shown else ("nothing was changed",)),
        *tuned.notes,
    ]
    lines = ["# " + "".join(c if c.isprintable() else " " for c in text) for text in said]
    plain = Settings().model_dump()
    for stage, fields in tuned.settings.model_dump().items():
        other = {name: value for name, value in fields.items() if value != plain[stage][name]}
        if other:
            lines += ["", f"[{stage}]", *(f"{name} = {_toml(f'{stage}.{name}', one)}" for name, one in other.items())]
    check_writable(path.parent)
    write_atomically(path, ("\n".join(lines) + "\n").encode())


# -- choosing, on plain arrays ----------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Chosen:
    """What cross-validation chose, and what the choice is worth.

    Attributes
    ----------
    final : tuple
        Chosen on all stories.
    folds : tuple of tuple
        Chosen without each fold.
    differences : ndarray of float64, shape (q,)
        Value of a story under the choice made without its fold, minus that under the start.
    gain : Estimate
        Mean of them, with its 95 % interval by groups.
    p : float
        Two-sided.
    """

    final: Point
    folds: tuple[Point, ...]
    differences: NDArray[np.float64]
    gain: Estimate
    p: float

    def verdict(self, judged_gap: float = 0.0) -> str:
        """As `statistics.verdict`: 'better' is a gain."""
        identical = not np.nan_to_num(self.differences).any()
        return statistics.verdict(self.gain, self.p, identical=identical, judged_gap=judged_gap)


def fold_of(groups: NDArray[np.integer], folds: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Fold of each story: groups stay whole, the largest go first, each to the fold with the fewest stories.

    Parameters
    ----------
    groups : ndarray of int, shape (q,)
    folds : int
        Never more than there are groups.
    seed : int, default 0
        Of the order among groups of one size.

    Returns
    -------
    ndarray of int64, shape (q,)

    Examples
    --------
    >>> fold_of(np.array([7, 7, 7, 2, 2, 5]), 2).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    _, code, size = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(size))
    order = order[np.argsort(-size[order], kind="stable")]
    held = np.zeros(min(folds, len(size)), dtype=np.int64)
    fold = np.zeros(len(size), dtype=np.int64)
    for group in order:
        fold[group] = held.argmin()
        held[fold[group]] += size[group]
    return np.asarray(fold[code])


def cross_validated(
    values: Values,
    options: Sequence[Sequence[float | str | None]],
    start: Point,
    fold: NDArray[np.int64],
    groups: NDArray[np.integer],
    *,
    seed: int = 0,
) -> Chosen:
    """Choose without each fold, measure on it, and choose once more on all.

    Parameters
    ----------
    values : callable
    options : sequence of sequences
        Values to try of each setting, in order of size; that of the start is among them.
    start : tuple
    fold, groups : ndarray of int, shape (q,)
    seed : int, default 0
        Of resampling.
    """
    base = values(start)[-1]
    chosen = tuple(search(values, options, start, line, groups) for line in range(int(fold.max()) + 1))
    held_out = np.array([values(point)[-1] for point in chosen])[fold, np.arange(len(fold))]
    differences = held_out - base
    return Chosen(
        search(values, options, start, -1, groups),
        chosen,
        differences,
        statistics.bootstrap(differences, groups, seed=seed),
        statistics.randomisation(differences, groups, seed=seed),
    )


def search(
    values: Values,
    options: Sequence[Sequence[float | str | None]],
    start: Point,
    line: int,
    groups: NDArray[np.integer],
) -> Point:
    """One setting after another by the one-standard-error rule, until nothing changes; `line` is that of `values`."""
    point = start
    for _ in range(_PASSES):
        before = point
        for place, tried in enumerate(options):
            points = [(*point[:place], value, *point[place + 1 :]) for value in tried]
            found = np.array([values(one)[line] for one in points])
            point = points[one_standard_error(found, groups, list(tried).index(start[place]))]
        if point == before:
            break
    return point


def one_standard_error(values: NDArray[np.float64], groups: NDArray[np.integer], start: int) -> int:
    """The row nearest to row `start` among those within one standard error of the best (Breiman et al. 1984).

    The standard error is that of the mean paired difference to the best row, from sums over groups (Liang & Zeger
    1986). Of two rows equally near the one with the greater mean is taken.

    Parameters
    ----------
    values : ndarray of float64, shape (v, q)
        One row per value tried, in order of size; a story's column is NaN where it does not count.
    groups : ndarray of int, shape (q,)
    start : int

    Examples
    --------
    >>> one_standard_error(np.array([[0.5, 0.5, 0.2], [0.4, 0.7, 0.3], [0.1, 0.1, 0.1]]), np.arange(3), start=0)
    0
    """
    held = ~np.isnan(values).any(axis=0)
    if not held.any():
        return start
    values, code = values[:, held], np.unique(groups[held], return_inverse=True)[1]
    means = values.mean(axis=1).round(12)  # equal terms in another order are a tie
    best = min(range(len(values)), key=lambda row: (-means[row], abs(row - start), row))
    behind = values[best] - values
    off = np.array([np.bincount(code, line) for line in behind - behind.mean(axis=1, keepdims=True)])
    number = off.shape[1]
    error = np.sqrt((off**2).sum(axis=1) * number / max(number - 1, 1)) / values.shape[1]
    near = np.flatnonzero(behind.mean(axis=1) <= error)
    return int(min(near, key=lambda row: (abs(row - start), -means[row], row)))


# -- sets and settings ------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Asked:
    """What a set asks: stories with a good item, their judgments, and the groups of all articles."""

    judged: EvaluationSet
    stories: list[str]
    judgments: Judgments
    groups: NDArray[np.int64]
    group: Mapping[str, int]

    @classmethod
    def of(cls, judged: EvaluationSet) -> _Asked:
        stories, judgments, _ = asked_stories(judged)
        ids = judged.catalog.ids.to_pylist()
        group = dict(zip(ids, judged.groups_of(ids).tolist(), strict=True))
        groups = np.array([group[story] for story in stories], dtype=np.int64)
        return cls(judged, stories, judgments.among(stories, ids), groups, group)


@dataclass(frozen=True, eq=False)
class _Bench:
    """A set with its fitted archive, on which settings are measured."""

    asked: _Asked
    fold: NDArray[np.int64]
    fold_of: Mapping[str, int]
    folds: int
    rec: Recommender
    width: int

    @classmethod
    def of(cls, asked: _Asked, fold: NDArray[np.int64], folds: int, rec: Recommender, width: int) -> _Bench:
        of_group = dict(zip(asked.groups.tolist(), fold.tolist(), strict=True))
        of_article = {name: of_group.get(group, -1) for name, group in asked.group.items()}
        return cls(asked, fold, of_article, folds, rec.fit_table(asked.judged.catalog.table), width)

    def values(
        self, settings: Settings, measure: Measure, coverage: Measure
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lines of `Values`, and the judged share of each story's items."""
        asked, judgments = self.asked, self.asked.judgments
        ranked = rankings(self.rec.under(settings), asked.judged, asked.stories, self.width)
        whole = per_story([measure, coverage], judgments, asked.stories, ranked)
        items = np.array([self.fold_of[item] for item in judgments.table["item"].to_pylist()])
        lines = np.full((self.folds + 1, len(asked.stories)), np.nan)
        lines[-1] = whole[str(measure)]
        for number, line in enumerate(lines[:-1]):
            if (items != number).any():
                kept = [[item for item in ranking if self.fold_of[item] != number] for ranking in ranked]
                left = judgments.where(items != number)
                line[:] = per_story([measure], left, asked.stories, kept)[str(measure)]
            line[self.fold == number] = np.nan
        # where nothing was judged bad, an item without a judgment is one that was not chosen
        told = bool(judgments.complete) or (judgments.grades == 0).any()
        return lines, whole[str(coverage)] if told else np.zeros(len(asked.stories))


def rankings(rec: Recommender, judged: EvaluationSet, stories: Sequence[str], k: int) -> list[list[str]]:
    """Ids of the items under each story, best first, under the protocol of the set; `rec` holds its whole catalog."""
    catalog = judged.catalog
    if judged.protocol == "undated":
        return [_ids(one) for one in rec.recommend_many(stories, k=k)]
    if judged.protocol == "archive":
        newest = datetime.fromtimestamp(max(int(catalog.published.max()), 0) / 1e6, UTC)
        return [_ids(one) for one in rec.recommend_many(stories, k=k, as_of=newest)]
    published = catalog.published[catalog.rows(stories)]
    found: dict[str, list[str]] = {}
    for moment in np.unique(published):
        together = [stories[place] for place in np.flatnonzero(published == moment).tolist()]
        same = catalog.ids.filter(pa.array(catalog.published == moment)).to_pylist()
        as_of = datetime.fromtimestamp(int(moment) / 1e6, UTC)
        lists = rec.recommend_many(together, k=k, as_of=as_of, exclude=same)
        found |= {one.article_id: _ids(one) for one in lists}
    return [found[story] for story in stories]


def _ids(found: ReadNext) -> list[str]:
    return [item.article_id for item in found.items]


def _ranking_measure(text: str) -> Measure:
    measure = Measure.parse(text)
    if measure.part != "ranking" or measure.name == "Judged":
        raise SettingsError(f"{measure} cannot choose settings; expected a measure of rankings, such as nDCG@5")
    return measure


def _check(sets: Sequence[EvaluationSet], k: int, folds: int) -> None:
    if not sets:
        raise SettingsError("no set was given; expected a development part with judgments")
    if k < 1 or folds < 2:
        raise SettingsError(f"k is {k} and folds is {folds}; expected at least 1 and 2")
    for one in sets:
        if one.part != "development":
            raise SettingsError(
                f"{one.name} is the part {one.part!r}: tuning on test judgments would spoil them; "
                f"use .split() and tune on its development part"
            )
        if "lists" not in one.uses:
            raise SettingsError(f"{one.name} judges pairs, not lists; tuning needs judged items under stories")


def _grid(
    sets: Sequence[EvaluationSet], names: Sequence[str] | None, start: Settings, measure: Measure
) -> dict[str, tuple[float | str | None, ...]]:
    """Values to try by setting, that of the start among them."""
    unfit = {name: [reason for one in sets if (reason := _refusal(name, one, measure))] for name in GRID}
    for name in names or ():
        if name in _NEVER:
            raise SettingsError(f"{name} is not tuned: {_NEVER[name]}")
        if name not in GRID:
            raise SettingsError(f"{name!r} is not tuned; expected one of {', '.join(GRID)}")
        if unfit[name]:
            raise SettingsError(f"{name} cannot be tuned on {unfit[name][0]}")
    if names is not None and not names:
        raise SettingsError(f"no setting to tune was named; expected one of {', '.join(GRID)}")
    wanted = [name for name in GRID if (name in names if names is not None else not unfit[name])]
    if not start.ranking.dense_weight + start.ranking.lexical_weight:
        raise SettingsError("both weights of the ranking are 0; expected one above it to start from")
    return {name: tuple(sorted({*GRID[name], _current(start, name)}, key=partial(_size, name))) for name in wanted}


def _size(name: str, value: float | str | None) -> float:
    """Place of a value in the order of its grid: without a floor is below every floor, without freshness above all."""
    if value is None:
        return float("-inf" if name == FLOOR else "inf")
    return _AUTO if isinstance(value, str) else value


def _refusal(name: str, judged: EvaluationSet, measure: Measure) -> str:
    """Why a set cannot judge a setting by a measure; empty if it can."""
    if name == WEIGHT:
        return ""
    if name == FLOOR and not (measure.name == "SetF" and judged.judgments.picks):
        return f"{judged.name} by {measure}: only SetF on an editor's picks charges for bad items in empty places"
    if name == AGE:
        clicks = judged.clicks
        timed = clicks is not None and clicks.table["time"].null_count < len(clicks) / 2
        return (
            "" if timed and judged.dated else f"{judged.name}: what age costs is told by dated clicks on dated stories"
        )
    if judged.judgments.symmetric:
        return f"{judged.name}: pairs judged in both directions reward repeats; it needs an editor's picks"
    if name == EVENTS and judged.clicks is not None:
        return f"{judged.name}: clicks do not tell whether a repeat was welcome; it needs an editor's picks"
    good = judged.judgments.table.filter(pc.greater(judged.judgments.table["grade"], 0))
    if name == EVENTS and judged.events is not None:
        pairs = zip(good["story"].to_pylist(), good["item"].to_pylist(), strict=True)
        named = [(story, judged.events[item]) for story, item in pairs if item in judged.events]
        rewarded = len(named) - len(set(named))
        return f"{judged.name}: {rewarded} of its good items repeat an event under one story" if rewarded else ""
    if judged.clicks is None and len(good) > _CHOICE * pc.count_distinct(good["story"]).as_py():
        return (
            f"{judged.name}: more than {_CHOICE} good items a story grade items one by one, not lists; "
            f"it needs an editor's picks"
        )
    return ""


def _current(settings: Settings, name: str) -> float | str | None:
    if name == WEIGHT:
        ranking = settings.ranking
        return round(ranking.lexical_weight / (ranking.dense_weight + ranking.lexical_weight), 6)
    stage, _, field = name.partition(".")
    value: float | str | None = getattr(getattr(settings, stage), field)
    return value


def _with(start: Settings, values: Mapping[str, float | str | None]) -> Settings:
    changed: dict[str, Any] = {name: value for name, value in values.items() if value != _current(start, name)}
    if WEIGHT in changed:
        share, total = changed[WEIGHT], start.ranking.dense_weight + start.ranking.lexical_weight
        changed[WEIGHT] = round(total * share, 6)
        changed["ranking.dense_weight"] = round(total * (1 - share), 6)
    return start.override(changed)


def _measured(settings: Settings, part: Part, *, floored: bool) -> Settings:
    """What is asked in a trial: the list, without a floor unless it is tuned, or the ranking before selection."""
    if part == "list":
        return settings.override({"selection.reserves": 0} | ({} if floored else {"selection.floor": None}))
    plain = Settings.relevance_only()
    return settings.model_copy(
        update={
            "retrieval": plain.retrieval,
            "ranking": settings.ranking.model_copy(update={"half_life_days": None}),
            "selection": plain.selection.model_copy(update={"reserves": 0}),
        }
    )


def _joined(groups: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Groups of several sets, those of different sets apart."""
    above = np.cumsum([0, *(int(one.max(initial=-1)) + 1 for one in groups[:-1])])
    joined = np.concatenate([one + more for one, more in zip(groups, above, strict=True)])
    if len(np.unique(joined)) < 2:
        raise SettingsError(
            f"{len(joined)} stories of {len(np.unique(joined))} group; cross-validation needs two groups and more"
        )
    return joined


def _conclusion(chosen: Chosen, gap: float, shown: bool) -> str:
    if shown:
        return f"a gain of {chosen.gain} on held-out stories, p = {short(chosen.p)}"
    verdict = chosen.verdict(gap)
    if verdict == "identical":
        return "no gain shown: no fold found anything better than the start"
    if verdict == "undecided":
        return f"no gain shown: the judged share of the items differs by {short(gap)}, unjudged ones may hide the truth"
    if verdict == "better":
        return f"no gain shown: the folds gained {chosen.gain}, but the search on all stories keeps the start"
    return f"no gain shown: the difference of {chosen.gain} may be noise"


def _notes(
    chosen: Chosen,
    grid: Mapping[str, tuple[float | str | None, ...]],
    start: Settings,
    sets: Sequence[EvaluationSet],
    part: Part,
    shown: bool,
) -> list[str]:
    same = sum(point == chosen.final for point in chosen.folds)
    notes = [f"{same} of {len(chosen.folds)} folds chose as all stories do"]
    if part == "list" and FLOOR not in grid:
        notes.append("lists were compared without a floor: no measure charges for a bad item in an empty place")
    weight = dict(zip(grid, chosen.final, strict=True)).get(WEIGHT)
    if shown and weight not in (None, _current(start, WEIGHT)) and start.selection.floor == "auto":
        notes.append("the floor 'auto' knows judges for the default weights alone; under others it goes by the archive")
    if AGE in grid:
        notes.append("clicks favour stories as old as those that were shown")
    for one in sets:
        if one.protocol == "at_publication":
            notes.append(f"{one.name}: term weights were learned on the whole archive, later stories included")
        notes += [f"{one.name}: {note}" for note in one.notes]
    return notes


def _toml(name: str, value: Any) -> str:
    """A value in TOML; strings as in JSON, which agrees with it but for the delete character."""
    if value is None:
        raise SettingsError(f"{name} is none, which TOML cannot say; leave it at its default or set it in Python")
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_toml(name, one) for one in value)}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key} = {_toml(name, one)}' for key, one in value.items() if one is not None)}}}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value).lower()  # True, 0.35, 1e-05, inf
