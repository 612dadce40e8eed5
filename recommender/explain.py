"""Score components -> short reasons, as data and as text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.articles import UNDATED, Catalog
from recommender.lexical import pair_products
from recommender.lists import REASON
from recommender.ranking import Ranked
from recommender.retrieval import Queries
from recommender.settings import RankingSettings

_TERMS = 3


def telling_terms(terms: pa.Array) -> NDArray[np.bool_]:
    """Terms that say something to a reader: three letters or more, and no digit."""
    worth = pc.match_substring_regex(terms, r"^\D{3,}$")
    return np.asarray(worth.to_numpy(zero_copy_only=False), dtype=bool)


def explain(
    selected: Ranked,
    queries: Queries,
    catalog: Catalog,
    matrix: sp.csr_matrix,
    terms: pa.Array,
    telling: NDArray[np.bool_],
    settings: RankingSettings,
) -> pa.ListArray:
    """Reasons of each item, in the order of `selected.rows[selected.rows >= 0]`.

    The two parts of the relevance, the greater first (the shared terms that weigh most, closeness
    in meaning), then facts that a reader can check (same section, newer than the story) with weight 0.
    """
    held = selected.rows >= 0
    rows = selected.rows[held]
    story = np.nonzero(held)[0]
    lexical = settings.lexical_weight * selected.lexical[held].astype(np.float64)
    dense = settings.dense_weight * selected.dense[held].astype(np.float64)
    owner, joined = _shared_terms(selected.rows, held, queries, matrix, terms, telling)
    section = catalog.table["section"].combine_chunks()
    own = queries.rows[story]
    theirs = section.take(pa.array(rows))
    same = pc.equal(section.take(pa.array(np.maximum(own, 0))), theirs)
    same = np.flatnonzero(pc.fill_null(same, False).to_numpy(zero_copy_only=False) & (own >= 0))
    published = queries.published[story]
    newer = np.flatnonzero((catalog.published[rows] > published) & (published != UNDATED))
    ageless = np.flatnonzero(catalog.timeless[rows] & np.isnan(selected.freshness[held]))
    close = np.flatnonzero(dense > 0)

    def fixed(kind: str, text: str, owners: NDArray[np.int64], weights: NDArray[np.float64], order: NDArray[np.int64]):  # type: ignore[no-untyped-def]
        return kind, pa.repeat(text, len(owners)), owners, weights, order

    zeros = np.zeros(len(rows))
    first, second = (lexical < dense).astype(np.int64), (dense <= lexical).astype(np.int64)
    also = pc.binary_join_element_wise("also in ", theirs.take(pa.array(same)).cast(pa.string()), "")
    parts = [
        ("shared_terms", joined, owner, lexical[owner], first[owner]),
        fixed("meaning", "close in meaning", close, dense[close], second[close]),
        ("same_section", also, same, zeros[same], np.full(len(same), 2)),
        fixed("newer", "newer than this story", newer, zeros[newer], np.full(len(newer), 3)),
        fixed("background", "background, whatever the date", ageless, zeros[ageless], np.full(len(ageless), 3)),
    ]
    return _gathered(parts, len(rows))


def _gathered(parts: list[tuple[str, pa.Array, NDArray, NDArray, NDArray]], count: int) -> pa.ListArray:  # type: ignore[type-arg]
    owner = np.concatenate([part[2] for part in parts]).astype(np.int64)
    order = np.lexsort((np.concatenate([part[4] for part in parts]), owner))
    text = pa.concat_arrays([part[1].cast(pa.string()) for part in parts])
    kind = pa.concat_arrays([pa.repeat(part[0], len(part[2])) for part in parts])
    weight = pa.array(np.concatenate([part[3] for part in parts]).round(6))
    reasons = pa.StructArray.from_arrays([kind, text, weight], fields=list(REASON)).take(pa.array(order))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=count))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), reasons)


def _shared_terms(
    rows: NDArray[np.int64],
    held: NDArray[np.bool_],
    queries: Queries,
    matrix: sp.csr_matrix,
    terms: pa.Array,
    telling: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], pa.Array]:
    """The heaviest shared terms of each item that shares any: (items, 'both on: a, b, c')."""
    pair, term, product = pair_products(queries.terms, matrix, rows)
    told = telling[term]
    pair, term, product = pair[told], term[told], product[told]
    order = np.lexsort((term, -product, pair))
    pair, term = pair[order], term[order]
    starts = np.flatnonzero(np.concatenate([[True], pair[1:] != pair[:-1]])) if len(pair) else np.zeros(0, np.int64)
    nth = np.arange(len(pair)) - np.repeat(starts, np.diff([*starts, len(pair)]))
    top = nth < _TERMS
    item_of = np.cumsum(held.ravel()) - 1
    owners, counts = np.unique(item_of[pair[top]], return_counts=True)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), terms.take(pa.array(term[top])))
    return owners, pc.binary_join_element_wise("both on: ", pc.binary_join(lists, ", "), "")
