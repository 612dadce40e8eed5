"""The learned ranker: boosted trees as plain arrays, stored as JSON, walked by a compiled loop."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
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
from recommender.ranking.trees import Trees, trees_from_lists
from recommender.storage.atomic import write_atomically

FORMAT = 2
_KIND = "recommender ranker"
_SHIPPED = {"4e7ac22f1eabac165f265cde8db0dd78": "minilm-lead"}
"""Shipped rankers by the vector space of the embedder that they were learned with; every other one takes `lexical`.

Their files tell the fingerprint as well, but that names the machine that they were learned on, too.
"""
_MOST_BYTES = 64 << 20  # of a file: a thousand trees take less


@dataclass(frozen=True, eq=False, kw_only=True)
class Ranker:
    """Scores pairs of a story and a candidate by their features.

    Examples
    --------
    >>> ranker = Ranker.default("lexical")
    >>> "words.cosine" in ranker.features
    True
    """

    name: str
    features: tuple[str, ...]  # columns that the trees read, by name, in order
    trees: Trees
    base: float  # raw score before the first tree
    # slope and offset from the raw score to the log odds that a journalist links the pair
    calibration: tuple[float, float]
    embedder: str  # vector space or fingerprint of the embedder that the ranker was trained with; '' = any will do
    related_at: float | None  # probability from which on an item counts as related
    closeness: Closeness | None = None  # what else an item must be to count as related; None = nothing
    # data, protocol, versions and held-out figures; nothing that tells a story's text or id
    provenance: Mapping[str, Any]

    def raw(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score pairs: the sum of the leaves in the order of the trees, the same bits on every machine, (m,).

        `values`, (m, len(features)): NaN = missing.
        """
        scores = np.empty(len(values), dtype=np.float64)
        trees = self.trees
        loops.tree_sums(
            len(values),
            np.ascontiguousarray(values.T),
            trees.feature,
            trees.threshold,
            trees.missing_left,
            trees.value,
            self.base,
            scores,
        )
        return scores

    def average_with(self, other: Ranker, share: float) -> Ranker:
        """Append the trees of another ranker, which reads no other features: raw scores are the weighted mean.

        Parameters
        ----------
        other : Ranker
        share : float
            Weight of this ranker's scores, between 0 and 1; those of the other have the rest.
        """
        depth = max(self.trees.depth, other.trees.depth)
        own, others = self.trees.pad(depth), other.trees.pad(depth)
        column = np.array([self.features.index(name) for name in other.features], np.int32)
        trees = Trees(
            np.concatenate([own.feature, column[others.feature]]),
            np.concatenate([own.threshold, others.threshold]),
            np.concatenate([own.missing_left, others.missing_left]),
            np.concatenate([own.value * share, others.value * (1 - share)]),
            np.concatenate([own.count, others.count]),
        )
        averaged_with = {"name": other.name, "sha256": other.sha256, "share": round(1 - share, 4)}
        provenance = {**self.provenance, "averaged with": averaged_with}
        return replace(self, trees=trees, base=share * self.base + (1 - share) * other.base, provenance=provenance)

    def contributions(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Compute what each family of features adds to the log odds of pairs, (m, len(families)).

        On the way to its leaf a pair passes from node to node; each step counts for the feature of the node (Saabas
        2014). Together with the score of an average pair the contributions sum to the log odds.

        Parameters
        ----------
        values : ndarray of float32, shape (m, len(features))
        """
        contributions = np.zeros((len(values), len(self.families)), dtype=np.float64)
        trees = self.trees
        loops.tree_contributions(
            len(values),
            np.ascontiguousarray(values),
            trees.feature,
            trees.threshold,
            trees.missing_left,
            trees.mean,
            self._family_of,
            contributions,
        )
        return contributions * self.calibration[0]

    @cached_property
    def families(self) -> tuple[str, ...]:
        """Families of the features that it reads, in the order of the registry."""
        return tuple(family for family in FAMILIES if any(name.startswith(f"{family}.") for name in self.features))

    @cached_property
    def _family_of(self) -> NDArray[np.int64]:
        """Index of the family of each feature."""
        return np.array([self.families.index(name.partition(".")[0]) for name in self.features], dtype=np.int64)

    def probability(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert raw scores to the probability of a link, which rises with the score."""
        slope, intercept = self.calibration
        with np.errstate(over="ignore"):
            return np.asarray(1 / (1 + np.exp(-(slope * raw + intercept))))

    @cached_property
    def deciding_families(self) -> frozenset[str]:
        """Families of features that decide anything: the two sides of some node of theirs differ."""
        trees, columns = self.trees, set()
        for level in range(trees.depth):
            sides = trees.value.reshape(len(trees.value), 1 << level, 2, -1)
            decides = (sides[:, :, 0] != sides[:, :, 1]).any(axis=2)
            columns.update(np.unique(trees.feature[:, (1 << level) - 1 : (2 << level) - 1][decides]).tolist())
        return frozenset(self.features[column].partition(".")[0] for column in columns)

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the file that `save` writes."""
        return hashlib.sha256(self.to_json()).hexdigest()

    def to_json(self) -> bytes:
        """Return the ranker as JSON, the same bytes for the same ranker."""
        trees = self.trees
        content = {
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
                "threshold": [[float(value) for value in tree] for tree in trees.threshold],
                "missing_left": trees.missing_left.astype(int).tolist(),
                "value": trees.value.tolist(),
                "count": trees.count.tolist(),
            },
        }
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS) + b"\n"

    def save(self, path: str | Path) -> None:
        """Write the ranker to a file."""
        write_atomically(Path(path), self.to_json())

    @classmethod
    def load(cls, path: str | Path) -> Ranker:
        """Read a ranker from a file.

        Raises `SettingsError` if it is missing, damaged, or of another format.
        """
        path = Path(path)
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise SettingsError(f"{path} is larger than any ranker; expected a file that `recommender learn` wrote")
            data = path.read_bytes()
        except OSError as error:
            raise SettingsError(f"cannot read the ranker {path}: {error.strerror}; see ranking.ranker") from error
        return cls.from_json(data, str(path))

    @classmethod
    def from_json(cls, data: bytes, origin: str) -> Ranker:
        """Read a ranker from JSON; `origin` names it in an error."""
        expected = "expected a file that `recommender learn` wrote"
        try:
            content = orjson.loads(data)
            if content["kind"] != _KIND:
                raise ValueError(f"it is of kind {content['kind']!r}")
            if content["format"] != FORMAT:
                raise SettingsError(
                    f"the ranker {origin} has format {content['format']!r}, this version reads format {FORMAT}; "
                    "learn it again with `recommender learn`"
                )
            features = tuple(str(name) for name in content["features"])
            if unknown := sorted(set(features).difference(*(family.names for family in FAMILIES.values()))):
                raise SettingsError(
                    f"the ranker {origin} reads unknown features, such as {unknown[0][:100]!r}; another version "
                    "made it: learn it again with `recommender learn`"
                )
            slope, intercept = (float(value) for value in content["calibration"])
            related_at = content["related_at"]
            ranker = cls(
                name=str(content["name"]),
                features=features,
                trees=trees_from_lists(content["trees"], len(features)),
                base=float(content["base"]),
                calibration=(slope, intercept),
                embedder=str(content["embedder"]),
                related_at=None if related_at is None else float(related_at),
                closeness=Closeness.from_json(closeness) if (closeness := content.get("closeness")) else None,
                provenance=dict(content["provenance"]),
            )
            if not np.isfinite([ranker.base, slope, intercept, related_at or 0.0]).all() or slope <= 0:
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

        return Ranker.from_json(
            files("recommender.ranking").joinpath(f"{name}.json").read_bytes(), f"the shipped ranker {name}"
        )


def find_ranker(wanted: str, space: str, fingerprint: str) -> Ranker | None:
    """Load the ranker that `ranking.ranker` names; None for none.

    `wanted`: 'auto', 'none', or a path. `space`, `fingerprint`: of the embedder, see `embedders.protocol.vector_space`:
    'auto' takes the ranker that was learned in that space, and a file that was learned with vectors of another embedder
    is refused.

    Raises `SettingsError` if the file cannot be used.
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
