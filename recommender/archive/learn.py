"""Learn a newsroom's own ranker from links and clicks, and test whether it is better than the one in use."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.archive.clicked import Clicked, ClickReport, clicked_pairs
from recommender.archive.linked import linked_pairs
from recommender.articles.links import LinkReport, connected_rows, resolve_links
from recommender.errors import InputError
from recommender.features.families import FAMILIES
from recommender.progress import Progress
from recommender.ranking.learn import LinkedPairs, feature_names, learn, own_share
from recommender.ranking.ndcg import chance_by_story, ndcg_by_story
from recommender.ranking.ranker import Ranker, find_ranker
from recommender.reading.behaviors import read_clicks
from recommender.reading.clicks import ClickLog
from recommender.reading.links import load_links
from recommender.statistics import Estimate, bootstrap, fold_of, short
from recommender.version import __version__

LEAST_STORIES = 50
"""Stories with links that training needs, and as many more for the test."""

_TEST_SHARE = 0.3
_TESTED = f"{100 * _TEST_SHARE:.0f} %"
_LEAST_GROUPS = 20  # of linked stories, which intervals are drawn from
_RUNS_IN_TIME = 30  # groups in place of those, where there are fewer
_TRAINING_SHARES = (0.25, 0.5, 1.0)  # of the stories, whose gains show what more stories would bring
_MOST_SAMPLED = 2_000  # stories that tell what a family of features is worth, and where the cut is
_PROTOCOL = {
    True: f"trained on links to older stories; the newest {_TESTED} were tested, then it was fitted again on all",
    False: f"trained on links; {_TESTED} in groups of linked stories were tested, then it was fitted again on all",
}


@dataclass(frozen=True, kw_only=True)
class LearnReport:
    """What was learned, and how it does on stories that it did not see.

    Attributes
    ----------
    ranker : Ranker
        Refitted on all stories. The figures are those of the fit on the training stories alone.
    split : {'chronological', 'grouped'}
        The newest stories were tested, or, without dates, groups drawn at random.
    trained, tested : int
        Stories with links or clicks; one that has both counts twice.
    learned, present, words : Estimate
        nDCG@5 of the test stories' candidates by the new ranker, by the one in use, and by words alone.
    compared : str
        The name of the ranker that `present` and `gain` are about: the one in use. In place of one that was itself
        learned from this newsroom's links it is the shipped one, since the former may have seen the test stories.
    gain : Estimate
        What the new ranker gains over that one.
    curve : tuple of (int, float)
        Training stories and nDCG@5.
    families : mapping of str to float
        Measure what nDCG@5 loses without each family of features.
    missed : float
        Share of the linked items that were no candidates: no ranker can bring them back. NaN without links.
    needed : int or None
        Test stories that a verdict on a gain of this size would take; None if there is a verdict.
    links : LinkReport
        What became of the links that were found.
    clicks : ClickReport or None
        What became of the click log, and how likely readers look at each place.
    """

    ranker: Ranker
    split: str
    trained: int
    tested: int
    learned: Estimate
    present: Estimate
    words: Estimate
    compared: str
    gain: Estimate
    curve: tuple[tuple[int, float], ...]
    families: Mapping[str, float]
    missed: float
    needed: int | None
    links: LinkReport = field(default=LinkReport())
    clicks: ClickReport | None = None

    @property
    def better(self) -> bool:
        """Whether the gain is shown: its interval lies above 0."""
        return self.gain.low > 0

    @property
    def worse(self) -> bool:
        """Whether a loss is shown: its interval lies below 0."""
        return self.gain.high < 0

    @property
    def verdict(self) -> str:
        """What the comparison shows, in one sentence."""
        if self.better:
            return f"better than the ranker {self.compared}: {self.gain} nDCG@5 on {self.tested:,} stories"
        if self.worse:
            return f"worse than the ranker {self.compared}: {self.gain} nDCG@5 on {self.tested:,} stories"
        more = f"; about {self.needed:,} test stories would tell" if self.needed else ""
        return f"no difference to the ranker {self.compared} shown: {self.gain} nDCG@5 on {self.tested:,} stories{more}"


def learn_ranker(
    archive: Archive,
    *,
    links: str | Path | pa.Table | None,
    picks: str | Path | pa.Table | None,
    clicks: str | Path | pa.Table | None,
    shown: Mapping[str, Collection[str]] | None,
    shown_as_of: datetime | None,
    embedder: str,
    name: str,
    seed: int,
    progress: Progress,
) -> LearnReport:
    """Learn a ranker from links and clicks, see `Recommender.learn`.

    `shown` is what lists showed, by story, at `shown_as_of`; `embedder` is what identifies the vectors of the archive,
    see `embedders.protocol.vector_space`.

    Raises `InputError` if too few stories link to older stories of the archive, or have clicks, or there is nothing to
    learn in them.
    """
    given = [read for table in (links, picks) if (read := load_links(table, archive.settings.reading)) is not None]
    resolved = archive.links
    if given or shown is not None:
        further = pa.concat_tables(given) if given else None
        resolved = resolve_links(archive.catalog, further, shown=shown, as_of=shown_as_of)
    log = clicked = None
    if clicks is not None:
        log, read_report = read_clicks(clicks, set(archive.catalog.ids.to_pylist()), archive.settings.reading)
        clicked = Clicked.from_log(archive, log, 0 if read_report is None else len(read_report.rejected))
    pairs, rows, missed = _make_pairs(archive, resolved.table, log, clicked, progress)
    published = archive.catalog.published[rows] if archive.dated else None
    trained, tested = _split(pairs, published, seed, "" if log is None else " or have clicks")

    prior = find_ranker("auto", embedder, embedder)
    present = archive.ranker if archive.ranker is not None else Ranker.default("lexical")
    was_learned_here = "tested" in present.provenance  # as below; shipped rankers lack it
    compared = prior if was_learned_here and prior is not None else present
    fitted = learn(trained, name=name, embedder=embedder, seed=seed, calibrate=False, prior=prior)
    _refuse_chance(trained, tested, fitted, seed)
    ndcg = _Ndcg.of(tested, fitted, compared)
    gain = bootstrap(ndcg.learned - ndcg.present, tested.group, seed=seed)
    curve = _learning_curve(trained, tested, ndcg.learned, seed, prior, progress)

    provenance = {
        "library": __version__,
        "python": platform.python_version(),
        "protocol": _PROTOCOL[archive.dated],
        "stories": len(pairs),
        "trained": len(trained),
        "tested": len(tested),
        "nDCG@5": {
            "of": "the fit on the training stories alone",
            "learned": round(float(ndcg.learned.mean()), 4),
            compared.name: round(float(ndcg.present.mean()), 4),
            "gain": [round(value, 4) for value in (gain.value, gain.low, gain.high)],
        },
        "seed": seed,
        **({} if clicked is None else {"clicks": _click_facts(clicked.report)}),
    }
    every = replace(pairs, group=_interval_groups(pairs.group, published))
    ranker = learn(every, name=name, embedder=embedder, seed=seed, provenance=provenance, prior=prior)
    related_at = _related_at(_sample(pairs, seed), ranker, present)
    return LearnReport(
        ranker=replace(ranker, related_at=related_at, closeness=present.closeness),
        split="chronological" if archive.dated else "grouped",
        trained=len(trained),
        tested=len(tested),
        learned=bootstrap(ndcg.learned, tested.group, seed=seed),
        present=bootstrap(ndcg.present, tested.group, seed=seed),
        words=bootstrap(ndcg.words, tested.group, seed=seed),
        compared=compared.name,
        gain=gain,
        curve=curve,
        families=_losses_without_families(_sample(tested, seed), fitted),
        missed=missed,
        needed=_needed_stories(gain, len(tested)),
        links=resolved.report,
        clicks=None if clicked is None else clicked.report,
    )


class _Ndcg(NamedTuple):
    """NDCG@5 of each test story's candidates, (s,), by the new ranker, the one that it is compared with, and words."""

    learned: NDArray[np.float64]
    present: NDArray[np.float64]
    words: NDArray[np.float64]

    @classmethod
    def of(cls, tested: LinkedPairs, fitted: Ranker, present: Ranker) -> _Ndcg:
        words = tested.select_features(("words.cosine",)).values[:, 0]
        return cls(
            learned=ndcg_by_story(tested, fitted.raw(tested.values)),
            present=ndcg_by_story(tested, present.raw(tested.select_features(present.features).values)),
            words=ndcg_by_story(tested, words.astype(np.float64)),
        )


def _click_facts(report: ClickReport) -> dict[str, object]:
    """Collect what a ranker's file says of the clicks that it was learned from."""
    return {
        "lists": report.used,
        "stories": report.stories,
        "places": "assumed" if report.places.assumed else "estimated",
        "propensity": [round(float(value), 3) for value in report.places.values],
    }


def _split(
    pairs: LinkedPairs, published: NDArray[np.int64] | None, seed: int, have: str
) -> tuple[LinkedPairs, LinkedPairs]:
    """Split stories into those to train on and those to test, and refuse too few of either."""
    has_link = np.bincount(pairs.story, weights=pairs.linked, minlength=len(pairs)) > 0
    if has_link.sum() < 2 * LEAST_STORIES:
        raise InputError(
            f"{int(has_link.sum()):,} stories link to an older story among their candidates{have}; learning needs "
            f"{2 * LEAST_STORIES}: {LEAST_STORIES} to train and {LEAST_STORIES} to test. `recommender check` shows how "
            "many links lead to no story of the input; give more with --links, --picks or --clicks"
        )
    is_tested = _mask_tested(pairs.group, published, has_link, seed)
    n_train, n_test = int((~is_tested & has_link).sum()), int((is_tested & has_link).sum())
    if min(n_train, n_test) < LEAST_STORIES:
        raise InputError(
            f"{n_train} stories that link{have} to train and {n_test} to test; learning needs {LEAST_STORIES} of each: "
            "give more"
        )
    tested = pairs.take(is_tested)
    group = _interval_groups(tested.group, None if published is None else published[is_tested])
    return pairs.take(~is_tested), replace(tested, group=group)


def _make_pairs(
    archive: Archive, links: pa.Table, log: ClickLog | None, clicked: Clicked | None, progress: Progress
) -> tuple[LinkedPairs, NDArray[np.int64], float]:
    """Pair stories with their candidates; returns also each story's row, and the share of linked items missed."""
    features = feature_names()
    stories, items = (archive.catalog.rows(links[side].to_pylist()) for side in ("story", "item"))
    anchors = links["anchor"].to_pylist() if "anchor" in links.schema.names else []
    if log is None or clicked is None:
        pairs, rows = linked_pairs(archive, stories, items, features, anchors=anchors, progress=progress)
        return pairs, rows, _missed_share(pairs)
    group = _connected_groups(archive, stories, items, clicked, log)
    pairs, rows = linked_pairs(archive, stories, items, features, anchors=anchors, group=group, progress=progress)
    of_clicks = clicked_pairs(archive, clicked, features, group=group, progress=progress)
    parts = [part for part in (pairs, of_clicks) if len(part)] or [pairs]
    every = LinkedPairs.concatenate(parts, apart=False)
    return every, np.concatenate([rows, clicked.stories]), _missed_share(pairs)


def _connected_groups(
    archive: Archive, stories: NDArray[np.int64], items: NDArray[np.int64], clicked: Clicked, log: ClickLog
) -> NDArray[np.int64]:
    """Group the rows, one number each: links and the sessions of readers connect the stories of a group.

    Without dates folds are all that keeps train and test apart: there sessions that join most stories do not count.
    """
    n_rows, (earlier, later) = len(archive.catalog), clicked.sessions(log)
    group = connected_rows(n_rows, np.concatenate([stories, earlier]), np.concatenate([items, later]))
    if archive.dated or np.bincount(group[clicked.stories]).max(initial=0) <= len(clicked.stories) / 2:
        return group
    return connected_rows(n_rows, stories, items)


def _missed_share(pairs: LinkedPairs) -> float:
    n_links = int(pairs.links.sum())
    return 1 - float(pairs.linked.sum()) / n_links if n_links else float("nan")


def _mask_tested(
    group: NDArray[np.int64], published: NDArray[np.int64] | None, has_link: NDArray[np.bool_], seed: int
) -> NDArray[np.bool_]:
    """Mark the stories to test, (s,): the newest of those that link to a candidate, or groups drawn."""
    if published is None:
        return fold_of(group, 10, seed=seed) < round(10 * _TEST_SHARE)
    return np.asarray(published > np.quantile(published[has_link], 1 - _TEST_SHARE, method="lower"))


def _interval_groups(group: NDArray[np.int64], published: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Return groups of stories for intervals, (s,): those that links connect, or runs in time.

    Where reports of a running story link on and on, all stories are connected.
    """
    if published is None or len(np.unique(group)) >= _LEAST_GROUPS:
        return group
    order = np.argsort(np.argsort(published, kind="stable"), kind="stable")
    return np.asarray(order * _RUNS_IN_TIME // max(len(order), 1))


def _learning_curve(
    trained: LinkedPairs,
    tested: LinkedPairs,
    ndcg_of_all: NDArray[np.float64],
    seed: int,
    prior: Ranker | None,
    progress: Progress,
) -> tuple[tuple[int, float], ...]:
    """Measure nDCG@5 by the number of training stories: whole groups, drawn in one order."""
    fold = fold_of(trained.group, 20, seed=seed)
    curve = []
    for number, share in enumerate(_TRAINING_SHARES, 1):
        if share == 1:
            curve.append((len(trained), float(ndcg_of_all.mean())))
            continue
        part = trained.take(fold < round(20 * share))
        if len(part) and part.linked.any():
            ranker = learn(part, name="part", seed=seed, calibrate=False, prior=prior)
            curve.append((len(part), float(ndcg_by_story(tested, ranker.raw(tested.values)).mean())))
        progress("learning", number, len(_TRAINING_SHARES))
    return tuple(curve)


def _refuse_chance(trained: LinkedPairs, tested: LinkedPairs, fitted: Ranker, seed: int) -> None:
    """Refuse links in which nothing can be learned, such as those whose items were mixed up.

    A shipped ranker that was averaged with what they teach would hide that.
    """
    own = fitted if own_share(trained) == 1 else learn(trained, name=fitted.name, seed=seed, calibrate=False)
    value, chance = ndcg_by_story(tested, own.raw(tested.values)), chance_by_story(tested)
    above = bootstrap(value - chance, tested.group, seed=seed)
    if above.low <= 0:  # a single group has no interval
        raise InputError(
            f"what was learned orders the candidates of {len(tested):,} other stories no better than chance: nDCG@5 "
            f"{short(float(value.mean()))} against {short(float(chance.mean()))}. The links look drawn at random: "
            "check that each story is next to its own items"
        )


def _losses_without_families(tested: LinkedPairs, fitted: Ranker) -> dict[str, float]:
    """Measure what nDCG@5 loses without each family."""

    def mean_ndcg(values: NDArray[np.float32]) -> float:
        return float(ndcg_by_story(tested, fitted.raw(values)).mean())

    with_all = mean_ndcg(tested.values)
    return {
        family.name: with_all - mean_ndcg(_blank_features(tested, family.names))
        for family in FAMILIES.values()
        if any(name in tested.features for name in family.names)
    }


def _sample(pairs: LinkedPairs, seed: int) -> LinkedPairs:
    """Draw at most `_MOST_SAMPLED` of the stories: enough for a mean."""
    if len(pairs) <= _MOST_SAMPLED:
        return pairs
    is_drawn = np.random.default_rng((seed, 11)).permutation(len(pairs)) < _MOST_SAMPLED
    return pairs.take(is_drawn)


def _blank_features(pairs: LinkedPairs, names: Sequence[str]) -> NDArray[np.float32]:
    """Return the values of all features, with NaN for some, as if they were not known."""
    values = pairs.values.copy()
    values[:, [column for column, name in enumerate(pairs.features) if name in names]] = np.nan
    return values


def _related_at(pairs: LinkedPairs, ranker: Ranker, present: Ranker) -> float | None:
    """Find the cut at which as many candidates count as related as under the ranker in use.

    The probability of a link means something else in every archive, so that a cut cannot be taken over as it is.
    """
    if present.related_at is None:
        return None
    is_related = present.probability(present.raw(pairs.select_features(present.features).values)) >= present.related_at
    # few trees give many candidates the same value: the cut is the value whose share is nearest
    values, counts = np.unique(ranker.probability(ranker.raw(pairs.values)), return_counts=True)
    shares = np.cumsum(counts[::-1])[::-1] / counts.sum()
    return float(values[np.abs(shares - is_related.mean()).argmin()])


def _needed_stories(gain: Estimate, tested: int) -> int | None:
    """Estimate how many test stories would leave 0 out of an interval around this gain."""
    if gain.low > 0 or gain.high < 0 or not gain.value or not np.isfinite(gain.low):
        return None
    width = (gain.high - gain.low) / 2
    return int(np.ceil(tested * (width / abs(gain.value)) ** 2))
