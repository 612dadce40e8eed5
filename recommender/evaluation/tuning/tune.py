"""Search the few settings that matter by cross-validation, and call nothing a gain that noise explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommender import statistics
from recommender.embedders import Embedder
from recommender.errors import SettingsError
from recommender.evaluation.data.sets import EvaluationSet
from recommender.evaluation.measures.relevance import Measure
from recommender.evaluation.results import Part
from recommender.evaluation.tuning.bench import Asked, Bench
from recommender.evaluation.tuning.cross_validation import Chosen, Point, cross_validated
from recommender.evaluation.tuning.tunable import AGE, WEIGHT, current_value, grid_of, with_values
from recommender.facade import Recommender
from recommender.progress import Progress, silent
from recommender.settings import Settings
from recommender.settings.toml import to_toml
from recommender.statistics import Estimate, fold_of, short
from recommender.storage.atomic import check_writable, write_atomically
from recommender.storage.checkpoints import Ledgers
from recommender.storage.digests import digest_of
from recommender.version import __version__

_DEPTH = 100  # items of a ranking where the measure has no cut-off


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


@dataclass(frozen=True, kw_only=True)
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
    (False, True, ['selection.event_threshold', 'selection.diversity'])
    """
    sets = [judged] if isinstance(judged, EvaluationSet) else list(judged)
    start = start or Settings()
    by = _ranking_measure(measure)
    _check(sets, k, folds)
    grid = grid_of(sets, names, start)
    part: Part = "relevance" if set(grid) == {WEIGHT} else "list"
    asked = [Asked.of(one) for one in sets]
    groups = _joined([one.groups for one in asked])
    fold = fold_of(groups, folds, seed=seed)
    places = np.split(fold, np.cumsum([len(one.stories) for one in asked])[:-1])
    width = k if part == "list" else by.cutoff or _DEPTH
    benches = [
        Bench.of(one, place, int(fold.max()) + 1, Recommender(start, embedder=embedder, cache=cache), width)
        for one, place in zip(asked, places, strict=True)
    ]
    kept = None
    if ledgers is not None and (embedder is None or embedder.fingerprint):
        inputs = {
            "sets": " ".join(one.fingerprint() for one in sets),
            "start": f"{start.fingerprint()} {benches[0].rec.embedder.fingerprint}",
            "measure": f"{by}, {k}, {part}",
            "folds": digest_of([str(fold.tolist())]),
            "library": __version__,
        }
        kept = ledgers.open("tuning", inputs)
    found: dict[Point, NDArray[np.float64]] = {}
    coverage: dict[Point, NDArray[np.float64]] = {}

    def measured(point: Point) -> dict[str, NDArray[np.float64]]:
        settings = _measured(with_values(start, named(point)), part)
        parts = [one.values(settings, by, Measure("Judged", by.cutoff or k)) for one in benches]
        lines, shares = zip(*parts, strict=True)
        return {"lines": np.concatenate(lines, axis=1), "coverage": np.concatenate(shares)}

    def values(point: Point) -> NDArray[np.float64]:
        if point not in found:
            name = digest_of([repr(named(point))])
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

    first: Point = tuple(current_value(start, name) for name in grid)
    chosen = cross_validated(values, tuple(grid.values()), first, fold, groups, seed=seed)
    shares = np.array([coverage[point] for point in chosen.folds])[fold, np.arange(len(fold))]
    gap = float((shares - coverage[first]).mean())
    shown = chosen.verdict(gap) == "better" and chosen.final != first
    base = found[first][-1]
    return Tuned(
        settings=with_values(start, named(chosen.final)) if shown else start,
        chosen=named(chosen.final),
        gain=chosen.gain,
        p=chosen.p,
        shown=shown,
        folds=tuple(named(point) for point in chosen.folds),
        trials=tuple(
            Trial(named(point), float(np.nanmean(lines[-1])), statistics.bootstrap(lines[-1] - base, groups, seed=seed))
            for point, lines in found.items()
        ),
        measure=str(by),
        part=part,
        start=start,
        seed=seed,
        notes=(_conclusion(chosen, gap, shown), *_notes(chosen, grid, start, sets)),
    )


def write_settings(tuned: Tuned, path: str | Path) -> None:
    """Write the settings as TOML, with what was measured as comments; the file appears whole or not at all.

    It holds the values that differ from the defaults, so that `Settings.from_toml` gives `tuned.settings`.

    Raises
    ------
    PublishError
        If the folder cannot be written.
    """
    path = Path(path)
    changed = {name: value for name, value in tuned.chosen.items() if value != current_value(tuned.start, name)}
    said = [
        f"{tuned.measure} of the {'list' if tuned.part == 'list' else 'ranking before selection'}; difference to the "
        f"start on held-out stories {tuned.gain}, p = {short(tuned.p)}, {len(tuned.folds)} folds, seed {tuned.seed}",
        *(
            f"{name} = {value}, was {current_value(tuned.start, name)}"
            for name, value in changed.items()
            if tuned.shown
        ),
        *(() if tuned.shown else ("nothing was changed",)),
        *tuned.notes,
    ]
    lines = ["# " + "".join(c if c.isprintable() else " " for c in text) for text in said]
    plain = Settings().model_dump()
    for stage, fields in tuned.settings.model_dump().items():
        other = {name: value for name, value in fields.items() if value != plain[stage][name]}
        if other:
            lines += ["", f"[{stage}]", *(f"{name} = {to_toml(one)}" for name, one in other.items())]
    check_writable(path.parent)
    write_atomically(path, ("\n".join(lines) + "\n").encode())


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
            raise SettingsError(
                f"{one.name} judges {' and '.join(one.uses)}, not lists; tuning needs judged items under stories"
            )


def _measured(settings: Settings, part: Part) -> Settings:
    """Make the settings of a trial: of the list, or of the ranking before selection."""
    if part == "list":
        return settings.override({"selection.reserves": 0})
    plain = Settings.relevance_only()
    return settings.model_copy(
        update={
            "retrieval": plain.retrieval,
            "ranking": settings.ranking.without_age,
            "selection": plain.selection.model_copy(update={"reserves": 0}),
        }
    )


def _joined(groups: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Join the groups of several sets; those of different sets stay apart."""
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
) -> list[str]:
    same = sum(point == chosen.final for point in chosen.folds)
    notes = [f"{same} of {len(chosen.folds)} folds chose as all stories do"]
    if start.ranking.ranker != "none":
        notes.append(
            "settings of the list alone were tried, as a ranker orders the candidates: `recommender learn` improves "
            "the ranking and tells what is related; the hours in which reports repeat each other are an editor's to set"
        )
    if AGE in grid:
        notes.append("clicks favour stories as old as those that were shown")
    for one in sets:
        if one.protocol == "at_publication":
            notes.append(f"{one.name}: term weights were learned on the whole archive, later stories included")
        notes += [f"{one.name}: {note}" for note in one.notes]
    return notes
