"""Loops over stories or pairs that numba compiles where it is installed (extra `fast`).

Each has a vectorised NumPy twin beside its caller that gives the same bits, for machines without numba. A
kernel works on the lines ``[start, stop)`` of its arrays without the interpreter's lock and writes into its last ones;
called with a number of lines, it shares them out among the cores. Not numba's own threads: two callers at
once would abort its default threading layer.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, wraps
from importlib.util import find_spec
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

compiled = find_spec("numba") is not None
"""Whether kernels can be called."""

LANES = 64  # products compared together before any is looked at alone; compilers vectorise no loop shorter than this
HALF = 1 - 2.0**-8  # a positive number rounded to bfloat16 keeps at least so much of itself
_CORES = os.cpu_count() or 1
_SHARES = 2  # of the lines a core: lines differ in cost


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_CORES, thread_name_prefix="kernel")


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=_pool.cache_clear)


def kernel(
    least: int, parts: tuple[Callable[..., Any], ...] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Compile a loop at its first call; later processes find the machine code on disk.

    Parameters
    ----------
    least : int
        Lines that are worth a thread.
    parts : tuple of functions
        Functions of this module that the loop and later parts call, compiled with it.
    """

    def wrap(loop: Callable[..., None]) -> Callable[..., None]:
        @cache
        def machine_code() -> Callable[..., None]:
            import numba

            compile_ = numba.njit(nogil=True, cache=True)
            scope = dict(globals())
            for part in parts:
                scope[part.__name__] = compile_(FunctionType(part.__code__, scope, part.__name__))
            return compile_(FunctionType(loop.__code__, scope, loop.__name__, closure=loop.__closure__))  # type: ignore

        @wraps(loop)
        def run(lines: int, *arrays: Any) -> None:
            step = max(-(-lines // (_CORES * _SHARES)), least)
            if lines <= step:
                machine_code()(0, lines, *arrays)
                return
            shares = range(0, lines, step)
            jobs = [_pool().submit(machine_code(), start, min(start + step, lines), *arrays) for start in shares]
            for job in jobs:
                job.result()

        return run

    return wrap


@kernel(least=16)
def dots(
    start: int,
    stop: int,
    queries: NDArray[np.int16],
    at: NDArray[np.int64],
    vectors: NDArray[np.int16],
    rows: NDArray[np.int64],
    found: NDArray[np.int32],
) -> None:
    """Products of the queries `at`, (q,), with the vectors of their rows (q, c); 0 where a row is -1."""
    for line in range(start, stop):
        query = queries[at[line]]
        for place in range(rows.shape[1]):
            total = np.int32(0)
            if rows[line, place] >= 0:
                vector = vectors[rows[line, place]]
                for k in range(len(query)):
                    total = np.int32(total + np.int32(np.int32(query[k]) * np.int32(vector[k])))
            found[line, place] = total


@kernel(least=512)
def products(
    start: int, stop: int, asking: NDArray[np.int16], rows: NDArray[np.int16], found: NDArray[np.float32]
) -> None:
    """Exact products of a few stories (s, d) with rows (w, d): (s, w)."""
    for line in range(start, stop):
        for ask in range(len(asking)):
            total = np.int32(0)
            for k in range(rows.shape[1]):
                total = np.int32(total + np.int32(np.int32(asking[ask, k]) * np.int32(rows[line, k])))
            found[ask, line] = total


@kernel(least=1 << 13)  # the callers are threads
def lengths(
    start: int, stop: int, vectors: NDArray[np.int16], size: NDArray[np.int32], loss: NDArray[np.int32]
) -> None:
    """Squared length of each vector, and that of what bfloat16 takes from it; components are less than 4,096."""
    for line in range(start, stop):
        vector = vectors[line]
        total, lost = np.int32(0), np.int32(0)
        for k in range(len(vector)):
            value = np.int32(abs(np.int32(vector[k])))
            # eight bits are kept: from 256 on one less for each doubling
            bits = np.int32(value >= 256) + np.int32(value >= 512) + np.int32(value >= 1024) + np.int32(value >= 2048)
            step = np.int32(np.int32(1) << bits)
            rest = np.int32(value & (step - np.int32(1)))
            rest = min(rest, np.int32(step - rest))
            total = np.int32(total + np.int32(value * value))
            lost = np.int32(lost + np.int32(rest * rest))
        size[line], loss[line] = total, lost


@kernel(least=8)
def grams(
    start: int, stop: int, vectors: NDArray[np.int16], rows: NDArray[np.int64], found: NDArray[np.float32]
) -> None:
    """Products among the vectors of each line's rows, (q, w) -> (q, w, w); rows end at the first -1, with 0."""
    near = np.empty((rows.shape[1], vectors.shape[1]), dtype=np.int16)  # half as long to read as floats
    for line in range(start, stop):
        held = 0
        while held < rows.shape[1] and rows[line, held] >= 0:
            near[held] = vectors[rows[line, held]]
            held += 1
        for i in range(held):
            left = near[i]
            for j in range(i + 1):
                right = near[j]
                total = np.int32(0)
                for k in range(len(left)):
                    total = np.int32(total + np.int32(np.int32(left[k]) * np.int32(right[k])))
                found[line, i, j] = found[line, j, i] = total


@kernel(least=16)
def sparse_cosines(
    start: int,
    stop: int,
    query_indptr: NDArray[np.int32],
    query_terms: NDArray[np.int32],
    query_weights: NDArray[np.float32],
    indptr: NDArray[np.int32],
    terms: NDArray[np.int32],
    weights: NDArray[np.float32],
    rows: NDArray[np.int64],
    vocabulary: int,
    found: NDArray[np.float32],
) -> None:
    """Products of each sparse query with the sparse rows of its candidates (q, c); 0 where a row is -1."""
    spread = np.zeros(vocabulary, dtype=np.float32)
    for line in range(start, stop):
        for at in range(query_indptr[line], query_indptr[line + 1]):
            spread[query_terms[at]] = query_weights[at]
        for place in range(rows.shape[1]):
            row = rows[line, place]
            total = 0.0
            if row >= 0:
                for at in range(indptr[row], indptr[row + 1]):
                    total += np.float64(np.float32(spread[terms[at]] * weights[at]))
            found[line, place] = total
        for at in range(query_indptr[line], query_indptr[line + 1]):
            spread[query_terms[at]] = 0


@kernel(least=1024)
def row_cosines(
    start: int,
    stop: int,
    left_indptr: NDArray[np.int32],
    left_terms: NDArray[np.int32],
    left_data: NDArray[np.float32],
    right_indptr: NDArray[np.int32],
    right_terms: NDArray[np.int32],
    right_data: NDArray[np.float32],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    found: NDArray[np.float64],
) -> None:
    """Products of rows a and b, (m,), rounded to float32 and added in order; terms ascend within a row."""
    for pair in range(start, stop):
        i, last_i = left_indptr[a[pair]], left_indptr[a[pair] + 1]
        j, last_j = right_indptr[b[pair]], right_indptr[b[pair] + 1]
        total = 0.0
        while i < last_i and j < last_j:
            left, right = left_terms[i], right_terms[j]
            if left == right:
                total += np.float64(np.float32(left_data[i] * right_data[j]))
            i += left <= right
            j += right <= left
        found[pair] = total


@kernel(least=1024)
def rarest_shared(
    start: int,
    stop: int,
    left_indptr: NDArray[np.int32],
    left_terms: NDArray[np.int32],
    right_indptr: NDArray[np.int32],
    right_terms: NDArray[np.int32],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    idf: NDArray[np.float32],
    count: int,
    found: NDArray[np.float64],
) -> None:
    """Sum of the `count` greatest IDF among the terms that rows a and b share, (m,); terms ascend within a row."""
    best = np.zeros(count + 1, dtype=np.float32)
    for pair in range(start, stop):
        best[:] = 0
        i, last_i = left_indptr[a[pair]], left_indptr[a[pair] + 1]
        j, last_j = right_indptr[b[pair]], right_indptr[b[pair] + 1]
        while i < last_i and j < last_j:
            left, right = left_terms[i], right_terms[j]
            if left == right and idf[left] > best[count - 1]:
                at = count - 1
                while at > 0 and best[at - 1] < idf[left]:
                    best[at] = best[at - 1]
                    at -= 1
                best[at] = idf[left]
            i += left <= right
            j += right <= left
        total = 0.0
        for at in range(count):
            total += np.float64(best[at])
        found[pair] = total


@kernel(least=256)
def heaviest_shared(
    start: int,
    stop: int,
    left_indptr: NDArray[np.int32],
    left_terms: NDArray[np.int32],
    left_weights: NDArray[np.float32],
    right_indptr: NDArray[np.int32],
    right_terms: NDArray[np.int32],
    right_weights: NDArray[np.float32],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    wanted: NDArray[np.bool_],
    found: NDArray[np.int32],
    products: NDArray[np.float32],
) -> None:
    """The wanted terms of greatest product among those that rows a and b share, (m, count); -1 = none."""
    count = found.shape[1]
    for pair in range(start, stop):
        found[pair] = -1
        products[pair] = 0
        i, last_i = left_indptr[a[pair]], left_indptr[a[pair] + 1]
        j, last_j = right_indptr[b[pair]], right_indptr[b[pair] + 1]
        while i < last_i and j < last_j:
            left, right = left_terms[i], right_terms[j]
            if left == right and wanted[left]:
                product = np.float32(left_weights[i] * right_weights[j])
                if product > products[pair, count - 1]:
                    at = count - 1
                    while at > 0 and products[pair, at - 1] < product:
                        products[pair, at] = products[pair, at - 1]
                        found[pair, at] = found[pair, at - 1]
                        at -= 1
                    products[pair, at] = product
                    found[pair, at] = left
            i += left <= right
            j += right <= left


def select(values: NDArray[np.float64], size: int, nth: int, spare: NDArray[np.float64]) -> float:
    """The `nth` least of the first `size` values, which lose their order; `spare` holds one more.

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
    """See `scan.Held.thin`; `scratch` (3, room + 1)."""
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
    """See `scan.offer`; the lines are stories."""
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
