"""Learn a ranker from linked and not linked candidates: boosted trees of scikit-learn, made plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.features.families import FAMILIES
from recommender.ranking.ranker import Ranker
from recommender.ranking.trees import padded_trees
from recommender.statistics import fold_of

DEPTH = 4
LEAVES = 8
ROUNDS = 60
RATE = 0.1
LEAST_PAIRS = 40  # in a leaf
L2 = 5.0
BINS = 255  # of a feature, whose ends splits are tried at
MODELS = 2  # of other seeds, averaged
NEGATIVES = 10.0  # what the candidates of a story that are not linked weigh together; those that are weigh 1
DROPPED = ("embedding", "time", "section", "names", "title")
"""Families that are left out at random in training, so that each may be missing later."""
_MOST_PAIRS = 500_000  # of more, not linked ones far down are drawn
_NEAR = 30  # candidates of a story that are always kept
SHIPPED_COUNTS = 100  # as many stories with links: so much a shipped ranker counts beside what was learned ...
ALONE = 900  # ... from fewer stories than these
_MANY = 5_000  # stories from which on the probability is fitted on one fold


@dataclass(frozen=True, eq=False)
class LinkedPairs:
    """Stories with their candidates, and which of these their journalists linked.

    Attributes
    ----------
    values : ndarray of float32, shape (m, f)
        Features of the pairs, story after story, candidates best first by the search.
    linked : ndarray of bool, shape (m,)
    story : ndarray of int64, shape (m,)
        Number of the story, counted from 0, ascending.
    links : ndarray of int64, shape (s,)
        How many items each story links that could have been candidates.
    group : ndarray of int64, shape (s,)
        Stories that links connect share a number.
    features : tuple of str
    chosen : ndarray of float64, shape (m,), optional
        How often the item was chosen of the times that it was offered; default: once where it is linked.
    offered : ndarray of float64, shape (m,), optional
        Default: once each.
    """

    values: NDArray[np.float32]
    linked: NDArray[np.bool_]
    story: NDArray[np.int64]
    links: NDArray[np.int64]
    group: NDArray[np.int64]
    features: tuple[str, ...]
    chosen: NDArray[np.float64] | None = None
    offered: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.links)

    @property
    def counts(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """`chosen` and `offered`, with their defaults."""
        if self.chosen is None or self.offered is None:
            return self.linked.astype(np.float64), np.ones(len(self.linked))
        return self.chosen, self.offered

    def take(self, stories: NDArray[np.bool_]) -> LinkedPairs:
        """Keep some stories, by a mask (s,)."""
        kept = stories[self.story]
        number = np.cumsum(stories) - 1
        return LinkedPairs(
            values=self.values[kept],
            linked=self.linked[kept],
            story=number[self.story[kept]],
            links=self.links[stories],
            group=self.group[stories],
            features=self.features,
            chosen=None if self.chosen is None else self.chosen[kept],
            offered=None if self.offered is None else self.offered[kept],
        )

    def among(self, features: Sequence[str]) -> LinkedPairs:
        """Keep only some features, in their order."""
        columns = [self.features.index(name) for name in features]
        return replace(self, values=np.ascontiguousarray(self.values[:, columns]), features=tuple(features))

    @classmethod
    def joined(cls, parts: Sequence[LinkedPairs], *, apart: bool = True) -> LinkedPairs:
        """Join several sets; their groups stay apart, unless they are numbered alike."""
        first_story = np.cumsum([0, *(len(part) for part in parts)])
        first_group = np.cumsum([0, *(int(part.group.max(initial=-1)) + 1 if apart else 0 for part in parts)])
        counted = any(part.chosen is not None for part in parts)
        chosen, offered = (np.concatenate([part.counts[at] for part in parts]) if counted else None for at in (0, 1))
        return cls(
            values=np.concatenate([part.values for part in parts]),
            linked=np.concatenate([part.linked for part in parts]),
            story=np.concatenate([part.story + first for part, first in zip(parts, first_story, strict=False)]),
            links=np.concatenate([part.links for part in parts]),
            group=np.concatenate([part.group + first for part, first in zip(parts, first_group, strict=False)]),
            features=parts[0].features,
            chosen=chosen,
            offered=offered,
        )


def feature_names(*, without: Sequence[str] = ()) -> tuple[str, ...]:
    """Name all features of the registry but those of some families."""
    return tuple(name for family in FAMILIES.values() if family.name not in without for name in family.names)


def monotone_of(features: Sequence[str]) -> list[int]:
    """Tell how the relevance may move with each feature: 1 = only up, -1 = only down, 0 = as it likes."""
    known = {
        name: column.monotone
        for family in FAMILIES.values()
        for name, column in zip(family.names, family.columns, strict=True)
    }
    return [known[name] for name in features]


def weights_of(pairs: LinkedPairs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weigh each pair as one that was chosen, and as one that was not; float64 (m,) each.

    Each story counts the same: what was chosen 1 together, and the rest `NEGATIVES`; 0 where nothing was chosen.
    """
    chosen, offered = pairs.counts
    left = np.maximum(offered - chosen, 0)
    every, others = (np.bincount(pairs.story, weights=part, minlength=len(pairs)) for part in (chosen, left))
    up, down = (
        np.divide(total, sums, where=(sums > 0) & (every > 0), out=np.zeros(len(pairs)))[pairs.story]
        for total, sums in ((1.0, every), (NEGATIVES, others))
    )
    return chosen * up, left * down


def learn(
    pairs: LinkedPairs,
    *,
    name: str,
    embedder: str = "",
    seed: int = 0,
    provenance: Mapping[str, Any] | None = None,
    calibrate: bool = True,
    prior: Ranker | None = None,
) -> Ranker:
    """Learn a ranker from the links of stories.

    Parameters
    ----------
    pairs : LinkedPairs
    name : str
    embedder : str
        Fingerprint of the embedder whose vectors the pairs were computed with.
    seed : int, default 0
    provenance : mapping, optional
        What the file says of its making.
    calibrate : bool, default True
        Fit the probability on raw scores of stories that trees did not see; else raw scores are taken as log odds.
    prior : Ranker, optional
        One that knows other newsrooms, and counts beside what few stories with links teach.

    Notes
    -----
    `HistGradientBoostingClassifier` with few leaves, monotone where a sane editor would insist, on linked against not
    linked candidates. The trees of `MODELS` models are averaged; each leaves families out at random, story by story.
    """
    share = 1.0 if prior is None else own_share(pairs)

    def grown(part: LinkedPairs, number: int) -> Ranker:
        trees, base = _boosted(part, number, MODELS if share == 1 else 1)
        own = Ranker(
            name=name,
            features=pairs.features,
            trees=trees,
            base=base,
            calibration=(1.0, 0.0),
            embedder=embedder,
            related_at=None,
            provenance=dict(provenance or {}),
        )
        return own if prior is None or share == 1 else own.averaged(prior, share)

    ranker = grown(pairs, seed)
    if not calibrate:
        return ranker
    fold = fold_of(pairs.group, 3, seed=seed)
    folds = 3 if len(pairs) < _MANY else 1  # of many stories a third tells two numbers
    raw, seen = np.empty(len(pairs.linked)), fold < folds
    for number in range(folds):
        held = fold == number
        if held.all() or not held.any():
            return ranker
        part = pairs.take(~held)
        if not part.linked.any():
            return ranker
        mask = held[pairs.story]
        raw[mask] = grown(part, seed + 1).raw(pairs.values[mask])
    return replace(ranker, calibration=_calibration(raw[seen[pairs.story]], pairs.take(seen)))


def own_share(pairs: LinkedPairs) -> float:
    """Weigh what was learned from some stories against a ranker that ships: by how many have links, 1 = alone."""
    linking = len(np.unique(pairs.story[pairs.linked]))
    return linking / (linking + SHIPPED_COUNTS) if linking < ALONE else 1.0


def _boosted(pairs: LinkedPairs, seed: int, models: int) -> tuple[Any, float]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    up, down = weights_of(pairs)
    down, drawn = _drawn(pairs, down, seed)
    # one that was chosen at times, and at times not, is there twice
    place = np.concatenate([np.flatnonzero(up > 0), drawn])
    order = np.argsort(place, kind="stable")
    kept, linked = place[order], order < len(place) - len(drawn)
    weight = np.where(linked, up[kept], down[kept])
    values, story = pairs.values[kept], pairs.story[kept]
    weight /= weight.mean()
    columns = {
        family: [place for place, name in enumerate(pairs.features) if name.startswith(f"{family}.")]
        for family in DROPPED
    }
    share = _dropped_share(len(pairs))
    nodes, base = [], 0.0
    edges = [_edges(column) for column in values.T]
    # numbers of bins in the place of values: scikit-learn's own bins of weighted values take longer than the trees
    values = np.stack([_binned(column, edge) for column, edge in zip(values.T, edges, strict=True)], axis=1)
    for number in range(models):
        rng = np.random.default_rng((seed, number))
        seen = values.copy()
        for places in columns.values():
            gone = rng.random(len(pairs)) < share
            if places:
                seen[np.ix_(np.flatnonzero(gone[story]), np.array(places))] = np.nan
        seen[:, np.isnan(seen).all(axis=0)] = 0  # a column of nothing splits nothing
        model = HistGradientBoostingClassifier(
            learning_rate=RATE,
            max_iter=ROUNDS,
            max_leaf_nodes=LEAVES,
            max_depth=DEPTH,
            min_samples_leaf=LEAST_PAIRS,
            l2_regularization=L2,
            max_bins=255,
            monotonic_cst=monotone_of(pairs.features),
            early_stopping=False,
            random_state=seed * MODELS + number,
        ).fit(seen, linked, sample_weight=weight)
        nodes += [predictor.nodes for (predictor,) in model._predictors]
        base += float(model._baseline_prediction.ravel()[0]) / models
    return padded_trees(nodes, 1 / models, edges), base


def _edges(column: NDArray[np.float32]) -> NDArray[np.float32]:
    """Choose the upper ends of the bins of a feature: its quantiles."""
    known = column[~np.isnan(column)]
    if not len(known):
        return np.zeros(1, np.float32)
    return np.unique(np.quantile(known, np.linspace(0, 1, BINS)[1:-1], method="lower").astype(np.float32))


def _binned(column: NDArray[np.float32], edges: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isnan(column), column, np.searchsorted(edges, column).astype(np.float32))


def _dropped_share(stories: int) -> float:
    return 0.1 if stories >= 100 else 0.0


def _drawn(pairs: LinkedPairs, down: NDArray[np.float64], seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Draw the pairs to train on; gives also their weights as not chosen, raised where others are left out."""
    useful = down > 0
    most = _MOST_PAIRS - int((pairs.linked).sum())
    if useful.sum() <= most:
        return down, np.flatnonzero(useful)
    first = np.searchsorted(pairs.story, np.arange(len(pairs)))
    far = useful & ~pairs.linked & (np.arange(len(pairs.story)) - first[pairs.story] >= _NEAR)
    share = min(max((most - (useful & ~far).sum()) / max(far.sum(), 1), 0.05), 1.0)
    drawn = np.random.default_rng((seed, 7)).random(len(far)) < share
    return np.where(far, down / share, down), np.flatnonzero(useful & (~far | drawn))


def _calibration(raw: NDArray[np.float64], pairs: LinkedPairs) -> tuple[float, float]:
    """Fit slope and offset of the log odds of a link, by logistic regression (Platt, 1999)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e6)
    if pairs.chosen is None:
        model.fit(raw[:, None], pairs.linked)
    else:
        chosen, offered = pairs.counts
        share = np.clip(chosen / np.maximum(offered, 1e-9), 0, 1)
        side = np.repeat([True, False], len(raw))
        model.fit(np.tile(raw, 2)[:, None], side, sample_weight=np.concatenate([share, 1 - share]))
    slope, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
    return (slope, offset) if slope > 0 else (1.0, 0.0)
