"""The least relevance of an item: calibrated on judgments where known, and on the archive itself."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

import numpy as np
import orjson
from numpy.typing import NDArray

from recommender.articles.catalog import Catalog
from recommender.features.table import FeatureTable
from recommender.ranking.score import weighted_cosines
from recommender.search.pools import StoryQueries
from recommender.settings import Settings

_STORIES, _PARTNERS = 400, 50  # random pairs sampled: 20,000
_TAIL = 0.01  # share of random pairs that may pass
_PER_PLACE = 4  # in a small archive at least so many stories per place of a list


def relevance_floor(
    queries: Callable[[NDArray[np.int64]], StoryQueries],
    catalog: Catalog,
    table: FeatureTable,
    settings: Settings,
    calibration: str,
) -> float | None:
    """Find the least relevance of a related item, as the settings ask for it.

    'auto' is the greater of two values: the relevance at which a reader follows the link with
    probability .5 (`calibration.json`, per embedder and default weights; none for other models), and
    the 99th percentile of random pairs of this archive. In an archive of fewer than 400 stories per place
    of a list the percentile gives way, so that on average `4 k` stories could pass: with `k`, half of the
    stories would be starved of candidates that judges would follow.

    Returns
    -------
    float or None
        None: no floor.
    """
    if settings.selection.related_at != "auto":
        return settings.selection.related_at
    calibrated, random = calibrated_floor(calibration, settings), None
    current = np.flatnonzero(catalog.alive)
    if len(current) > 1:
        rng = np.random.default_rng(0)
        stories = rng.choice(current, size=min(_STORIES, len(current)), replace=False)
        partners = rng.choice(current, size=(len(stories), _PARTNERS))
        _, _, relevance = weighted_cosines(queries(stories), table, partners, settings.ranking)
        random_pairs = relevance[partners != stories[:, None]]
        tail = min(max(_TAIL, _PER_PLACE * settings.selection.k / len(current)), 0.5)
        random = float(np.quantile(random_pairs, 1 - tail)) if len(random_pairs) else None
    return calibrated if random is None else max(calibrated or 0.0, random)


def calibrated_floor(calibration: str, settings: Settings) -> float | None:
    """Look up the relevance that half of the judges follow, of an embedder under the default weights; else None."""
    content = orjson.loads(files("recommender.ranking").joinpath("calibration.json").read_bytes())
    weights = settings.ranking.dense_weight, settings.ranking.lexical_weight
    if list(weights) != content["weights"]:
        return None
    floor = content["follow_at_half"].get(calibration)
    return None if floor is None else float(floor)
