"""The learned ranker: boosted trees as plain arrays, stored as JSON, walked by a compiled loop."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from recommender.errors import SettingsError
from recommender.features.families import FAMILIES
from recommender.ranking import loops
from recommender.ranking.closeness import Closeness
from recommender.storage.atomic import write_atomically

FORMAT = 2
_KIND = "recommender ranker"
_MOST_DEPTH = 8
_SHIPPED = {"4e7ac22f1eabac165f265cde8db0dd78": "minilm-lead"}
"""Shipped rankers by the vector space of the embedder that they were learned with; every other one takes `lexical`.

Their files tell the fingerprint as well, but that names the machine that they were learned on, too.
"""
_LARGEST = float(np.finfo(np.float32).max)
_MOST_BYTES = 64 << 20  # of a file: a thousand trees take less


@dataclass(frozen=True, eq=False)
class Trees:
    """Regression trees, all padded to one depth, so that a walk is a fixed number of steps.

    The root of a tree is node 0, the children of node `i` are `2 i + 1` and `2 i + 2`, and the leaves follow.

    Attributes
    ----------
    feature : ndarray of int32, shape (t, 2**depth - 1)
        Column that an inner node looks at.
    threshold : ndarray of float32, shape (t, 2**depth - 1)
        Values up to it go left.
    missing_left : ndarray of bool, shape (t, 2**depth - 1)
        Whether NaN goes left.
    value : ndarray of float64, shape (t, 2**depth)
        What a leaf adds.
    count : ndarray of float64, shape (t, 2**depth)
        Pairs that a leaf held in training; a leaf above the last level shares its pairs out among its copies.
    """

    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    count: NDArray[np.float64]

    @cached_property
    def mean(self) -> NDArray[np.float64]:
        """What each node adds on average over the pairs of training, (t, 2**(depth + 1) - 1): from the root on."""
        means, counts = [self.value], self.count
        while means[0].shape[1] > 1:
            below = means[0] * counts
            counts = counts[:, ::2] + counts[:, 1::2]
            halved = (below[:, ::2] + below[:, 1::2]) / np.maximum(counts, 1e-9)
            means.insert(0, np.where(counts > 0, halved, (means[0][:, ::2] + means[0][:, 1::2]) / 2))
        return np.concatenate(means, axis=1)

    @property
    def depth(self) -> int:
        """Steps from the root to a leaf."""
        return int(self.value.shape[1]).bit_length() - 1

    def padded(self, depth: int) -> Trees:
        """Put questions whose two sides are alike below the leaves, down to a depth."""
        times = 1 << max(depth - self.depth, 0)
        more = ((0, 0), (0, times * self.value.shape[1] - 1 - self.feature.shape[1]))
        return Trees(
            np.pad(self.feature, more),
            np.pad(self.threshold, more),
            np.pad(self.missing_left, more),
            np.repeat(self.value, times, axis=1),
            np.repeat(self.count / times, times, axis=1),
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Ranker:
    """Scores pairs of a story and a candidate by their features.

    Attributes
    ----------
    name : str
    features : tuple of str
        Columns that the trees read, by name, in order.
    trees : Trees
    base : float
        Raw score before the first tree.
    calibration : (float, float)
        Slope and offset from the raw score to the log odds that a journalist links the pair.
    embedder : str
        Vector space or fingerprint of the embedder that the ranker was trained with; '' = any will do.
    related_at : float or None
        Probability from which on an item counts as related.
    closeness : Closeness or None
        What else an item must be to count as related; None = nothing.
    provenance : mapping
        Data, protocol, versions and held-out figures; nothing that tells a story's text or id.

    Examples
    --------
    >>> ranker = Ranker.default("lexical")
    >>> "words.cosine" in ranker.features
    True
    """

    name: str
    features: tuple[str, ...]
    trees: Trees
    base: float
    calibration: tuple[float, float]
    embedder: str
    related_at: float | None
    closeness: Closeness | None = None
    provenance: Mapping[str, Any]

    def raw(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score pairs: the sum of the leaves in the order of the trees, the same bits on every machine.

        Parameters
        ----------
        values : ndarray of float32, shape (m, len(features))
            NaN = missing.

        Returns
        -------
        ndarray of float64, shape (m,)
        """
        found = np.empty(len(values), dtype=np.float64)
        trees = self.trees
        loops.tree_sums(
            len(values),
            np.ascontiguousarray(values),
            trees.feature,
            trees.threshold,
            trees.missing_left,
            trees.value,
            self.base,
            found,
        )
        return found

    def averaged(self, other: Ranker, share: float) -> Ranker:
        """Join the trees of another ranker, whose features are among the own: raw scores are the weighted mean.

        Parameters
        ----------
        other : Ranker
        share : float
            What the own scores count, between 0 and 1; those of the other count the rest.
        """
        depth = max(self.trees.depth, other.trees.depth)
        one, two = self.trees.padded(depth), other.trees.padded(depth)
        column = np.array([self.features.index(name) for name in other.features], np.int32)
        trees = Trees(
            np.concatenate([one.feature, column[two.feature]]),
            np.concatenate([one.threshold, two.threshold]),
            np.concatenate([one.missing_left, two.missing_left]),
            np.concatenate([one.value * share, two.value * (1 - share)]),
            np.concatenate([one.count, two.count]),
        )
        beside = {"name": other.name, "sha256": other.sha256, "share": round(1 - share, 4)}
        provenance = {**self.provenance, "averaged with": beside}
        return replace(self, trees=trees, base=share * self.base + (1 - share) * other.base, provenance=provenance)

    def contributions(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Compute what each family of features adds to the log odds of pairs.

        On the way to its leaf a pair passes from node to node; each step counts for the feature that was looked at
        (Saabas 2014). With what an average pair scores, the parts sum to the log odds.

        Parameters
        ----------
        values : ndarray of float32, shape (m, len(features))

        Returns
        -------
        ndarray of float64, shape (m, len(families))
        """
        found = np.zeros((len(values), len(self.families)), dtype=np.float64)
        trees = self.trees
        loops.tree_parts(
            len(values),
            np.ascontiguousarray(values),
            trees.feature,
            trees.threshold,
            trees.missing_left,
            trees.mean,
            self._family_of,
            found,
        )
        return found * self.calibration[0]

    @cached_property
    def families(self) -> tuple[str, ...]:
        """Families of the features that it reads, in the order of the registry."""
        return tuple(name for name in FAMILIES if any(one.startswith(f"{name}.") for one in self.features))

    @cached_property
    def _family_of(self) -> NDArray[np.int64]:
        """Place of the family of each feature."""
        return np.array([self.families.index(name.partition(".")[0]) for name in self.features], dtype=np.int64)

    def probability(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn raw scores into the probability of a link, rising with the score."""
        slope, offset = self.calibration
        with np.errstate(over="ignore"):
            return np.asarray(1 / (1 + np.exp(-(slope * raw + offset))))

    @cached_property
    def deciding(self) -> frozenset[str]:
        """Families of features that decide anything: in some tree the two sides of a question differ."""
        trees, found = self.trees, set()
        for level in range(trees.depth):
            sides = trees.value.reshape(len(trees.value), 1 << level, 2, -1)
            asked = (sides[:, :, 0] != sides[:, :, 1]).any(axis=2)
            found.update(np.unique(trees.feature[:, (1 << level) - 1 : (2 << level) - 1][asked]).tolist())
        return frozenset(self.features[place].partition(".")[0] for place in found)

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the file that `save` writes."""
        return hashlib.sha256(self.to_json()).hexdigest()

    def to_json(self) -> bytes:
        """Write the ranker as JSON, the same bytes for the same ranker."""
        trees = self.trees
        held = {
            "kind": _KIND,
            "format": FORMAT,
            "name": self.name,
            "embedder": self.embedder,
            "features": list(self.features),
            "base": self.base,
            "calibration": list(self.calibration),
            "related_at": self.related_at,
            "closeness": self.closeness and self.closeness.to_json(),
            "provenance": dict(self.provenance),
            "trees": {
                "feature": trees.feature.tolist(),
                "threshold": [[float(one) for one in line] for line in trees.threshold],
                "missing_left": trees.missing_left.astype(int).tolist(),
                "value": trees.value.tolist(),
                "count": trees.count.tolist(),
            },
        }
        return orjson.dumps(held, option=orjson.OPT_SORT_KEYS) + b"\n"

    def save(self, path: str | Path) -> None:
        """Write the ranker to a file."""
        write_atomically(Path(path), self.to_json())

    @classmethod
    def load(cls, path: str | Path) -> Ranker:
        """Read a ranker from a file.

        Raises
        ------
        SettingsError
            If it is missing, damaged, or of another format.
        """
        path = Path(path)
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise SettingsError(f"{path} is larger than any ranker; expected a file that `recommender learn` wrote")
            data = path.read_bytes()
        except OSError as error:
            raise SettingsError(f"cannot read the ranker {path}: {error.strerror}; see ranking.ranker") from error
        return cls.of(data, str(path))

    @classmethod
    def of(cls, data: bytes, origin: str) -> Ranker:
        """Read a ranker from JSON; `origin` names it in an error."""
        expected = "expected a file that `recommender learn` wrote"
        try:
            held = orjson.loads(data)
            if held["kind"] != _KIND:
                raise ValueError(f"it is of kind {held['kind']!r}")
            if held["format"] != FORMAT:
                raise SettingsError(
                    f"the ranker {origin} has format {held['format']!r}, this version reads format {FORMAT}; "
                    "learn it again with `recommender learn`"
                )
            features = tuple(str(name) for name in held["features"])
            if unknown := sorted(set(features).difference(*(family.names for family in FAMILIES.values()))):
                raise SettingsError(
                    f"the ranker {origin} reads unknown features, such as {unknown[0][:100]!r}; another version "
                    "made it: learn it again with `recommender learn`"
                )
            slope, offset = (float(one) for one in held["calibration"])
            related_at = held["related_at"]
            ranker = cls(
                name=str(held["name"]),
                features=features,
                trees=_trees(held["trees"], len(features)),
                base=float(held["base"]),
                calibration=(slope, offset),
                embedder=str(held["embedder"]),
                related_at=None if related_at is None else float(related_at),
                closeness=Closeness.of(closeness) if (closeness := held.get("closeness")) else None,
                provenance=dict(held["provenance"]),
            )
            if not np.isfinite([ranker.base, slope, offset, related_at or 0.0]).all() or slope <= 0:
                raise ValueError("it holds numbers beyond reason")
        except SettingsError:
            raise
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
            raise SettingsError(
                f"{origin} is no ranker ({type(error).__name__}: {str(error)[:200]}); {expected}"
            ) from error
        return ranker

    @staticmethod
    def default(name: str) -> Ranker:
        """Load the ranker of that name that ships with the package: 'minilm-lead' or 'lexical'."""
        from importlib.resources import files

        return Ranker.of(
            files("recommender.ranking").joinpath(f"{name}.json").read_bytes(), f"the shipped ranker {name}"
        )


def _trees(held: Mapping[str, Any], features: int) -> Trees:
    """Read trees from lists, checked so that no walk can leave its array."""
    feature, threshold = np.array(held["feature"], dtype=np.int32), np.array(held["threshold"], dtype=np.float32)
    missing_left, value = np.array(held["missing_left"], dtype=bool), np.array(held["value"], dtype=np.float64)
    count = np.array(held["count"], dtype=np.float64)
    if value.ndim != 2 or not len(value):
        raise ValueError("it holds no trees")
    leaves = value.shape[1]
    if leaves & (leaves - 1) or not 2 <= leaves <= 1 << _MOST_DEPTH:
        raise ValueError(f"trees of {leaves} leaves")
    shape = (len(value), leaves - 1)
    if not feature.shape == threshold.shape == missing_left.shape == shape:
        raise ValueError(f"trees of shapes {feature.shape}, {threshold.shape}, {missing_left.shape}, expected {shape}")
    if feature.min() < 0 or feature.max() >= features:
        raise ValueError(f"a tree reads column {feature.max()} of {features}")
    if count.shape != value.shape or not np.isfinite(count).all() or count.min() < 0:
        raise ValueError("its leaves held no number of pairs")
    if not np.isfinite(value).all() or not np.isfinite(threshold).all():
        raise ValueError("trees hold numbers beyond reason")
    return Trees(feature, threshold, missing_left, value, count)


def padded_trees(nodes: Sequence[Any], share: float, edges: Sequence[NDArray[np.float32]] | None = None) -> Trees:
    """Make padded trees of the node tables of scikit-learn's histogram gradient boosting.

    Parameters
    ----------
    nodes : sequence of structured ndarray
        `predictor.nodes` of each tree.
    share : float
        What each value counts: 1 / m where the trees of m models are averaged.
    edges : sequence of ndarray of float32, optional
        Upper ends of the bins of each feature, where the trees were grown on numbers of bins.
    """
    depth = max(1, max(int(table["depth"].max()) for table in nodes))
    inner = (1 << depth) - 1
    feature, missing = np.zeros((len(nodes), inner), np.int32), np.zeros((len(nodes), inner), bool)
    threshold, value = np.zeros((len(nodes), inner), np.float32), np.zeros((len(nodes), inner + 1))
    count = np.zeros_like(value)
    for tree, table in enumerate(nodes):
        waiting = [(0, 0)]  # (node of the table, place)
        while waiting:
            node, place = waiting.pop()
            one = table[node]
            if one["is_leaf"]:
                first, last = place, place
                while first < inner:  # all leaves below hold its value
                    first, last = 2 * first + 1, 2 * last + 2
                value[tree, first - inner : last - inner + 1] = one["value"] * share
                count[tree, first - inner : last - inner + 1] = one["count"] / (last - first + 1)
                continue
            # features are float32: the greatest of them that is not above the threshold splits alike
            limit = float(one["num_threshold"])  # infinite where only missing values go apart
            if edges is not None:
                ends = edges[one["feature_idx"]]
                limit = float(ends[int(limit)]) if limit < len(ends) else _LARGEST
            limit = min(limit, _LARGEST)
            at = np.float32(limit)
            threshold[tree, place] = at if at <= limit else np.nextafter(at, np.float32(-np.inf))
            feature[tree, place], missing[tree, place] = one["feature_idx"], one["missing_go_to_left"]
            waiting += [(int(one["left"]), 2 * place + 1), (int(one["right"]), 2 * place + 2)]
    return Trees(feature, threshold, missing, value, count)


def ranker_of(wanted: str, space: str, fingerprint: str) -> Ranker | None:
    """Find the ranker that `ranking.ranker` names.

    Parameters
    ----------
    wanted : str
        'auto', 'none', or a path.
    space, fingerprint : str
        Of the embedder, see `embedders.protocol.vector_space`: 'auto' takes the ranker that was learned in that space,
        and a file that was learned with vectors of another embedder is refused.

    Raises
    ------
    SettingsError
    """
    if wanted == "none":
        return None
    if wanted == "auto":
        return Ranker.default(_SHIPPED.get(space, "lexical"))
    ranker = Ranker.load(wanted)
    if ranker.embedder and ranker.embedder not in (space, fingerprint):
        raise SettingsError(
            f"the ranker {wanted} was learned with the embedder {ranker.embedder}, this archive has "
            f"{space or 'none'}; learn one for it with `recommender learn`, or set ranking.ranker to 'auto'"
        )
    return ranker
