"""Compiled loops of the search: the words of stories, and the best rows of each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel

# numbers that the loop reads stand in this file: machine code on disk is made anew when the file changes, no other
LANES = 64  # products compared together before any is looked at alone; compilers vectorise no loop shorter than this
MEANING, WORDS = 3, 10  # factors of the products of vectors and of words: unit words are sqrt(.7) long
TILE = 1 << 13  # rows that many stories look at together: their vectors stay in the cache


def select(values: NDArray[np.int64], size: int, nth: int, spare: NDArray[np.int64]) -> int:
    """Find the `nth` least of the first `size` values, which lose their order; `spare` holds one more.

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
    place: NDArray[np.int32],
    dots: NDArray[np.int32],
    size: NDArray[np.int32],
    worst: NDArray[np.int32],
    count: int,
    scratch: NDArray[np.int64],
) -> None:
    """Keep the best `count` rows of a story, which holds as many or more; `scratch` (2, room + 1) is written over."""
    held = size[story]
    scratch[0, :held] = dots[story, :held]
    least = select(scratch[0], held, held - count, scratch[1])
    above, equal = 0, 0
    for i in range(held):
        above += dots[story, i] > least
        equal += dots[story, i] == least
    wanted = count - above
    last = len(id_rank) << 40  # of those with the least product, the first by id
    if equal > wanted:
        equal = 0
        for i in range(held):
            if dots[story, i] == least:
                scratch[0, equal] = id_rank[place[story, i]]
                equal += 1
        last = select(scratch[0], equal, wanted - 1, scratch[1])
    kept = 0
    for i in range(held):
        if dots[story, i] > least or (dots[story, i] == least and id_rank[place[story, i]] <= last):
            place[story, kept], dots[story, kept] = place[story, i], dots[story, i]
            kept += 1
    size[story], worst[story] = count, least


@kernel(least=1 << 62, parts=(select, thin))  # the callers are threads
def best_of_all(
    start: int,
    stop: int,
    dense: NDArray[np.float32],
    words: NDArray[np.int32],
    weights: NDArray[np.int16],
    own: NDArray[np.int64],
    windows: NDArray[np.int64],
    postings: Any,
    table: Any,
    held: Any,
) -> None:
    """Offer all rows to stories, which are the lines: by products of vectors `dense`, (s, m), and of words.

    A story may find rows of the times `[a, b]` and `[c, d]` of its line of `windows`, and those that are free.
    """
    # plain arrays: reading them out of the tuples inside the loops is slow
    first, post_place, post_weight = postings
    rows, shown, free, time, id_rank = table
    place, dots, size, worst, count = held
    room, width = place.shape[1], len(rows)
    scratch = np.empty((2, room + 1), np.int64)
    hits = np.empty(LANES + 1, np.int64)
    shared = np.zeros(width, np.int32)
    for story in range(start, stop):
        for key in range(words.shape[1]):
            word, weight = words[story, key], np.int32(weights[story, key])
            if word < 0:
                break
            for at in range(first[word], first[word + 1]):
                shared[post_place[at]] += weight * np.int32(post_weight[at])
        across = dense[story]
        for left in range(0, width, LANES):
            right = min(left + LANES, width)
            part, more = across[left:right], shared[left:right]  # slices, or the compiler fears negative places
            limit, hit = max(worst[story], np.int32(1)), np.int32(0)
            if right - left < LANES:
                hit = np.int32(1)
            else:
                for lane in range(LANES):
                    hit |= np.int32(np.int32(MEANING * np.int32(part[lane]) + WORDS * more[lane]) >= limit)
            if not hit:
                continue
            found = 0
            for lane in range(right - left):  # without a branch that nobody can predict
                hits[found] = left + lane
                found += np.int32(MEANING * np.int32(part[lane]) + WORDS * more[lane]) >= limit
            for number in range(found):
                at = hits[number]
                if not shown[at] or rows[at] == own[story]:
                    continue
                a, b, c, d = windows[story]
                if not (free[at] or a <= time[at] <= b or c <= time[at] <= d):
                    continue
                dot = np.int32(MEANING * np.int32(across[at]) + WORDS * shared[at])
                if dot < worst[story]:
                    continue
                place[story, size[story]], dots[story, size[story]] = at, dot
                size[story] += 1
                if size[story] == room:
                    thin(story, id_rank, place, dots, size, worst, count, scratch)
        shared[:] = 0
    for story in range(start, stop):
        if size[story] >= count and (worst[story] == 0 or 4 * size[story] >= 3 * room):
            thin(story, id_rank, place, dots, size, worst, count, scratch)


@kernel(least=1 << 62, parts=(select, thin))
def best_of_near(
    start: int,
    stop: int,
    vectors: NDArray[np.int16],
    words: NDArray[np.int32],
    weights: NDArray[np.int16],
    cut: NDArray[np.int32],
    centres: NDArray[np.float32],
    own: NDArray[np.int64],
    others: NDArray[np.int16],
    other_at: NDArray[np.int64],
    postings: Any,
    cells: NDArray[np.int64],
    table: Any,
    held: Any,
) -> None:
    """Offer stories the rows whose estimate is `cut` or more: by words, and by the story's product with their centre.

    Rows stand in the order of their cells, which begin at `cells`; the vector of each is `others[other_at]`. All
    stories go through them tile by tile: what one of them reads the others find in the cache.
    """
    first, post_place, post_weight = postings
    rows, shown, _, _, id_rank = table
    place, dots, size, worst, count = held
    room, width = place.shape[1], len(rows)
    scratch = np.empty((2, room + 1), np.int64)
    shared, hits = np.empty(TILE, np.int32), np.empty(TILE, np.int32)
    cell_of, needed = np.empty(TILE, np.int32), np.empty(TILE, np.int32)  # cells of a tile are counted from its first
    next_posting = np.empty((stop - start, words.shape[1]), np.int64)
    last_posting = np.empty((stop - start, words.shape[1]), np.int64)
    for story in range(start, stop):
        for key in range(words.shape[1]):
            next_posting[story - start, key] = first[max(words[story, key], 0)]
            last_posting[story - start, key] = first[words[story, key] + 1]  # 0 where there is no word
    first_cell = 0
    for base in range(0, width, TILE):
        end = min(base + TILE, width)
        while cells[first_cell + 1] <= base:
            first_cell += 1
        last_cell = first_cell
        while last_cell < len(cells) - 1 and cells[last_cell] < end:
            cell_of[max(cells[last_cell], base) - base : min(cells[last_cell + 1], end) - base] = last_cell - first_cell
            last_cell += 1
        for story in range(start, stop):
            found, limit = 0, cut[story]
            shared[: end - base] = 0
            for cell in range(first_cell, last_cell):
                # what the words must add to the centre; nothing where the centre alone is near enough
                least = np.int32(limit - np.int32(centres[story, cell]))
                needed[cell - first_cell] = least
                if least <= 0:
                    for at in range(max(cells[cell], base), min(cells[cell + 1], end)):
                        hits[found] = at - base
                        found += 1
            for key in range(words.shape[1]):
                at, last = next_posting[story - start, key], last_posting[story - start, key]
                weight = np.int32(WORDS * np.int32(weights[story, key]))
                while at < last and post_place[at] < end:
                    row = np.uint32(post_place[at] - base)  # or the compiler fears negative places
                    before = shared[row]
                    shared[row] = after = np.int32(before + np.int32(weight * np.int32(post_weight[at])))
                    if before < needed[np.uint32(cell_of[row])] <= after:
                        hits[found] = row
                        found += 1
                    at += 1
                next_posting[story - start, key] = at
            query = vectors[story]
            for number in range(found):
                at = base + hits[number]
                if not shown[at] or rows[at] == own[story]:
                    continue
                other, total = others[other_at[at]], np.int32(0)
                for i in range(len(query)):
                    total = np.int32(total + np.int32(np.int32(query[i]) * np.int32(other[i])))
                dot = np.int32(MEANING * total + shared[at - base])
                if dot <= 0 or dot < worst[story]:
                    continue
                place[story, size[story]], dots[story, size[story]] = at, dot
                size[story] += 1
                if size[story] == room:
                    thin(story, id_rank, place, dots, size, worst, count, scratch)
    for story in range(start, stop):
        if size[story] >= count and worst[story] == 0:
            thin(story, id_rank, place, dots, size, worst, count, scratch)


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
    """Multiply the stories `at`, (q,), with their rows, (q, c), by vectors and words; 0 where a row is -1."""
    keys = words.shape[1]
    for line in range(start, stop):
        query, mine, heavy = vectors[at[line]], words[at[line]], weights[at[line]]
        for column in range(rows.shape[1]):
            row = rows[line, column]
            if row < 0:
                found[line, column] = 0
                continue
            other, theirs = others[row], other_words[row]
            total, shared = np.int32(0), np.int32(0)
            for i in range(len(query)):
                total = np.int32(total + np.int32(np.int32(query[i]) * np.int32(other[i])))
            i, j = 0, 0
            while i < keys and j < keys and mine[i] >= 0 and theirs[j] >= 0:
                if mine[i] == theirs[j]:
                    shared = np.int32(shared + np.int32(heavy[i]) * np.int32(other_weights[row, j]))
                step = mine[i] <= theirs[j]
                j += mine[i] >= theirs[j]
                i += step
            found[line, column] = np.int32(MEANING * total + WORDS * shared)


@kernel(least=512)
def heaviest(
    start: int,
    stop: int,
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    data: NDArray[np.float32],
    telling: NDArray[np.bool_],
    scale: NDArray[np.float32],
    words: NDArray[np.int32],
    weights: NDArray[np.int16],
) -> None:
    """Find the telling terms of greatest weight in each sparse row, (n, w), ascending; of equal ones the first."""
    count, longest = words.shape[1], 0
    for row in range(start, stop):
        longest = max(longest, indptr[row + 1] - indptr[row])
    value, order = np.empty(longest, np.int64), np.empty(longest, np.int64)
    for row in range(start, stop):
        held = 0
        for at in range(indptr[row], indptr[row + 1]):
            weight = np.int64(np.rint(scale[row] * data[at]))
            if telling[indices[at]] and weight > 0:
                value[held] = weight << 32 | (0x7FFFFFFF - indices[at])
                order[held] = value[held]
                held += 1
        least = np.int64(0)
        if held > count:
            order[:held].sort()
            least = order[held - count]
        kept = 0
        for number in range(held):
            if value[number] >= least:
                words[row, kept] = np.int32(0x7FFFFFFF - (value[number] & 0xFFFFFFFF))
                weights[row, kept] = value[number] >> 32
                kept += 1


@kernel(least=1 << 62)
def count(start: int, stop: int, words: NDArray[np.int32], rows: NDArray[np.int64], found: NDArray[np.int64]) -> None:
    """Count the rows of each word, one place behind it."""
    for line in range(start, stop):
        for word in words[rows[line]]:
            if word >= 0:
                found[word + 1] += 1


@kernel(least=1 << 62)  # each place is written once, in order
def post(
    start: int,
    stop: int,
    words: NDArray[np.int32],
    weights: NDArray[np.int16],
    rows: NDArray[np.int64],
    free: NDArray[np.int64],
    place: NDArray[np.int32],
    weight: NDArray[np.int16],
) -> None:
    """Write the places of each word one after another, from `free` on."""
    for line in range(start, stop):
        for key in range(words.shape[1]):
            word = words[rows[line], key]
            if word >= 0:
                place[free[word]], weight[free[word]] = line, weights[rows[line], key]
                free[word] += 1


@kernel(least=256, parts=(select,))
def cuts(
    start: int,
    stop: int,
    words: NDArray[np.int32],
    weights: NDArray[np.int16],
    centres: NDArray[np.float32],
    first: NDArray[np.int64],
    place: NDArray[np.int32],
    weight: NDArray[np.int16],
    cell: NDArray[np.int32],
    rank: int,
    found: NDArray[np.int32],
) -> None:
    """Find the `rank` greatest estimate of each story in a sample, whose stories lie in a `cell` each; at least 1."""
    estimate = np.empty(len(cell), np.int32)
    best, scratch = np.empty(2 * rank, np.int64), np.empty((2, 2 * rank + 1), np.int64)
    for story in range(start, stop):
        for i in range(len(cell)):
            estimate[i] = np.int32(centres[story, np.uint32(cell[i])])
        for key in range(words.shape[1]):
            word = words[story, key]
            if word < 0:
                break
            for at in range(first[word], first[word + 1]):
                estimate[place[at]] += np.int32(WORDS * np.int32(weights[story, key]) * np.int32(weight[at]))
        held, least = 0, np.int64(0)
        for value in estimate:
            if value <= least:
                continue
            best[held] = value
            held += 1
            if held == 2 * rank:  # the best so far stay
                scratch[0, :held] = best
                least = np.int64(select(scratch[0], held, rank, scratch[1]))
                kept = 0
                for i in range(held):
                    best[kept] = best[i]
                    kept += best[i] > least
                best[kept:rank] = least
                held = rank
        found[story] = max(select(best, held, held - rank, scratch[1]) if held >= rank else 0, 1)
