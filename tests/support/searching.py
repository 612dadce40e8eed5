"""Tables that are searched, drawn at random, and what brute force says of them."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.features.vectors import quantise
from recommender.search.keys import Keys
from recommender.search.limits import Limits
from recommender.search.shortlist import Shortlist
from recommender.search.table import SearchTable

VOCABULARY = 40
LIMITS = Limits(near=60, rank=8)  # a reach that leaves out most of some hundred stories


def table(rng: np.random.Generator, stories: int, near: bool = False, dim: int = 8) -> SearchTable:
    """Make stories with ties, copies, some without a word, some without a vector."""
    vectors = quantise(rng.normal(size=(stories, dim)) + 0.3)
    vectors[rng.random(stories) < 0.1] = 0
    counts = rng.random((stories, VOCABULARY)) * (rng.random((stories, VOCABULARY)) < 0.2)
    norm = np.linalg.norm(counts, axis=1, keepdims=True)
    terms = sp.csr_matrix((counts / np.where(norm > 0, norm, 1)).astype(np.float32))
    keys = Keys.from_terms(terms, np.arange(VOCABULARY) > 1, vectors)
    copied = rng.integers(0, stories, stories // 4)
    one = rng.integers(stories)
    vectors[copied], keys.words[copied], keys.weights[copied] = vectors[one], keys.words[one], keys.weights[one]
    reach = shortlist(keys, vectors).reach(keys, vectors) if near else None
    return SearchTable(vectors, keys, VOCABULARY, reach)


def shortlist(keys: Keys, vectors: NDArray[np.int16]) -> Shortlist:
    return Shortlist.fit([f"s{number}" for number in range(len(keys))], keys, vectors, VOCABULARY, LIMITS)


def products(asking: SearchTable, found: SearchTable) -> NDArray[np.int64]:
    """Products of all stories of one table with all of another, (q, n)."""
    vectors = asking.vectors.astype(np.int64) @ found.vectors.astype(np.int64).T
    return np.asarray(3 * vectors + 10 * shared(asking, found))


def shared(asking: SearchTable, found: SearchTable) -> NDArray[np.int64]:
    """Products of the words alone, (q, n)."""
    mine, theirs = (_spread(one) for one in (asking, found))
    return np.asarray((mine @ theirs.T).toarray())


def reached(asking: SearchTable, found: SearchTable) -> NDArray[np.bool_]:
    """Tell which stories lie within the reach of which, (q, n)."""
    assert asking.reach is not None
    assert found.reach is not None
    centre = found.reach.centres[found.reach.cell].astype(np.int64)
    estimate = 10 * shared(asking, found) + asking.vectors.astype(np.int64) @ centre.T
    return np.asarray(estimate >= asking.reach.cut[:, None])


def _spread(one: SearchTable) -> sp.csr_matrix:
    held = one.keys.words >= 0
    line, _ = np.nonzero(held)
    values = one.keys.weights[held].astype(np.int64)
    return sp.csr_matrix((values, (line, one.keys.words[held])), shape=(len(one), one.vocabulary))
