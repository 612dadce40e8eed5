"""Compiled loops of the search: the search terms of stories, and the best rows of each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel

# constants of the loops are defined in this file: machine code is compiled again if this file changes
LANES = 64  # products compared together before each is compared alone; compilers vectorise no shorter loop
MEANING, WORDS = 3, 10  # factors of the products of vectors and of words: unit words are sqrt(.7) long
TILE = 1 << 14  # rows that many stories are compared with together: what is summed for each stays in the cache


def select(values: NDArray[np.int64], size: int, nth: int, spare: NDArray[np.int64]) -> int:
    """Return the `nth` least of the first `size` values, which lose their order; `spare` has room for one more.

    Quickselect without a branch on the data: a third of the time of `np.partition` on a hundred values.
    """
    first, last = 0, size
    while True:
        a, b, c = values[first], values[(first + last) // 2], values[last - 1]
        pivot = max(min(a, b), min(max(a, b), c))
        less, equal, more = 0, 0, 0
        for i in range(first, last):
            value = values[i]
            spare[less] = value
            less += value < pivot
            equal += value == pivot
        if nth < first + less:
            last = first + less
            values[first:last] = spare[:less]
        elif nth < first + less + equal:
            return int(pivot)
        else:
            for i in range(first, last):
                value = values[i]
                spare[more] = value
                more += value > pivot
            first += less + equal
            values[first:last] = spare[:more]


def thin(
    story: int,
    id_rank: NDArray[np.int64],
    position: NDArray[np.int32],
    product: NDArray[np.int32],
    size: NDArray[np.int32],
    worst: NDArray[np.int32],
    count: int,
    scratch: NDArray[np.int64],
) -> None:
    """Keep the best `count` rows in the buffer of a story; `scratch` (2, room + 1) is overwritten."""
    filled = size[story]
    scratch[0, :filled] = product[story, :filled]
    least = select(scratch[0], filled, filled - count, scratch[1])
    above, equal = 0, 0
    for i in range(filled):
        above += product[story, i] > least
        equal += product[story, i] == least
    n_equal = count - above
    last_rank = len(id_rank) << 40  # of those with the least product, the first by id
    if equal > n_equal:
        equal = 0
        for i in range(filled):
            if product[story, i] == least:
                scratch[0, equal] = id_rank[position[story, i]]
                equal += 1
        last_rank = select(scratch[0], equal, n_equal - 1, scratch[1])
    kept = 0
    for i in range(filled):
        if product[story, i] > least or (product[story, i] == least and id_rank[position[story, i]] <= last_rank):
            position[story, kept], product[story, kept] = position[story, i], product[story, i]
            kept += 1
    size[story], worst[story] = count, least


@kernel(least=1 << 62, parts=(select, thin))  # the callers are threads
def best_of_all(
    start: int,
    stop: int,
    dense: NDArray[np.float32],
    words: NDArray[np.int32],
    weights: NDArray[np.int16],
    own_row: NDArray[np.int64],
    windows: NDArray[np.int64],
    postings: Any,
    table: Any,
    buffers: Any,
) -> None:
    """Find the best rows of stories among all: by the products of vectors `dense`, (s, m), and of words.

    A story may find rows of the times `[a, b]` and `[c, d]` of its row of `windows`, and timeless rows.
    """
    # local names: reading arrays out of tuples inside the loops is slow
    offsets, post_position, post_weight = postings
    rows, is_allowed, is_timeless, time, id_rank = table
    position, product, size, worst, count = buffers
    room, width = position.shape[1], len(rows)
    scratch = np.empty((2, room + 1), np.int64)
    hits = np.empty(LANES + 1, np.int64)
    shared = np.zeros(width, np.int32)
    for story in range(start, stop):
        for key in range(words.shape[1]):
            word, weight = words[story, key], np.int32(weights[story, key])
            if word < 0:
                break
            for at in range(offsets[word], offsets[word + 1]):
                shared[post_position[at]] += weight * np.int32(post_weight[at])
        dense_row = dense[story]
        for left in range(0, width, LANES):
            right = min(left + LANES, width)
            dots, common = (
                dense_row[left:right],
                shared[left:right],
            )  # slices: no negative indices to check
            limit, hit = max(worst[story], np.int32(1)), np.int32(0)
            if right - left < LANES:
                hit = np.int32(1)
            else:
                for lane in range(LANES):
                    hit |= np.int32(np.int32(MEANING * np.int32(dots[lane]) + WORDS * common[lane]) >= limit)
            if not hit:
                continue
            n_hits = 0
            for lane in range(right - left):  # without a branch, which no processor could predict
                hits[n_hits] = left + lane
                n_hits += np.int32(MEANING * np.int32(dots[lane]) + WORDS * common[lane]) >= limit
            for number in range(n_hits):
                at = hits[number]
                if not is_allowed[at] or rows[at] == own_row[story]:
                    continue
                a, b, c, d = windows[story]
                if not (is_timeless[at] or a <= time[at] <= b or c <= time[at] <= d):
                    continue
                value = np.int32(MEANING * np.int32(dense_row[at]) + WORDS * shared[at])
                if value < worst[story]:
                    continue
                position[story, size[story]], product[story, size[story]] = at, value
                size[story] += 1
                if size[story] == room:
                    thin(story, id_rank, position, product, size, worst, count, scratch)
        shared[:] = 0
    for story in range(start, stop):
        if size[story] >= count and (worst[story] == 0 or 4 * size[story] >= 3 * room):
            thin(story, id_rank, position, product, size, worst, count, scratch)


@kernel(least=1 << 62, parts=(select, thin))
def best_of_near(
    start: int,
    stop: int,
    vectors: NDArray[np.int16],
    words: NDArray[np.int32],
    weights: NDArray[np.int16],
    cut: NDArray[np.int32],
    centres: NDArray[np.float32],
    own_row: NDArray[np.int64],
    others: NDArray[np.int16],
    other_rows: NDArray[np.int64],
    postings: Any,
    cell_offsets: NDArray[np.int64],
    table: Any,
    buffers: Any,
) -> None:
    """Find the best rows of stories within their reach: rows whose estimate, by words and `centres`, reaches `cut`.

    Rows are in the order of their cells, which begin at `cell_offsets`; the vector of each is `others[other_rows]`.
    All stories are compared with one tile of rows after another, so the tile stays in the cache.
    """
    offsets, post_position, post_weight = postings
    rows, is_allowed, _, _, id_rank = table
    position, product, size, worst, count = buffers
    room, width = position.shape[1], len(rows)
    scratch = np.empty((2, room + 1), np.int64)
    # estimates of a tile, less the cut of the story; what stands behind the last row is never a hit
    excess, hits = np.empty(TILE, np.int32), np.empty(TILE + 1, np.int32)
    cell_of, start_of = np.empty(TILE, np.int32), np.empty(TILE, np.int32)  # cells of a tile, counted from its first
    next_posting = np.empty((stop - start, words.shape[1]), np.int64)
    last_posting = np.empty((stop - start, words.shape[1]), np.int64)
    for story in range(start, stop):
        for key in range(words.shape[1]):
            next_posting[story - start, key] = offsets[max(words[story, key], 0)]
            last_posting[story - start, key] = offsets[words[story, key] + 1]  # 0 where there is no word
    first_cell = 0
    for base in range(0, width, TILE):
        end = min(base + TILE, width)
        while cell_offsets[first_cell + 1] <= base:
            first_cell += 1
        last_cell = first_cell
        while last_cell < len(cell_offsets) - 1 and cell_offsets[last_cell] < end:
            left, right = max(cell_offsets[last_cell], base), min(cell_offsets[last_cell + 1], end)
            cell_of[left - base : right - base] = last_cell - first_cell
            last_cell += 1
        excess[:] = -(1 << 31)
        seven, eight = np.uint64(7), np.uint64(8)
        end32, base32, base64 = np.int32(end), np.int32(base), np.uint64(base)
        for story in range(start, stop):
            for cell in range(first_cell, last_cell):
                # what the product with the centre has too little of: the words must add as much
                missing = np.int32(np.int32(centres[story, cell]) - cut[story])
                start_of[cell - first_cell] = missing
                excess[max(cell_offsets[cell], base) - base : min(cell_offsets[cell + 1], end) - base] = missing
            for key in range(words.shape[1]):
                at, last = np.uint64(next_posting[story - start, key]), np.uint64(last_posting[story - start, key])
                weight = np.int32(WORDS * np.int32(weights[story, key]))
                while at + eight <= last and post_position[at + seven] < end32:  # eight at a time: fewer comparisons
                    for _ in range(8):
                        row = np.uint32(post_position[at] - base32)  # unsigned: no negative indices to check
                        excess[row] = np.int32(excess[row] + np.int32(weight * np.int32(post_weight[at])))
                        at += np.uint64(1)
                while at < last and post_position[at] < end32:
                    row = np.uint32(post_position[at] - base32)  # unsigned: no negative indices to check
                    excess[row] = np.int32(excess[row] + np.int32(weight * np.int32(post_weight[at])))
                    at += np.uint64(1)
                next_posting[story - start, key] = np.int64(at)
            n_hits = 0
            for left in range(0, end - base, LANES):
                estimates, below = excess[left : left + LANES], np.int32(-1)
                for lane in range(LANES):
                    below &= estimates[lane]
                if below < 0:  # all of them are
                    continue
                for lane in range(LANES):  # without a branch, which no processor could predict
                    hits[n_hits] = left + lane
                    n_hits += estimates[lane] >= 0
            query = vectors[story]
            for number in range(n_hits):
                row = np.uint32(hits[number])
                at = np.uint64(base64 + np.uint64(row))
                other, total = others[np.uint64(other_rows[at])], np.int32(0)
                for i in range(len(query)):
                    total = np.int32(total + np.int32(np.int32(query[i]) * np.int32(other[i])))
                shared = np.int32(excess[row] - start_of[np.uint32(cell_of[row])])
                value = np.int32(MEANING * total + shared)
                if value < max(worst[story], np.int32(1)) or not is_allowed[at] or rows[at] == own_row[story]:
                    continue
                position[story, size[story]], product[story, size[story]] = at, value
                size[story] += 1
                if size[story] == room:
                    thin(story, id_rank, position, product, size, worst, count, scratch)
    for story in range(start, stop):
        if size[story] >= count and worst[story] == 0:
            thin(story, id_rank, position, product, size, worst, count, scratch)


@kernel(least=16)
def products(
    start: int,
    stop: int,
    vectors: NDArray[np.int16],
    words: NDArray[np.int32],
    weights: NDArray[np.int16],
    at: NDArray[np.int64],
    others: NDArray[np.int16],
    other_words: NDArray[np.int32],
    other_weights: NDArray[np.int16],
    rows: NDArray[np.int64],
    found: NDArray[np.int32],
) -> None:
    """Compute the products of the stories `at`, (q,), with their rows, (q, c); 0 where a row is -1."""
    keys = words.shape[1]
    for story in range(start, stop):
        query, story_words, story_weights = vectors[at[story]], words[at[story]], weights[at[story]]
        for column in range(rows.shape[1]):
            row = rows[story, column]
            if row < 0:
                found[story, column] = 0
                continue
            other, row_words = others[row], other_words[row]
            total, shared = np.int32(0), np.int32(0)
            for i in range(len(query)):
                total = np.int32(total + np.int32(np.int32(query[i]) * np.int32(other[i])))
            i, j = 0, 0
            while i < keys and j < keys and story_words[i] >= 0 and row_words[j] >= 0:
                if story_words[i] == row_words[j]:
                    shared = np.int32(shared + np.int32(story_weights[i]) * np.int32(other_weights[row, j]))
                step = story_words[i] <= row_words[j]
                j += story_words[i] >= row_words[j]
                i += step
            found[story, column] = np.int32(MEANING * total + WORDS * shared)


@kernel(least=512, results=2)
def heaviest(
    start: int,
    stop: int,
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    data: NDArray[np.float32],
    is_distinctive: NDArray[np.bool_],
    scale: NDArray[np.float32],
    words: NDArray[np.int32],
    weights: NDArray[np.int16],
) -> None:
    """Find the distinctive terms of greatest weight in each sparse row, (n, w), ascending; of equal ones the first."""
    count, longest = words.shape[1], 0
    for row in range(start, stop):
        longest = max(longest, indptr[row + 1] - indptr[row])
    value, ordered = np.empty(longest, np.int64), np.empty(longest, np.int64)
    for row in range(start, stop):
        filled = 0
        for at in range(indptr[row], indptr[row + 1]):
            weight = np.int64(np.rint(scale[row] * data[at]))
            if is_distinctive[indices[at]] and weight > 0:
                value[filled] = weight << 32 | (0x7FFFFFFF - indices[at])
                ordered[filled] = value[filled]
                filled += 1
        least = np.int64(0)
        if filled > count:
            ordered[:filled].sort()
            least = ordered[filled - count]
        kept = 0
        for number in range(filled):
            if value[number] >= least:
                words[row, kept] = np.int32(0x7FFFFFFF - (value[number] & 0xFFFFFFFF))
                weights[row, kept] = value[number] >> 32
                kept += 1


@kernel(least=1 << 62)
def count(start: int, stop: int, words: NDArray[np.int32], rows: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
    """Count the rows that contain each word, at index `word + 1`."""
    for position in range(start, stop):
        for word in words[rows[position]]:
            if word >= 0:
                counts[word + 1] += 1


@kernel(least=1 << 62, results=3)  # each position is written once, in order
def post(
    start: int,
    stop: int,
    words: NDArray[np.int32],
    weights: NDArray[np.int16],
    rows: NDArray[np.int64],
    next_free: NDArray[np.int64],
    positions: NDArray[np.int32],
    post_weights: NDArray[np.int16],
) -> None:
    """Write the positions of each word one after another, from `next_free` on."""
    for index in range(start, stop):
        for key in range(words.shape[1]):
            word = words[rows[index], key]
            if word >= 0:
                positions[next_free[word]], post_weights[next_free[word]] = index, weights[rows[index], key]
                next_free[word] += 1


@kernel(least=256, parts=(select,))
def cuts(
    start: int,
    stop: int,
    words: NDArray[np.int32],
    weights: NDArray[np.int16],
    centres: NDArray[np.float32],
    offsets: NDArray[np.int64],
    post_position: NDArray[np.int32],
    post_weight: NDArray[np.int16],
    cell: NDArray[np.int32],
    rank: int,
    cut: NDArray[np.int32],
) -> None:
    """Find the `rank`-th greatest estimate of each story in a sample with a `cell` for each row; at least 1."""
    estimate = np.empty(len(cell), np.int32)
    best, scratch = np.empty(2 * rank, np.int64), np.empty((2, 2 * rank + 1), np.int64)
    for story in range(start, stop):
        for i in range(len(cell)):
            estimate[i] = np.int32(centres[story, np.uint32(cell[i])])
        for key in range(words.shape[1]):
            word = words[story, key]
            if word < 0:
                break
            for at in range(offsets[word], offsets[word + 1]):
                product = np.int32(WORDS * np.int32(weights[story, key]) * np.int32(post_weight[at]))
                estimate[post_position[at]] += product
        filled, least = 0, np.int64(0)
        for value in estimate:
            if value <= least:
                continue
            best[filled] = value
            filled += 1
            if filled == 2 * rank:  # the best so far stay
                scratch[0, :filled] = best
                least = np.int64(select(scratch[0], filled, rank, scratch[1]))
                kept = 0
                for i in range(filled):
                    best[kept] = best[i]
                    kept += best[i] > least
                best[kept:rank] = least
                filled = rank
        cut[story] = max(select(best, filled, filled - rank, scratch[1]) if filled >= rank else 0, 1)
