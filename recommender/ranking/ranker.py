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
from recommender.ranking.trees import Trees, trees_of
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
            np.ascontiguousarray(values.T),
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
                trees=trees_of(held["trees"], len(features)),
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
