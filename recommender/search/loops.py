"""The compiled loop that offers a block of products to the best-so-far of many stories."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.compute.kernels import kernel

# numbers that the loop reads stand in this file: machine code on disk is made anew when the file changes, no other
LANES = 64  # products compared together before any is looked at alone; compilers vectorise no loop shorter than this
HALF = 1 - 2.0**-8  # a positive number rounded to bfloat16 keeps at least so much of itself


def select(values: NDArray[np.float64], size: int, nth: int, spare: NDArray[np.float64]) -> float:
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
            return float(pivot)
        else:
            for i in range(first, last):
                value = values[i]
                spare[more] = value
                more += value > pivot
            first += less + equal
            values[first:last] = spare[:more]


def thin(
    story: int,
    ask_hour: NDArray[np.int64],
    hour: NDArray[np.int64],
    id_rank: NDArray[np.int64],
    weight: NDArray[np.float64],
    place: NDArray[np.int32],
    dots: NDArray[np.int32],
    size: NDArray[np.int32],
    worst: NDArray[np.float64],
    count: int,
    scratch: NDArray[np.float64],
) -> None:
    """Keep the best `count` rows of a story, which holds as many or more; `scratch` (3, room + 1) is written over."""
    held = size[story]
    score = scratch[0]
    for i in range(held):
        age = abs(ask_hour[story] - hour[place[story, i]]) if len(weight) > 1 else 0
        score[i] = dots[story, i] * weight[age]
    scratch[1] = score
    least = select(scratch[1], held, held - count, scratch[2])
    above, equal = 0, 0
    for i in range(held):
        above += score[i] > least
        equal += score[i] == least
    wanted = count - above
    last: float = len(id_rank)  # of those with the least score, the first by id
    if equal > wanted:
        equal = 0
        for i in range(held):
            if score[i] == least:
                scratch[1, equal] = id_rank[place[story, i]]
                equal += 1
        last = select(scratch[1], equal, wanted - 1, scratch[2])
    kept = 0
    for i in range(held):
        if score[i] > least or (score[i] == least and (equal <= wanted or id_rank[place[story, i]] <= last)):
            place[story, kept], dots[story, kept] = place[story, i], dots[story, i]
            kept += 1
    size[story], worst[story] = count, least


@kernel(least=1 << 62, parts=(select, thin))  # the callers are threads
def offer(
    start: int,
    stop: int,
    products: NDArray[Any],
    bound: NDArray[Any],
    block: Any,
    asking: Any,
    rows: Any,
    held: Any,
    by_row: bool,
) -> None:
    """Offer a block of products to the best-so-far of its stories, see `scan.offer`; the lines are stories."""
    # plain arrays: reading them out of the tuples inside the loops is slow
    stories, first_row, reach, slack, least, weight, exact = block
    ask_vectors, ask_rows, own, ask_hour, spans = asking
    vectors, found_rows, shown, hour, id_rank = rows
    place, dots, size, worst, count = held
    room = place.shape[1]
    scratch = np.empty((3, room + 1), np.float64)
    half = np.empty(1, np.float32)
    half_bits = half.view(np.int32)
    hits = np.empty(LANES + 1, np.int64)
    lines = (0, products.shape[0]) if by_row else (start, stop)
    columns = (start, stop) if by_row else (0, products.shape[1])
    for line in range(lines[0], lines[1]):
        across = products[line]
        for left in range(columns[0], columns[1], LANES):
            right = min(left + LANES, columns[1])
            part, hit = across[left:right], np.int32(0)  # slices, or the compiler fears negative places
            if right - left < LANES:
                hit = np.int32(1)
            elif by_row:
                limits = bound[left:right]
                for lane in range(LANES):
                    hit |= np.int32(part[lane] >= limits[lane])
            else:
                limit = bound[line]
                for lane in range(LANES):
                    hit |= np.int32(part[lane] >= limit)
            if not hit:
                continue
            found = 0
            for lane in range(right - left):  # without a branch that nobody can predict
                hits[found] = left + lane
                found += part[lane] >= bound[left + lane if by_row else line]
            for at_hit in range(found):
                column = hits[at_hit]
                ask, row = (column, line) if by_row else (line, column)
                if products[line, column] < bound[ask]:
                    continue
                asks, at = stories[ask], first_row + row
                if not shown[at] or at == own[asks]:
                    continue
                if not (spans[asks, 0] <= at < spans[asks, 1] or spans[asks, 2] <= at < spans[asks, 3]):
                    continue
                dot = np.int32(products[line, column])
                if not exact:
                    dot = np.int32(0)
                    left_vector, right_vector = ask_vectors[ask_rows[asks]], vectors[found_rows[at]]
                    for i in range(vectors.shape[1]):
                        dot = np.int32(dot + np.int32(np.int32(left_vector[i]) * np.int32(right_vector[i])))
                if dot < least or dot <= 0:
                    continue
                if dot * weight[abs(ask_hour[asks] - hour[at])] < worst[asks]:
                    continue
                place[asks, size[asks]], dots[asks, size[asks]] = at, dot
                size[asks] += 1
                if size[asks] < room:
                    continue
                thin(asks, ask_hour, hour, id_rank, weight, place, dots, size, worst, count, scratch)
                # what a row of this block must now reach
                limit_now = np.floor(worst[asks] / reach[ask]) - 1 - slack[ask]
                if exact:
                    bound[ask] = max(bound[ask], np.float32(limit_now))
                elif limit_now > 0:
                    half[0] = limit_now * HALF
                    bound[ask] = max(bound[ask], half_bits[0] >> 16)
    for ask in range(start, stop):
        asks = stories[ask]
        if size[asks] >= count and (worst[asks] == 0 or 4 * size[asks] >= 3 * room):
            thin(asks, ask_hour, hour, id_rank, weight, place, dots, size, worst, count, scratch)
