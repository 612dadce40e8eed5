"""Score components -> short reasons, as data and as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.articles.catalog import Catalog, whole
from recommender.features.tfidf import heaviest_shared
from recommender.lists.records import REASON, TERM
from recommender.ranking.score import DEVELOPMENT, EVERGREEN, MORE, PINNED, VARIETY, Ranked
from recommender.search.pools import Queries
from recommender.settings import RankingSettings

_TERMS = 3


def telling_terms(terms: pa.Array) -> NDArray[np.bool_]:
    """Terms that say something to a reader: three letters or more, and no digit."""
    worth = pc.match_substring_regex(terms, r"^\D{3,}$")
    return np.asarray(worth.to_numpy(zero_copy_only=False), dtype=bool)


@dataclass(frozen=True)
class _Part:
    """Reasons of one kind: the items that have it, in ascending order, its text, weight and place among reasons."""

    kind: str
    items: NDArray[np.int64]
    text: pa.Array | str
    weight: NDArray[np.float64] | float
    place: NDArray[np.int64] | int
    terms: pa.ListArray | None = None


def explain(
    selected: Ranked,
    queries: Queries,
    stories: pa.Table,
    catalog: Catalog,
    matrix: sp.csr_matrix,
    terms: pa.Array,
    telling: NDArray[np.bool_],
    settings: RankingSettings,
    pinned_by: Mapping[tuple[str, str], str],
) -> pa.ListArray:
    """Reasons of each item, in the order of `selected.rows[selected.rows >= 0]`.

    First why an item has its place where the score does not say it (pinned, the next best, of the same running story,
    for variety), then the two parts of the relevance, the greater first, then facts that a reader
    can check, with weight 0.
    """
    held = selected.rows >= 0
    rows, source, notes = selected.rows[held], selected.source[held], selected.notes[held]
    story = np.nonzero(held)[0]
    lexical = settings.lexical_weight * selected.lexical[held].astype(np.float64)
    dense = settings.dense_weight * selected.dense[held].astype(np.float64)
    owners, shared = _shared_terms(selected.rows, held, queries, matrix, terms, telling, settings.lexical_weight)
    both_on = pc.binary_join_element_wise("both on: ", pc.binary_join(_field(shared, "term"), ", "), "")
    section = whole(catalog.table["section"]).take(pa.array(rows))
    own_section = whole(stories["section"]).take(pa.array(story))
    same_section = pc.fill_null(pc.equal(section, own_section), False).to_numpy(zero_copy_only=False)
    same = np.flatnonzero(same_section)
    also = pc.binary_join_element_wise("also in ", section.take(pa.array(same)).cast(pa.string()), "")
    published = queries.published[story]
    newer = (catalog.published[rows] > published) & (published != UNDATED)
    development = (notes & DEVELOPMENT) > 0
    pinned = np.flatnonzero(source == PINNED)
    pairs = zip(
        stories["id"].take(pa.array(story[pinned])).to_pylist(),
        catalog.ids.take(pa.array(rows[pinned])).to_pylist(),
        strict=True,
    )
    names = (pinned_by.get(pair, "") for pair in pairs)
    pinned_text = pa.array([f"pinned by {name}" if name else "pinned" for name in names], pa.string())
    close, boost = np.flatnonzero(dense > 0), selected.boost[held]
    parts = [
        _Part("pinned", pinned, pinned_text, 0.0, 0),
        _Part("more", np.flatnonzero(source == MORE), "the next best", 0.0, 0),
        _Part("development", np.flatnonzero(development), "of the same running story", 0.0, 0),
        _Part("variety", np.flatnonzero(notes & VARIETY), "for variety", 0.0, 0),
        _Part("shared_terms", owners, both_on, lexical[owners], 1 + (lexical < dense)[owners], shared),
        _Part("meaning", close, "close in meaning", dense[close], 1 + (dense <= lexical)[close]),
        _Part("same_section", same, also, 0.0, 3),
        _Part("newer", np.flatnonzero(newer), "newer than this story", 0.0, 4),
        _Part("background", np.flatnonzero(source == EVERGREEN), "background, whatever the date", 0.0, 4),
        _Part("boosted", np.flatnonzero(boost > 1), "lifted by an editorial rule", 0.0, 5),
        _Part("buried", np.flatnonzero(boost < 1), "lowered by an editorial rule", 0.0, 5),
    ]
    return _gathered(parts, len(rows))


def _gathered(parts: list[_Part], count: int) -> pa.ListArray:
    parts = [part for part in parts if len(part.items)] or parts[:1]
    sizes = [len(part.items) for part in parts]
    owner = np.concatenate([part.items for part in parts]).astype(np.int64)
    place = np.concatenate([np.broadcast_to(part.place, n) for part, n in zip(parts, sizes, strict=True)])
    weight = np.concatenate([np.broadcast_to(part.weight, n) for part, n in zip(parts, sizes, strict=True)])
    kind = pa.concat_arrays([pa.repeat(part.kind, n) for part, n in zip(parts, sizes, strict=True)])
    text = pa.concat_arrays(
        [
            pa.repeat(part.text, n) if isinstance(part.text, str) else part.text.cast(pa.string())
            for part, n in zip(parts, sizes, strict=True)
        ]
    )
    terms = pa.concat_arrays(
        [
            pa.array([], pa.list_(TERM)) if not n else part.terms if part.terms is not None else _no_terms(n)
            for part, n in zip(parts, sizes, strict=True)
        ]
    )
    order = np.lexsort((place, owner))
    columns = [kind, text, pa.array(weight.astype(np.float64).round(6)), terms]
    reasons = pa.StructArray.from_arrays(columns, fields=list(REASON)).take(pa.array(order))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=count))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), reasons)


def _no_terms(count: int) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), pa.array([], TERM))


def _field(lists: pa.ListArray, name: str) -> pa.ListArray:
    return pa.ListArray.from_arrays(lists.offsets, pc.struct_field(lists.values, name))


def _shared_terms(
    rows: NDArray[np.int64],
    held: NDArray[np.bool_],
    queries: Queries,
    matrix: sp.csr_matrix,
    terms: pa.Array,
    telling: NDArray[np.bool_],
    weight: float,
) -> tuple[NDArray[np.int64], pa.ListArray]:
    """The items that share telling terms, and for each the heaviest terms with their part of the relevance."""
    story, column = np.nonzero(held)
    term, product = heaviest_shared(queries.terms, matrix, story, rows[story, column], telling, _TERMS)
    top = term >= 0
    counts = top.sum(axis=1)
    owners = np.flatnonzero(counts)
    offsets = np.concatenate([[0], np.cumsum(counts[owners])]).astype(np.int32)
    weights = pa.array((weight * product[top].astype(np.float64)).round(6))
    values = pa.StructArray.from_arrays([terms.take(pa.array(term[top])), weights], fields=list(TERM))
    return owners, pa.ListArray.from_arrays(pa.array(offsets), values)
