"""Learn a ranker from linked and not linked candidates: boosted trees of scikit-learn, made plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.features.families import FAMILIES
from recommender.ranking.ranker import Ranker
from recommender.ranking.trees import Trees, trees_from_sklearn
from recommender.statistics import fold_of

DEPTH = 4
LEAVES = 8
ROUNDS = 60
RATE = 0.1
LEAST_PAIRS = 40  # in a leaf
L2 = 5.0
BINS = 255  # of a feature, whose ends splits are tried at
MODELS = 2  # averaged; every second one learns the order
NEGATIVES = 10.0  # what the candidates of a story that are not linked weigh together; the linked ones weigh 1
DROPPED = ("embedding", "time", "section", "names", "title")
"""Families that are left out at random in training, so that each may be missing later."""
_DROPPED_SHARE, _DROPPED_FROM = 0.1, 100  # how often each, and from how many stories on
_MOST_PAIRS = 500_000  # of more pairs, those far down without a link are drawn
_NEAR = 30  # candidates of a story that are always kept
SHIPPED_COUNTS = 100  # a shipped ranker counts as much as so many stories with links ...
ALONE = 900  # ... where fewer stories than these have links
_MANY = 5_000  # stories from which on the probability is fitted on one fold


@dataclass(frozen=True, eq=False)
class LinkedPairs:
    """Stories with their candidates, and which of these their journalists linked."""

    values: NDArray[np.float32]  # (m, f); features of the pairs, story after story, candidates best first by the search
    linked: NDArray[np.bool_]  # (m,)
    story: NDArray[np.int64]  # (m,); number of the story, counted from 0, ascending
    links: NDArray[np.int64]  # (s,); how many items each story links that could have been candidates
    group: NDArray[np.int64]  # (s,); stories that links connect share a number
    features: tuple[str, ...]
    # (m,); how often the item was chosen of the times that it was offered; default: once where it is linked
    chosen: NDArray[np.float64] | None = None
    offered: NDArray[np.float64] | None = None  # (m,); default: once each

    def __len__(self) -> int:
        return len(self.links)

    @property
    def counts(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """`chosen` and `offered`, with their defaults."""
        if self.chosen is None or self.offered is None:
            return self.linked.astype(np.float64), np.ones(len(self.linked))
        return self.chosen, self.offered

    def take(self, stories: NDArray[np.bool_]) -> LinkedPairs:
        """Return the pairs of some stories, by a mask (s,)."""
        is_kept = stories[self.story]
        number = np.cumsum(stories) - 1
        return LinkedPairs(
            values=self.values[is_kept],
            linked=self.linked[is_kept],
            story=number[self.story[is_kept]],
            links=self.links[stories],
            group=self.group[stories],
            features=self.features,
            chosen=None if self.chosen is None else self.chosen[is_kept],
            offered=None if self.offered is None else self.offered[is_kept],
        )

    def select_features(self, features: Sequence[str]) -> LinkedPairs:
        """Return the pairs with some of the features, in their order."""
        columns = [self.features.index(name) for name in features]
        return replace(self, values=np.ascontiguousarray(self.values[:, columns]), features=tuple(features))

    @classmethod
    def concatenate(cls, parts: Sequence[LinkedPairs], *, apart: bool = True) -> LinkedPairs:
        """Concatenate several sets; their groups stay apart, unless they are numbered alike."""
        first_story = np.cumsum([0, *(len(part) for part in parts)])
        first_group = np.cumsum([0, *(int(part.group.max(initial=-1)) + 1 if apart else 0 for part in parts)])
        has_counts = any(part.chosen is not None for part in parts)
        return cls(
            values=np.concatenate([part.values for part in parts]),
            linked=np.concatenate([part.linked for part in parts]),
            story=np.concatenate([part.story + first for part, first in zip(parts, first_story, strict=False)]),
            links=np.concatenate([part.links for part in parts]),
            group=np.concatenate([part.group + first for part, first in zip(parts, first_group, strict=False)]),
            features=parts[0].features,
            chosen=np.concatenate([part.counts[0] for part in parts]) if has_counts else None,
            offered=np.concatenate([part.counts[1] for part in parts]) if has_counts else None,
        )


def feature_names(*, without: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of all features of the registry except those of some families."""
    return tuple(name for family in FAMILIES.values() if family.name not in without for name in family.names)


def monotone_directions(features: Sequence[str]) -> list[int]:
    """Return how the relevance may change with each feature: 1 = only up, -1 = only down, 0 = either."""
    directions = {
        name: column.monotone
        for family in FAMILIES.values()
        for name, column in zip(family.names, family.columns, strict=True)
    }
    return [directions[name] for name in features]


def pair_weights(pairs: LinkedPairs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute what each pair weighs as one that was chosen, and as one that was not; float64 (m,) each.

    Each story counts the same: its chosen items 1 together, and the others `NEGATIVES`; 0 where nothing was chosen.
    """
    chosen, offered = pairs.counts
    not_chosen = np.maximum(offered - chosen, 0)
    chosen_of_story = np.bincount(pairs.story, weights=chosen, minlength=len(pairs))
    not_chosen_of_story = np.bincount(pairs.story, weights=not_chosen, minlength=len(pairs))

    def weight(total: float, sums: NDArray[Any]) -> NDArray[np.float64]:
        counts = (sums > 0) & (chosen_of_story > 0)
        weights = np.divide(total, sums, where=counts, out=np.zeros(len(pairs)))
        return np.asarray(weights[pairs.story])

    return chosen * weight(1.0, chosen_of_story), not_chosen * weight(NEGATIVES, not_chosen_of_story)


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
    embedder : str
        Fingerprint of the embedder whose vectors the pairs were computed with.
    provenance : mapping, optional
        What the file says of its making.
    calibrate : bool, default True
        Fit the probability on raw scores of stories that the trees were not grown on; else raw scores are log odds.
    prior : Ranker, optional
        A ranker learned from other newsrooms, which is averaged with what few stories with links teach.

    Notes
    -----
    `HistGradientBoostingClassifier` with few leaves, monotone where a sane editor would insist, on linked against not
    linked candidates. The trees of `MODELS` models are averaged: the first learns the odds of a link, the second the
    order of the candidates (`OrderLoss`), and so on. Clicks, whose weights tell how likely a place was seen, teach odds
    alone. Each model leaves families out at random, story by story.
    """
    share = 1.0 if prior is None else own_share(pairs)

    def fit(part: LinkedPairs, number: int) -> Ranker:
        trees, base = _grow_trees(part, number, MODELS if share == 1 else 1)
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
        return own if prior is None or share == 1 else own.average_with(prior, share)

    ranker = fit(pairs, seed)
    return _calibrated(ranker, pairs, seed, fit) if calibrate else ranker


def own_share(pairs: LinkedPairs) -> float:
    """Compute the weight of what some stories teach against a shipped ranker, by how many have links; 1 = alone."""
    n_linking = len(np.unique(pairs.story[pairs.linked]))
    return n_linking / (n_linking + SHIPPED_COUNTS) if n_linking < ALONE else 1.0


def _grow_trees(pairs: LinkedPairs, seed: int, n_models: int) -> tuple[Trees, float]:
    """Fit boosted trees; returns them as arrays, with the raw score before the first."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    from recommender.ranking.order_loss import OrderLoss

    rows, is_linked, weights = _training_rows(pairs, seed)
    values, story = pairs.values[rows], pairs.story[rows]
    edges = [_bin_edges(column) for column in values.T]
    # numbers of bins instead of values: scikit-learn's own binning of weighted values takes longer than the trees
    bins = np.stack([_to_bins(column, edge) for column, edge in zip(values.T, edges, strict=True)], axis=1)
    nodes, base = [], 0.0
    for number in range(n_models):
        rng = np.random.default_rng((seed, number))
        learns_order = number % 2 == 1 and pairs.chosen is None
        model = HistGradientBoostingClassifier(
            loss=OrderLoss(story, is_linked) if learns_order else "log_loss",
            learning_rate=RATE,
            max_iter=ROUNDS,
            max_leaf_nodes=LEAVES,
            max_depth=DEPTH,
            min_samples_leaf=LEAST_PAIRS,
            l2_regularization=L2,
            max_bins=255,
            monotonic_cst=monotone_directions(pairs.features),
            early_stopping=False,
            random_state=seed * MODELS + number,
        ).fit(_drop_families(bins, pairs, story, rng), is_linked, sample_weight=weights)
        nodes += [predictor.nodes for (predictor,) in model._predictors]
        base += float(model._baseline_prediction.ravel()[0]) / n_models
    return trees_from_sklearn(nodes, 1 / n_models, edges), base


def _training_rows(pairs: LinkedPairs, seed: int) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float64]]:
    """Choose the pairs to train on; returns their rows, whether each counts as linked, and its weight.

    A pair that was chosen at some times, and at others not, is there twice.
    """
    chosen, not_chosen = pair_weights(pairs)
    not_chosen, drawn = _draw_pairs(pairs, not_chosen, seed)
    rows = np.concatenate([np.flatnonzero(chosen > 0), drawn])
    order = np.argsort(rows, kind="stable")
    is_linked = order < len(rows) - len(drawn)
    rows = rows[order]
    weights = np.where(is_linked, chosen[rows], not_chosen[rows])
    return rows, is_linked, weights / weights.mean()


def _draw_pairs(
    pairs: LinkedPairs, weights: NDArray[np.float64], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Draw the pairs that count as not chosen; returns also their weights, raised where others are left out."""
    has_weight = weights > 0
    most = _MOST_PAIRS - int((pairs.linked).sum())
    if has_weight.sum() <= most:
        return weights, np.flatnonzero(has_weight)
    first = np.searchsorted(pairs.story, np.arange(len(pairs)))
    is_far = has_weight & ~pairs.linked & (np.arange(len(pairs.story)) - first[pairs.story] >= _NEAR)
    share = min(max((most - (has_weight & ~is_far).sum()) / max(is_far.sum(), 1), 0.05), 1.0)
    is_drawn = np.random.default_rng((seed, 7)).random(len(is_far)) < share
    return np.where(is_far, weights / share, weights), np.flatnonzero(has_weight & (~is_far | is_drawn))


def _bin_edges(column: NDArray[np.float32]) -> NDArray[np.float32]:
    """Choose the upper ends of the bins of a feature: its quantiles."""
    known = column[~np.isnan(column)]
    if not len(known):
        return np.zeros(1, np.float32)
    return np.unique(np.quantile(known, np.linspace(0, 1, BINS)[1:-1], method="lower").astype(np.float32))


def _to_bins(column: NDArray[np.float32], edges: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isnan(column), column, np.searchsorted(edges, column).astype(np.float32))


def _drop_families(
    bins: NDArray[np.float32], pairs: LinkedPairs, story: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Blank families of features of random stories, so that the trees can do without each."""
    bins = bins.copy()
    share = _DROPPED_SHARE if len(pairs) >= _DROPPED_FROM else 0.0
    for family in DROPPED:
        columns = [column for column, name in enumerate(pairs.features) if name.startswith(f"{family}.")]
        is_dropped = rng.random(len(pairs)) < share
        if columns:
            bins[np.ix_(np.flatnonzero(is_dropped[story]), np.array(columns))] = np.nan
    bins[:, np.isnan(bins).all(axis=0)] = 0  # scikit-learn needs a value in every column
    return bins


def _calibrated(ranker: Ranker, pairs: LinkedPairs, seed: int, fit: Callable[[LinkedPairs, int], Ranker]) -> Ranker:
    """Fit the probability on scores of rankers that were not fitted on the stories; without such stories it stays."""
    fold = fold_of(pairs.group, 3, seed=seed)
    n_folds = 3 if len(pairs) < _MANY else 1  # a third of many stories is enough for two numbers
    raw, is_scored = np.empty(len(pairs.linked)), fold < n_folds
    for number in range(n_folds):
        is_held_out = fold == number
        if is_held_out.all() or not is_held_out.any():
            return ranker
        training = pairs.take(~is_held_out)
        if not training.linked.any():
            return ranker
        mask = is_held_out[pairs.story]
        raw[mask] = fit(training, seed + 1).raw(pairs.values[mask])
    return replace(ranker, calibration=_fit_calibration(raw[is_scored[pairs.story]], pairs.take(is_scored)))


def _fit_calibration(raw: NDArray[np.float64], pairs: LinkedPairs) -> tuple[float, float]:
    """Fit slope and intercept of the log odds of a link, by logistic regression (Platt, 1999)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e6)
    if pairs.chosen is None:
        model.fit(raw[:, None], pairs.linked)
    else:
        chosen, offered = pairs.counts
        share = np.clip(chosen / np.maximum(offered, 1e-9), 0, 1)
        is_chosen = np.repeat([True, False], len(raw))
        model.fit(np.tile(raw, 2)[:, None], is_chosen, sample_weight=np.concatenate([share, 1 - share]))
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    return (slope, intercept) if slope > 0 else (1.0, 0.0)
