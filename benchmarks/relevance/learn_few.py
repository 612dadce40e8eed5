"""What a newsroom's own links add to a ranker that never saw it, by how many of its stories have links.

    python -m benchmarks.learn_few --data DATA [--cache FILE] [--draws 2] [--write]

Of cbc and nos each in turn is the newsroom, and a ranker learned from the other is at hand. From four of five folds of
the newsroom's groups, some groups are drawn until so many stories have links; the fifth is tested. NDCG@5 of the
candidates in order of: the ranker at hand; trees of the own links alone; both, as `recommender learn` puts them
together. Figures are means over folds and draws, and pairs with intervals by groups.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.learn_default import FOLDS, held_pairs, told
from numpy.typing import NDArray

from benchmarks.common import write_result
from recommender.ranking.learn import LinkedPairs, learn
from recommender.ranking.ndcg import ndcg_by_story
from recommender.statistics import bootstrap, fold_of

SIZES = (50, 100, 200, 400)


def drawn(own: LinkedPairs, allowed: NDArray[np.bool_], size: int, seed: int) -> LinkedPairs:
    """Draw whole groups of allowed stories, until there are as many stories as wanted."""
    chosen = np.zeros(len(own), dtype=bool)
    for group in np.random.default_rng(seed).permutation(np.unique(own.group[allowed])):
        if chosen.sum() >= size:
            break
        chosen |= allowed & (own.group == group)
    return own.take(chosen)


def measured(own: LinkedPairs, other: LinkedPairs, size: int, draws: int) -> dict[str, NDArray[np.float64]]:
    """Measure each way on all stories of a newsroom, (s,)."""
    hand = learn(other, name="at hand", calibrate=False)
    found = {way: np.zeros(len(own)) for way in ("at hand", "own links alone", "both")}
    for draw in range(draws):
        fold = fold_of(own.group, FOLDS, seed=draw)
        for number in range(FOLDS):
            part, held = drawn(own, fold != number, size, 100 * draw + number), own.take(fold == number)
            alone = learn(part, name="own", seed=draw, calibrate=False)
            both = learn(part, name="both", seed=draw, calibrate=False, prior=hand)
            for way, ranker in zip(found, (hand, alone, both), strict=True):
                found[way][fold == number] += ndcg_by_story(held, ranker.raw(held.values)) / draws
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with cbc and nos")
    parser.add_argument("--cache", type=Path, help="file of the vector cache")
    parser.add_argument("--draws", type=int, default=2, help="draws of folds and groups that figures are the mean of")
    parser.add_argument("--write", action="store_true", help="keep the figures in benchmarks/results")
    arguments = parser.parse_args()
    held, _ = held_pairs(arguments.data, arguments.cache)
    rows: list[dict[str, Any]] = []
    for name, own in held.items():
        (other,) = (part for other, part in held.items() if other != name)
        for size in SIZES:
            if size > len(own) * (FOLDS - 1) / FOLDS:
                continue
            found = measured(own, other, size, arguments.draws)
            gains = {f"both over {way}": found["both"] - found[way] for way in ("at hand", "own links alone")}
            row = {"newsroom": name, "stories with links": size}
            row |= {way: round(float(value.mean()), 4) for way, value in found.items()}
            row |= {way: told(bootstrap(value, own.group)) for way, value in gains.items()}
            rows.append(row)
            print(row, flush=True)
    if arguments.write:
        write_result("learn_few", {"draws": arguments.draws, "folds": FOLDS}, rows)


if __name__ == "__main__":
    main()
