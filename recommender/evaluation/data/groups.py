"""Groups of stories that are not independent of each other, and folds that keep them whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from recommender.errors import InputError


def link_groups(story_ids: Sequence[str], item_ids: Sequence[str]) -> dict[str, str]:
    """Find the groups of articles that links join, directly or through others.

    Two stories that link to one item tell of one thing, so that what is learned of the first is known of the second.
    Folds are drawn and intervals computed over these groups, never over single stories.

    Parameters
    ----------
    story_ids, item_ids : sequence of str, length m
        The two ends of each link; the direction does not count.

    Returns
    -------
    dict of str to str
        Article -> group, named by the first of its ids; articles without a link are not in it.

    Raises
    ------
    InputError
        If there are not as many items as stories.

    Examples
    --------
    >>> link_groups(["s1", "s2", "s5"], ["s0", "s1", "s4"])
    {'s0': 's0', 's1': 's0', 's2': 's0', 's4': 's4', 's5': 's4'}
    """
    if len(story_ids) != len(item_ids):
        raise InputError(f"{len(story_ids)} stories and {len(item_ids)} items; expected the two ends of each link")
    codes = pa.array([*story_ids, *item_ids], pa.large_string()).dictionary_encode()
    ids = codes.dictionary.to_pylist()
    a, b = np.split(codes.indices.to_numpy(), 2)
    graph = sp.coo_matrix((np.ones(len(a)), (a, b)), shape=(len(ids), len(ids)))
    group = connected_components(graph, directed=False)[1] if ids else np.zeros(0, dtype=np.int32)
    first: dict[int, str] = {}
    return {one: first.setdefault(code, one) for one, code in sorted(zip(ids, group.tolist(), strict=True))}


def fold_of(groups: NDArray[np.integer], folds: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Give each story a fold: groups stay whole, the largest go first, each to the fold with the fewest stories.

    Parameters
    ----------
    groups : ndarray of int, shape (q,)
    folds : int
        Never more than there are groups.
    seed : int, default 0
        Of the order among groups of one size.

    Returns
    -------
    ndarray of int64, shape (q,)

    Examples
    --------
    >>> fold_of(np.array([7, 7, 7, 2, 2, 5]), 2).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    _, code, size = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(size))
    order = order[np.argsort(-size[order], kind="stable")]
    held = np.zeros(min(folds, len(size)), dtype=np.int64)
    fold = np.zeros(len(size), dtype=np.int64)
    for group in order:
        fold[group] = held.argmin()
        held[fold[group]] += size[group]
    return np.asarray(fold[code])
