"""The compiled loop that offers a block of products to the best-so-far of its stories."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel

# numbers that the loop reads stand in this file: machine code on disk is made anew when the file changes, no other
LANES = 64  # products compared together before any is looked at alone; compilers vectorise no loop shorter than this
HALF = 1 - 2.0**-8  # a positive number rounded to bfloat16 keeps at least so much of itself


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
def offer(
    start: int,
    stop: int,
    products: NDArray[Any],
    bound: NDArray[Any],
    slack: NDArray[np.float64],
    first_row: int,
    width: int,
    exact: bool,
    asking: Any,
    rows: Any,
    held: Any,
) -> None:
    """Offer a block of products to the best-so-far of its stories, which are the lines.

    The first `width` products of a line count; `bound` is what they must reach, in their own type, and `slack` what
    they may be too small by, if they are not `exact`.
    """
    # plain arrays: reading them out of the tuples inside the loops is slow
    ask_vectors, ask_rows, own, spans = asking
    vectors, found_rows, shown, free, id_rank = rows
    place, dots, size, worst, count = held
    room = place.shape[1]
    scratch = np.empty((2, room + 1), np.int64)
    half = np.empty(1, np.float32)
    half_bits = half.view(np.int32)
    hits = np.empty(LANES + 1, np.int64)
    for story in range(start, stop):
        across = products[story]
        for left in range(0, width, LANES):
            right = min(left + LANES, width)
            part, hit = across[left:right], np.int32(0)  # slices, or the compiler fears negative places
            limit = bound[story]
            if right - left < LANES:
                hit = np.int32(1)
            else:
                for lane in range(LANES):
                    hit |= np.int32(part[lane] >= limit)
            if not hit:
                continue
            found = 0
            for lane in range(right - left):  # without a branch that nobody can predict
                hits[found] = left + lane
                found += part[lane] >= limit
            for at_hit in range(found):
                column = hits[at_hit]
                if across[column] < bound[story]:
                    continue
                at = first_row + column
                if not shown[at] or found_rows[at] == own[story]:
                    continue
                if not (
                    at < free or spans[story, 0] <= at < spans[story, 1] or spans[story, 2] <= at < spans[story, 3]
                ):
                    continue
                dot = np.int32(across[column])
                if not exact:
                    dot = np.int32(0)
                    left_vector, right_vector = ask_vectors[ask_rows[story]], vectors[found_rows[at]]
                    for i in range(vectors.shape[1]):
                        dot = np.int32(dot + np.int32(np.int32(left_vector[i]) * np.int32(right_vector[i])))
                if dot <= 0 or dot < worst[story]:
                    continue
                place[story, size[story]], dots[story, size[story]] = at, dot
                size[story] += 1
                if size[story] < room:
                    continue
                thin(story, id_rank, place, dots, size, worst, count, scratch)
                # what a row of this block must now reach
                if exact:
                    bound[story] = worst[story]
                elif worst[story] > slack[story]:
                    half[0] = (worst[story] - slack[story]) * HALF
                    bound[story] = max(bound[story], half_bits[0] >> 16)
    for story in range(start, stop):
        if size[story] >= count and (worst[story] == 0 or 4 * size[story] >= 3 * room):
            thin(story, id_rank, place, dots, size, worst, count, scratch)
