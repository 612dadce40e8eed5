"""Compiled loops over pairs of stories and candidates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel

# Constants of compiled loops stand in their story_weights file: numba compiles again only when that file changes.
_AHEAD = 32  # candidates whose terms are read into the cache before any of them is compared
_CACHE_LINE = 16  # numbers of four bytes
_TOP = 10  # greatest values of a story, whose third to last are its neighbours


def read_ahead(values: NDArray[Any], first: int, last: int) -> float:
    """Read one number of each cache line between two entries, and return their sum.

    A loop that compares candidates waits for one cache line after another. This one waits for many at once.
    """
    total = 0.0
    for entry in range(first, last, _CACHE_LINE):
        total += values[entry]
    return total + values[last - 1] if first < last else total


def shared_entries(
    terms: NDArray[np.int32], first: int, last: int, is_known: NDArray[np.uint32], entries: NDArray[np.int64]
) -> int:
    """Write the entries whose terms have their bit set in `is_known` into `entries`, and return their number.

    There is no branch in the loop, since the processor could not predict it.
    """
    count = 0
    for entry in range(first, last):
        term = np.uint32(terms[entry])
        entries[count] = entry
        count += (is_known[term >> 5] >> (term & 31)) & 1
    return count


@kernel(least=16, parts=(read_ahead, shared_entries))
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
    """Compute `TEXT_PAIRS` of stories and their candidates, (10, q, c); a part is (indptr, indices, data).

    The terms of each story get small numbers, so that all its weights stay in the nearest cache.
    """
    # Arrays of tuples are slow to read within loops.
    whole_ends, whole_terms, whole_weights = item_whole
    title_ends, title_terms, title_weights = item_title
    lead_ends, lead_terms, lead_weights = item_lead
    names_ends, names_terms, names_weights = item_names
    term_number = np.zeros(len(rarity), dtype=np.int32)
    is_known = np.zeros(len(rarity) // 32 + 1, dtype=np.uint32)
    shared = np.empty(len(rarity) + 1, dtype=np.int64)
    ends = np.empty((_AHEAD, 8), dtype=np.int64)
    checksum = np.zeros(1)  # The compiler would leave out reads that lead to nothing.
    for query in range(start, stop):
        query_row = query_rows[query]
        first, last = query_whole[0][query_row], query_whole[0][query_row + 1]
        weight = np.zeros((last - first + 1, 5), dtype=np.float32)
        for entry in range(first, last):
            term = query_whole[1][entry]
            term_number[term] = entry - first + 1
            is_known[term >> 5] |= np.uint32(1) << np.uint32(term & 31)
            weight[entry - first + 1, 0] = query_whole[2][entry]
            weight[entry - first + 1, 4] = rarity[term]
        # The other parts are parts of the whole text, so their terms have numbers.
        for entry in range(query_title[0][query_row], query_title[0][query_row + 1]):
            weight[term_number[query_title[1][entry]], 1] = query_title[2][entry]
        for entry in range(query_lead[0][query_row], query_lead[0][query_row + 1]):
            weight[term_number[query_lead[1][entry]], 2] = query_lead[2][entry]
        for entry in range(query_names[0][query_row], query_names[0][query_row + 1]):
            weight[term_number[query_names[1][entry]], 3] = query_names[2][entry]
        no_title = query_title[0][query_row] == query_title[0][query_row + 1]
        no_names = query_names[0][query_row] == query_names[0][query_row + 1]
        for left in range(0, rows.shape[1], _AHEAD):
            width = min(_AHEAD, rows.shape[1] - left)
            for index in range(width):
                item, end = max(rows[query, left + index], 0), ends[index]
                end[0], end[1] = whole_ends[item], whole_ends[item + 1]
                end[2], end[3] = title_ends[item], title_ends[item + 1]
                end[4], end[5] = lead_ends[item], lead_ends[item + 1]
                end[6], end[7] = names_ends[item], names_ends[item + 1]
            for index in range(width):
                end = ends[index]
                checksum[0] += read_ahead(whole_terms, end[0], end[1]) + read_ahead(whole_weights, end[0], end[1])
                checksum[0] += read_ahead(title_terms, end[2], end[3]) + read_ahead(title_weights, end[2], end[3])
                checksum[0] += read_ahead(lead_terms, end[4], end[5]) + read_ahead(lead_weights, end[4], end[5])
                checksum[0] += read_ahead(names_terms, end[6], end[7]) + read_ahead(names_weights, end[6], end[7])
            for index in range(width):
                pair, end = out[:, query, left + index], ends[index]
                if rows[query, left + index] < 0:
                    pair[:] = np.nan
                    continue
                whole_whole, title_whole, lead_whole, rare = 0.0, 0.0, 0.0, 0.0
                n_shared = shared_entries(whole_terms, end[0], end[1], is_known, shared)
                for number in range(n_shared):
                    entry = shared[number]
                    story_weights, value = weight[term_number[whole_terms[entry]]], whole_weights[entry]
                    whole_whole += np.float64(np.float32(story_weights[0] * value))
                    title_whole += np.float64(np.float32(story_weights[1] * value))
                    lead_whole += np.float64(np.float32(story_weights[2] * value))
                    rare += np.float64(story_weights[4])
                title_title, whole_title, lead_lead, whole_lead, shared_names = 0.0, 0.0, 0.0, 0.0, 0.0
                for number in range(shared_entries(title_terms, end[2], end[3], is_known, shared)):
                    entry = shared[number]
                    story_weights, value = weight[term_number[title_terms[entry]]], title_weights[entry]
                    title_title += np.float64(np.float32(story_weights[1] * value))
                    whole_title += np.float64(np.float32(story_weights[0] * value))
                for number in range(shared_entries(lead_terms, end[4], end[5], is_known, shared)):
                    entry = shared[number]
                    story_weights, value = weight[term_number[lead_terms[entry]]], lead_weights[entry]
                    lead_lead += np.float64(np.float32(story_weights[2] * value))
                    whole_lead += np.float64(np.float32(story_weights[0] * value))
                for number in range(shared_entries(names_terms, end[6], end[7], is_known, shared)):
                    entry = shared[number]
                    story_weights, value = weight[term_number[names_terms[entry]]], names_weights[entry]
                    shared_names += np.float64(np.float32(story_weights[3] * value))
                untitled, nameless = end[2] == end[3], end[6] == end[7]
                pair[0], pair[1], pair[2], pair[3] = whole_whole, title_whole, lead_whole, rare
                pair[4], pair[5], pair[6], pair[7] = title_title, whole_title, lead_lead, whole_lead
                pair[8], pair[9] = shared_names, n_shared
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
            is_known[query_whole[1][entry] >> 5] = 0


@kernel(least=64)
def section_pairs(
    start: int,
    stop: int,
    stories: NDArray[np.int32],
    items: NDArray[np.int32],
    rows: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    """Compare the sections of stories, (q, 4), with those of their candidates, (q, c): see `Pairs.sections`."""
    levels = stories.shape[1]
    for story in range(start, stop):
        for column in range(rows.shape[1]):
            row, depth, item_depth, common = rows[story, column], 0, 0, 0
            if row >= 0:
                for level in range(levels):
                    code, item_code = stories[story, level], items[row, level]
                    depth += code != -1
                    item_depth += item_code != -1
                    common += code == item_code and code >= 0
            if depth == 0 or item_depth == 0:
                out[:, story, column] = np.nan
            else:
                out[0, story, column] = common == depth and common == item_depth
                out[1, story, column] = 2 * common / (depth + item_depth)


@kernel(least=64)
def standing(
    start: int, stop: int, values: NDArray[np.float32], is_pooled: NDArray[np.bool_], out: NDArray[np.float32]
) -> None:
    """Compute the standing of each value among those of the story's pool, (3, q, c), see `Pairs.standing`."""
    known = np.empty(values.shape[1], dtype=np.float32)
    top = np.empty(_TOP, dtype=np.float32)
    for query in range(start, stop):
        count = 0
        for column in range(values.shape[1]):
            if is_pooled[query, column] and not np.isnan(values[query, column]):
                known[count] = values[query, column]
                count += 1
        pool = known[:count]
        top[:] = np.nan
        for column in range(values.shape[1]):
            value = values[query, column]
            greater = np.int32(0)
            for other in pool:  # Comparing with all takes few instructions, unlike sorting and searching.
                greater = np.int32(greater + np.int32(other > value))
            out[0, query, column] = greater
            rank = np.int64(greater) if is_pooled[query, column] and not np.isnan(value) else _TOP
            while rank < _TOP and not np.isnan(top[rank]):  # An equal value stands there.
                rank += 1
            if rank < _TOP:
                top[rank] = value
        total, n_neighbours = 0.0, 0
        for rank in range(2, min(count, _TOP)):
            total += np.float64(top[rank])
            n_neighbours += 1
        neighbour_mean = total / n_neighbours if n_neighbours else np.nan
        for column in range(values.shape[1]):
            value = values[query, column]
            if np.isnan(value) or not count:
                out[:, query, column] = np.nan
                continue
            out[1, query, column] = top[0] - value
            out[2, query, column] = value - neighbour_mean


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
        for entry in range(indptr[row], indptr[row + 1]):
            term, weight = terms[entry], weights[entry]
            for entry in range(by_term_indptr[term], by_term_indptr[term + 1]):
                products[by_term_rows[entry]] += np.float64(np.float32(weight * by_term_weights[entry]))
        best[:] = 0
        for other in range(n_sampled):
            value = products[other]
            if value > best[n_neighbours - 1] and value < 0.9999:
                rank = n_neighbours - 1
                while rank > 0 and best[rank - 1] < value:
                    best[rank] = best[rank - 1]
                    rank -= 1
                best[rank] = value
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
                rank = n_neighbours - 1
                while rank > 0 and best[rank - 1] < total:
                    best[rank] = best[rank - 1]
                    rank -= 1
                best[rank] = total
        out[row] = best[n_skipped:].sum() / (n_neighbours - n_skipped)
