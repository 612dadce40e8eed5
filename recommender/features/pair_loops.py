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
    at: NDArray[np.int64],
    rows: NDArray[np.int64],
    query_whole: Any,
    query_title: Any,
    query_lead: Any,
    query_names: Any,
    whole: Any,
    title: Any,
    lead: Any,
    names: Any,
    rarity: NDArray[np.float32],
    found: NDArray[np.float32],
) -> None:
    """Compare parts of stories with parts of their candidates; a part is (indptr, indices, data), see `texts`.

    The terms of one story get small numbers, so that all its weights stay in the nearest cache.
    """
    number = np.zeros(len(rarity), dtype=np.int32)
    for line in range(start, stop):
        row = at[line]
        first, last = query_whole[0][row], query_whole[0][row + 1]
        weight = np.zeros((last - first + 1, 4), dtype=np.float32)
        for place in range(first, last):
            number[query_whole[1][place]] = place - first + 1
            weight[place - first + 1, 0] = query_whole[2][place]
        # the other parts are parts of the whole text: their terms have numbers
        for place in range(query_title[0][row], query_title[0][row + 1]):
            weight[number[query_title[1][place]], 1] = query_title[2][place]
        for place in range(query_lead[0][row], query_lead[0][row + 1]):
            weight[number[query_lead[1][place]], 2] = query_lead[2][place]
        for place in range(query_names[0][row], query_names[0][row + 1]):
            weight[number[query_names[1][place]], 3] = query_names[2][place]
        weight[0] = 0
        no_title = query_title[0][row] == query_title[0][row + 1]
        no_names = query_names[0][row] == query_names[0][row + 1]
        for column in range(rows.shape[1]):
            item = rows[line, column]
            if item < 0:
                found[line, column] = np.nan
                continue
            whole_whole, title_whole, lead_whole, rare = 0.0, 0.0, 0.0, 0.0
            for place in range(whole[0][item], whole[0][item + 1]):
                term = number[whole[1][place]]
                if term:
                    value = whole[2][place]
                    whole_whole += np.float64(np.float32(weight[term, 0] * value))
                    title_whole += np.float64(np.float32(weight[term, 1] * value))
                    lead_whole += np.float64(np.float32(weight[term, 2] * value))
                    rare += np.float64(rarity[whole[1][place]])
            title_title, whole_title, lead_lead, whole_lead, shared_names = 0.0, 0.0, 0.0, 0.0, 0.0
            for place in range(title[0][item], title[0][item + 1]):
                term = number[title[1][place]]
                if term:
                    title_title += np.float64(np.float32(weight[term, 1] * title[2][place]))
                    whole_title += np.float64(np.float32(weight[term, 0] * title[2][place]))
            for place in range(lead[0][item], lead[0][item + 1]):
                term = number[lead[1][place]]
                if term:
                    lead_lead += np.float64(np.float32(weight[term, 2] * lead[2][place]))
                    whole_lead += np.float64(np.float32(weight[term, 0] * lead[2][place]))
            for place in range(names[0][item], names[0][item + 1]):
                term = number[names[1][place]]
                if term:
                    shared_names += np.float64(np.float32(weight[term, 3] * names[2][place]))
            untitled = title[0][item] == title[0][item + 1]
            nameless = names[0][item] == names[0][item + 1]
            out = found[line, column]
            out[0], out[1], out[2], out[3] = whole_whole, title_whole, lead_whole, rare
            out[4], out[5], out[6], out[7], out[8] = title_title, whole_title, lead_lead, whole_lead, shared_names
            if no_title:
                out[1] = np.nan
            if untitled:
                out[5] = np.nan
            if no_title or untitled:
                out[4] = np.nan
            if no_names or nameless:
                out[8] = np.nan
        for place in range(first, last):
            number[query_whole[1][place]] = 0


@kernel(least=64)
def standing(
    start: int, stop: int, values: NDArray[np.float32], among: NDArray[np.bool_], found: NDArray[np.float32]
) -> None:
    """Place each value of a line among those marked, see `pairs.standing`; found (q, c, 3)."""
    for line in range(start, stop):
        held = 0
        order = np.empty(values.shape[1], dtype=np.float32)
        for column in range(values.shape[1]):
            if among[line, column] and not np.isnan(values[line, column]):
                order[held] = -values[line, column]
                held += 1
        ranked = np.sort(order[:held])
        best = -ranked[0] if held else np.float32(np.nan)
        near, count = 0.0, 0
        for place in range(2, min(held, 10)):
            near -= np.float64(ranked[place])
            count += 1
        local = near / count if count else np.nan
        for column in range(values.shape[1]):
            value = values[line, column]
            if np.isnan(value) or not held:
                found[line, column] = np.nan
                continue
            before = np.searchsorted(ranked, -value)  # those that are greater
            found[line, column, 0] = before
            found[line, column, 1] = best - value
            found[line, column, 2] = value - local


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
    sample: int,
    few: int,
    nearest: int,
    passed: int,
    found: NDArray[np.float32],
) -> None:
    """Average the greatest products of each row with the rows of a sample, which is given term by term: (n, 2).

    First of the greatest `few`, then of the `nearest` beyond the first ones, which are `passed` over. A product of 1 is
    the row itself, or a copy of its text, and does not count.
    """
    total = np.zeros(sample, dtype=np.float64)
    best = np.zeros(nearest, dtype=np.float64)
    for row in range(start, stop):
        total[:] = 0
        for place in range(indptr[row], indptr[row + 1]):
            term, weight = terms[place], weights[place]
            for at in range(by_term_indptr[term], by_term_indptr[term + 1]):
                total[by_term_rows[at]] += np.float64(np.float32(weight * by_term_weights[at]))
        best[:] = 0
        for at in range(sample):
            value = total[at]
            if value > best[nearest - 1] and value < 0.9999:
                place = nearest - 1
                while place > 0 and best[place - 1] < value:
                    best[place] = best[place - 1]
                    place -= 1
                best[place] = value
        found[row, 0] = np.float32(best[:few].sum() / few)
        found[row, 1] = np.float32(best[passed:].sum() / (nearest - passed))


@kernel(least=16)
def nearest_products(
    start: int,
    stop: int,
    vectors: NDArray[np.int16],
    sample: NDArray[np.int16],
    limit: int,
    nearest: int,
    passed: int,
    found: NDArray[np.float64],
) -> None:
    """Average each vector's greatest products with a sample, (n,), beyond the first few, which are `passed` over.

    A product from `limit` on is the row itself, or a copy of its text, and does not count.
    """
    best = np.zeros(nearest, dtype=np.int64)
    for row in range(start, stop):
        vector = vectors[row]
        best[:] = 0
        for at in range(len(sample)):
            other = sample[at]
            total = np.int32(0)
            for k in range(len(vector)):
                total = np.int32(total + np.int32(np.int32(vector[k]) * np.int32(other[k])))
            if total > best[nearest - 1] and total < limit:
                place = nearest - 1
                while place > 0 and best[place - 1] < total:
                    best[place] = best[place - 1]
                    place -= 1
                best[place] = total
        found[row] = best[passed:].sum() / (nearest - passed)
