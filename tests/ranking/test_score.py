"""The order of ranked candidates: pins, what is related, the rest; equal keys by relevance, then by id."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from recommender.ranking.score import MORE, RELATED, Ranked


@pytest.mark.parametrize("seed", range(8))
def test_the_order_is_that_of_a_sort_by_all_columns(seed: int) -> None:
    rng, shape = np.random.default_rng(seed), (40, 12)
    has_item = np.sort(rng.random(shape) < 0.8, axis=1)[:, ::-1]
    rows = np.where(has_item, rng.permuted(np.tile(np.arange(30), (40, 1)), axis=1)[:, :12], -1)
    values = {field.name: np.zeros(shape) for field in fields(Ranked)}
    is_pinned = has_item & (rng.random(shape) < (0.1 if seed % 2 else 0))
    values |= {"rows": rows, "is_pinned": is_pinned, "feature_row": np.arange(rows.size).reshape(shape)}
    values |= {"key": rng.integers(0, 4, shape) / 4, "relevance": rng.integers(0, 3, shape) / 4}
    values["source"] = np.where(rng.random(shape) < 0.3 * (seed % 3), MORE, RELATED)
    id_rank = rng.permutation(30)
    found = Ranked(**values).best_first(id_rank)
    for story in range(len(rows)):
        columns = np.flatnonzero(has_item[story]).tolist()
        pins = [column for column in columns if is_pinned[story, column]]  # as they stand
        others = [
            (values["source"][story, at] == MORE, -values["key"][story, at], -values["relevance"][story, at], rank, at)
            for at, rank in zip(columns, id_rank[rows[story, columns]].tolist(), strict=True)
            if at not in pins
        ]
        by_all = pins + [other[-1] for other in sorted(others)]
        assert found.rows[story, found.has_item[story]].tolist() == rows[story, by_all].tolist()
        assert (found.feature_row[story, : len(by_all)] == values["feature_row"][story, by_all]).all()
