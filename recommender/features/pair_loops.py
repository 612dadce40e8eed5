"""Compiled loops over pairs of stories and candidates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel


@kernel(least=16)
def text_pairs(
    start: int,
    stop: int,
    query_rows: NDArray[np.int64],
    rows: NDArray[np.int64],
    query_whole: Any,
    query_title: Any,
    query_lead: Any,
    query_names: Any,
    item_whole: Any,
    item_title: Any,
    item_lead: Any,
    item_names: Any,
    rarity: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Compute `TEXT_PAIRS` of stories and their candidates, (q, c, 9); a part is (indptr, indices, data).

    The terms of each story get small numbers, so that all its weights stay in the nearest cache.
    """
    term_number = np.zeros(len(rarity), dtype=np.int32)
    for query in range(start, stop):
        query_row = query_rows[query]
        first, last = query_whole[0][query_row], query_whole[0][query_row + 1]
        weight = np.zeros((last - first + 1, 4), dtype=np.float32)
        for entry in range(first, last):
            term_number[query_whole[1][entry]] = entry - first + 1
            weight[entry - first + 1, 0] = query_whole[2][entry]
        # The other parts are parts of the whole text, so their terms have numbers.
        for entry in range(query_title[0][query_row], query_title[0][query_row + 1]):
            weight[term_number[query_title[1][entry]], 1] = query_title[2][entry]
        for entry in range(query_lead[0][query_row], query_lead[0][query_row + 1]):
            weight[term_number[query_lead[1][entry]], 2] = query_lead[2][entry]
        for entry in range(query_names[0][query_row], query_names[0][query_row + 1]):
            weight[term_number[query_names[1][entry]], 3] = query_names[2][entry]
        weight[0] = 0
        no_title = query_title[0][query_row] == query_title[0][query_row + 1]
        no_names = query_names[0][query_row] == query_names[0][query_row + 1]
        for column in range(rows.shape[1]):
            item = rows[query, column]
            if item < 0:
                out[query, column] = np.nan
                continue
            whole_whole, title_whole, lead_whole, rare = 0.0, 0.0, 0.0, 0.0
            for entry in range(item_whole[0][item], item_whole[0][item + 1]):
                term = term_number[item_whole[1][entry]]
                if term:
                    value = item_whole[2][entry]
                    whole_whole += np.float64(np.float32(weight[term, 0] * value))
                    title_whole += np.float64(np.float32(weight[term, 1] * value))
                    lead_whole += np.float64(np.float32(weight[term, 2] * value))
                    rare += np.float64(rarity[item_whole[1][entry]])
            title_title, whole_title, lead_lead, whole_lead, shared_names = 0.0, 0.0, 0.0, 0.0, 0.0
            for entry in range(item_title[0][item], item_title[0][item + 1]):
                term = term_number[item_title[1][entry]]
                if term:
                    title_title += np.float64(np.float32(weight[term, 1] * item_title[2][entry]))
                    whole_title += np.float64(np.float32(weight[term, 0] * item_title[2][entry]))
            for entry in range(item_lead[0][item], item_lead[0][item + 1]):
                term = term_number[item_lead[1][entry]]
                if term:
                    lead_lead += np.float64(np.float32(weight[term, 2] * item_lead[2][entry]))
                    whole_lead += np.float64(np.float32(weight[term, 0] * item_lead[2][entry]))
            for entry in range(item_names[0][item], item_names[0][item + 1]):
                term = term_number[item_names[1][entry]]
                if term:
                    shared_names += np.float64(np.float32(weight[term, 3] * item_names[2][entry]))
            untitled = item_title[0][item] == item_title[0][item + 1]
            nameless = item_names[0][item] == item_names[0][item + 1]
            pair = out[query, column]
            pair[0], pair[1], pair[2], pair[3] = whole_whole, title_whole, lead_whole, rare
            pair[4], pair[5], pair[6], pair[7], pair[8] = title_title, whole_title, lead_lead, whole_lead, shared_names
            if no_title:
                pair[1] = np.nan
            if untitled:
                pair[5] = np.nan
            if no_title or untitled:
                pair[4] = np.nan
            if no_names or nameless:
                pair[8] = np.nan
        for entry in range(first, last):
            term_number[query_whole[1][entry]] = 0


@kernel(least=64)
def standing(
    start: int, stop: int, values: NDArray[np.float32], is_pooled: NDArray[np.bool_], out: NDArray[np.float32]
) -> None:
    """Compute the standing of each value among those of the story's pool, (q, c, 3), see `Pairs.standing`."""
    for query in range(start, stop):
        count = 0
        negated = np.empty(values.shape[1], dtype=np.float32)
        for column in range(values.shape[1]):
            if is_pooled[query, column] and not np.isnan(values[query, column]):
                negated[count] = -values[query, column]
                count += 1
        ranked = np.sort(negated[:count])
        best = -ranked[0] if count else np.float32(np.nan)
        total, n_neighbours = 0.0, 0
        for place in range(2, min(count, 10)):
            total -= np.float64(ranked[place])
            n_neighbours += 1
        neighbour_mean = total / n_neighbours if n_neighbours else np.nan
        for column in range(values.shape[1]):
            value = values[query, column]
            if np.isnan(value) or not count:
                out[query, column] = np.nan
                continue
            out[query, column, 0] = np.searchsorted(ranked, -value)  # how many values are greater
            out[query, column, 1] = best - value
            out[query, column, 2] = value - neighbour_mean


@kernel(least=64)
def nearest_mean(
    start: int,
    stop: int,
    indptr: NDArray[np.int32],
    terms: NDArray[np.int32],
    weights: NDArray[np.float32],
    by_term_indptr: NDArray[np.int32],
    by_term_rows: NDArray[np.int32],
    by_term_weights: NDArray[np.float32],
    n_sampled: int,
    n_nearest: int,
    n_neighbours: int,
    n_skipped: int,
    out: NDArray[np.float32],
) -> None:
    """Compute mean products of each row with the nearest rows of a sample, which is given term by term: (n, 2).

    The first mean is over the `n_nearest` greatest products, the second over the `n_neighbours` greatest without the
    first `n_skipped`. A product of 1 is the row itself, or a copy of its text, and does not count.
    """
    products = np.zeros(n_sampled, dtype=np.float64)
    best = np.zeros(n_neighbours, dtype=np.float64)
    for row in range(start, stop):
        products[:] = 0
        for place in range(indptr[row], indptr[row + 1]):
            term, weight = terms[place], weights[place]
            for entry in range(by_term_indptr[term], by_term_indptr[term + 1]):
                products[by_term_rows[entry]] += np.float64(np.float32(weight * by_term_weights[entry]))
        best[:] = 0
        for other in range(n_sampled):
            value = products[other]
            if value > best[n_neighbours - 1] and value < 0.9999:
                place = n_neighbours - 1
                while place > 0 and best[place - 1] < value:
                    best[place] = best[place - 1]
                    place -= 1
                best[place] = value
        out[row, 0] = np.float32(best[:n_nearest].sum() / n_nearest)
        out[row, 1] = np.float32(best[n_skipped:].sum() / (n_neighbours - n_skipped))


@kernel(least=16)
def nearest_products(
    start: int,
    stop: int,
    vectors: NDArray[np.int16],
    sample: NDArray[np.int16],
    same_text: int,
    n_neighbours: int,
    n_skipped: int,
    out: NDArray[np.float64],
) -> None:
    """Compute the mean of each vector's `n_neighbours` greatest products with a sample, without the first `n_skipped`.

    A product from `same_text` on is the row itself, or a copy of its text, and does not count.
    """
    best = np.zeros(n_neighbours, dtype=np.int64)
    for row in range(start, stop):
        vector = vectors[row]
        best[:] = 0
        for sampled in range(len(sample)):
            other = sample[sampled]
            total = np.int32(0)
            for k in range(len(vector)):
                total = np.int32(total + np.int32(np.int32(vector[k]) * np.int32(other[k])))
            if total > best[n_neighbours - 1] and total < same_text:
                place = n_neighbours - 1
                while place > 0 and best[place - 1] < total:
                    best[place] = best[place - 1]
                    place -= 1
                best[place] = total
        out[row] = best[n_skipped:].sum() / (n_neighbours - n_skipped)
