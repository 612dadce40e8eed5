"""Learn a newsroom's own ranker from its links, and find out whether it is better than the one at hand."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.archive.linked import linked_pairs
from recommender.articles.links import LinkReport
from recommender.errors import InputError
from recommender.features.families import FAMILIES
from recommender.progress import Progress, silent
from recommender.ranking.learn import LinkedPairs, feature_names, learn
from recommender.ranking.ranker import Ranker
from recommender.statistics import Estimate, bootstrap, fold_of
from recommender.version import __version__

LEAST_STORIES = 50
"""Stories with links that training needs, and as many more for the test."""

_TEST_SHARE = 0.3
_AT = 5  # places of a list that the verdict is about
_GROUPS, _RUNS = 20, 30  # least groups that intervals are drawn from; runs in time, where there are fewer
_CURVE = (0.25, 0.5, 1.0)  # shares of the training stories


@dataclass(frozen=True, kw_only=True)
class LearnReport:
    """What was learned, and how it does on stories that it did not see.

    Attributes
    ----------
    ranker : Ranker
        Refitted on all stories. The figures are those of the fit on the training stories alone.
    split : {'chronological', 'grouped'}
        The newest 30 % were tested, or, without dates, groups drawn at random.
    trained, tested : int
        Stories with links.
    learned, present, words : Estimate
        nDCG@5 of the test stories' candidates by the new ranker, by the one at hand, and by words alone.
    gain : Estimate
        What the new ranker gains over the one at hand.
    curve : tuple of (int, float)
        Training stories and nDCG@5.
    families : mapping of str to float
        What nDCG@5 loses without each family of features.
    missed : float
        Share of the linked items that were no candidates: no ranker can bring them back.
    needed : int or None
        Test stories that a verdict on a gain of this size would take; None if there is a verdict.
    links : LinkReport
        What became of the links that were found.
    """

    ranker: Ranker
    split: str
    trained: int
    tested: int
    learned: Estimate
    present: Estimate
    words: Estimate
    gain: Estimate
    curve: tuple[tuple[int, float], ...]
    families: Mapping[str, float]
    missed: float
    needed: int | None
    links: LinkReport = field(default=LinkReport())

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
        """One sentence for people."""
        if self.better:
            return f"better than the ranker at hand: {self.gain} nDCG@5 on {self.tested:,} stories"
        if self.worse:
            return f"worse than the ranker at hand: {self.gain} nDCG@5 on {self.tested:,} stories; keep the one at hand"
        more = f"; about {self.needed:,} test stories would tell" if self.needed else ""
        return f"no difference shown: {self.gain} nDCG@5 on {self.tested:,} stories{more}"


def learn_from_links(
    archive: Archive,
    links: pa.Table,
    *,
    embedder: str = "",
    name: str = "own",
    seed: int = 0,
    progress: Progress = silent,
) -> LearnReport:
    """Learn a ranker from the links of an archive's stories.

    Parameters
    ----------
    archive : Archive
    links : pyarrow.Table
        Columns `story` and `item`, ids of the archive; maybe `anchor`, the words of the link.
    embedder : str
        Fingerprint of the embedder of the archive's vectors.
    name : str
    seed : int, default 0
    progress : callable

    Raises
    ------
    InputError
        If too few stories link to older stories of the archive.
    """
    catalog = archive.catalog
    stories, items = (catalog.rows(links[side].to_pylist()) for side in ("story", "item"))
    present = archive.ranker if archive.ranker is not None else Ranker.default("lexical")
    features = feature_names()
    anchors = links["anchor"].to_pylist() if "anchor" in links.schema.names else []
    pairs, rows = linked_pairs(archive, stories, items, features, anchors=anchors, progress=progress)
    useful = np.bincount(pairs.story, weights=pairs.linked, minlength=len(pairs)) > 0
    missed = 1 - float(pairs.linked.sum()) / max(int(pairs.links.sum()), 1)
    if useful.sum() < 2 * LEAST_STORIES:
        raise InputError(
            f"{int(useful.sum()):,} stories link to an older story among their candidates; learning needs "
            f"{2 * LEAST_STORIES}: {LEAST_STORIES} to train and {LEAST_STORIES} to test. Check `recommender info` for "
            "links that were not found in the archive, or give more with --links"
        )
    published = catalog.published[rows]
    held = _tested(pairs.group, published if archive.dated else None, useful, seed)
    trained, tested = pairs.take(~held), pairs.take(held)
    tested = replace(tested, group=_drawn_together(tested.group, published[held] if archive.dated else None))
    to_train, to_test = int((~held & useful).sum()), int((held & useful).sum())
    if min(to_train, to_test) < LEAST_STORIES:
        raise InputError(
            f"{to_train} stories with links to train and {to_test} to test; learning needs {LEAST_STORIES} of each: "
            "give more links"
        )
    fitted = learn(trained, name=name, embedder=embedder, seed=seed, calibrate=False)
    value = ndcg_by_story(tested, fitted.raw(tested.values))
    before = ndcg_by_story(tested, present.raw(tested.among(present.features).values))
    words = ndcg_by_story(tested, tested.among(("words.cosine",)).values[:, 0].astype(np.float64))
    gain = bootstrap(value - before, tested.group, seed=seed)
    curve = _curve(trained, tested, value, seed, progress)
    families = {
        family.name: float(value.mean() - ndcg_by_story(tested, fitted.raw(_blank(tested, family.names))).mean())
        for family in FAMILIES.values()
        if any(column in features for column in family.names)
    }
    provenance = {
        "library": __version__,
        "python": platform.python_version(),
        "protocol": "trained on links to older stories; the newest 30 % were tested, then it was fitted again on all",
        "stories": len(pairs),
        "trained": len(trained),
        "tested": len(tested),
        "nDCG@5": {
            "of": "the fit on the training stories alone",
            "learned": round(float(value.mean()), 4),
            "at hand": round(float(before.mean()), 4),
            "gain": [round(one, 4) for one in (gain.value, gain.low, gain.high)],
        },
        "seed": seed,
    }
    ranker = learn(pairs, name=name, embedder=embedder, seed=seed, provenance=provenance)
    return LearnReport(
        ranker=replace(ranker, related_at=_related_at(pairs, ranker, present)),
        split="chronological" if archive.dated else "grouped",
        trained=len(trained),
        tested=len(tested),
        learned=bootstrap(value, tested.group, seed=seed),
        present=bootstrap(before, tested.group, seed=seed),
        words=bootstrap(words, tested.group, seed=seed),
        gain=gain,
        curve=curve,
        families=families,
        missed=missed,
        needed=_needed(gain, len(tested)),
    )


def ndcg_by_story(pairs: LinkedPairs, scores: NDArray[np.float64], at: int = _AT) -> NDArray[np.float64]:
    """NDCG of each story's candidates by score, float64 (s,); all linked older items count, found or not.

    Every linked item has gain 1 (Järvelin and Kekäläinen, 2002); ties keep the order of the search.
    """
    order = np.lexsort((np.arange(len(scores)), -np.nan_to_num(scores, nan=-np.inf), pairs.story))
    first = np.searchsorted(pairs.story, np.arange(len(pairs)))
    place = np.arange(len(scores)) - first[pairs.story]  # stories stay where they are
    gain = np.where(place < at, pairs.linked[order] / np.log2(place + 2.0), 0.0)
    best = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(at) + 2.0))])
    return np.asarray(np.bincount(pairs.story, weights=gain, minlength=len(pairs)) / best[np.minimum(pairs.links, at)])


def _tested(
    group: NDArray[np.int64], published: NDArray[np.int64] | None, useful: NDArray[np.bool_], seed: int
) -> NDArray[np.bool_]:
    """Stories to test, (s,): the newest 30 % of those that link to a candidate, or groups drawn."""
    if published is None:
        return fold_of(group, 10, seed=seed) < round(10 * _TEST_SHARE)
    return np.asarray(published > np.quantile(published[useful], 1 - _TEST_SHARE, method="lower"))


def _drawn_together(group: NDArray[np.int64], published: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Groups of stories for intervals, (s,): those that links connect, or runs in time.

    Where reports of a running story link on and on, all stories are connected.
    """
    if published is None or len(np.unique(group)) >= _GROUPS:
        return group
    order = np.argsort(np.argsort(published, kind="stable"), kind="stable")
    return np.asarray(order * _RUNS // max(len(order), 1))


def _curve(
    trained: LinkedPairs, tested: LinkedPairs, whole: NDArray[np.float64], seed: int, progress: Progress
) -> tuple[tuple[int, float], ...]:
    """NDCG@5 by the number of training stories: whole groups, drawn in one order."""
    fold = fold_of(trained.group, 20, seed=seed)
    found = []
    for place, share in enumerate(_CURVE):
        if share == 1:
            found.append((len(trained), float(whole.mean())))
            continue
        part = trained.take(fold < round(20 * share))
        if len(part) and part.linked.any():
            ranker = learn(part, name="part", seed=seed, calibrate=False)
            found.append((len(part), float(ndcg_by_story(tested, ranker.raw(tested.values)).mean())))
        progress("learning", place + 1, len(_CURVE))
    return tuple(found)


def _blank(pairs: LinkedPairs, names: Sequence[str]) -> NDArray[np.float32]:
    """Features without those of some columns: missing, as if nobody could tell."""
    values = pairs.values.copy()
    values[:, [place for place, name in enumerate(pairs.features) if name in names]] = np.nan
    return values


def _related_at(pairs: LinkedPairs, ranker: Ranker, present: Ranker) -> float | None:
    """The cut at which as many candidates count as related as under the ranker at hand.

    The probability of a link means something else in every archive, so that a cut cannot be taken over as it is.
    """
    if present.related_at is None:
        return None
    passed = present.probability(present.raw(pairs.among(present.features).values)) >= present.related_at
    return float(np.quantile(ranker.probability(ranker.raw(pairs.values)), 1 - passed.mean()))


def _needed(gain: Estimate, tested: int) -> int | None:
    """Test stories at which an interval around this gain would leave 0 out."""
    if gain.low > 0 or gain.high < 0 or not gain.value or not np.isfinite(gain.low):
        return None
    width = (gain.high - gain.low) / 2
    return int(np.ceil(tested * (width / abs(gain.value)) ** 2))
