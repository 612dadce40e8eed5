"""Candidates of stories as they were at publication, and which of them their journalists linked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.articles.article import UNDATED
from recommender.articles.links import connected_rows
from recommender.features.families import FAMILIES
from recommender.features.pairs import Pairs, pair_features
from recommender.features.table import FeatureTable
from recommender.progress import Progress, silent
from recommender.ranking.learn import LinkedPairs
from recommender.search.nearest import nearest
from recommender.search.pools import Candidates

_BLOCK = 256  # stories whose candidates are found together


def linked_pairs(
    archive: Archive,
    stories: NDArray[np.int64],
    items: NDArray[np.int64],
    features: Sequence[str],
    *,
    anchors: Sequence[str] = (),
    count: int | None = None,
    group: NDArray[np.int64] | None = None,
    progress: Progress = silent,
) -> tuple[LinkedPairs, NDArray[np.int64]]:
    """Pair stories that have links with their candidates: those older than the story.

    A link to an item that is not older says nothing of what an editor could have chosen, and does not count.

    Parameters
    ----------
    stories, items : ndarray of int64, shape (m,)
        Rows of links.
    anchors : sequence of str, length m, optional
        The words of each link. They leave the text of the story: an anchor often is the item's headline, which nobody
        knows before the link is set.
    count : int, optional
        Candidates of a story; default `retrieval.candidates`.
    group : ndarray of int64, shape (n,), optional
        Group of each row; default: rows that links connect share one.

    Returns
    -------
    pairs : LinkedPairs
        Stories without a candidate are left out.
    rows : ndarray of int64, shape (s,)
        Row of each story.
    """
    count = archive.settings.retrieval.candidates if count is None else count
    is_counted = _mask_older(archive, stories, items)
    kept_anchors = [anchor for anchor, kept in zip(anchors, is_counted, strict=True) if kept] if any(anchors) else []
    stories, items = stories[is_counted], items[is_counted]
    size = len(archive.catalog)
    links = sp.csr_matrix((np.ones(len(stories), dtype=bool), (stories, items)), shape=(size, size))
    story_rows = np.unique(stories)
    values, linked, story = [], [], []
    for start in range(0, len(story_rows), _BLOCK):
        block = story_rows[start : start + _BLOCK]
        candidates = candidates_at_publication(archive, block, count)
        queries, query_rows = archive.table, block
        if kept_anchors:
            queries, query_rows = _without_anchors(archive, block, stories, kept_anchors), np.arange(len(block))
        has_item = candidates.rows >= 0
        pairs = Pairs(queries, query_rows, archive.table, candidates.rows, has_item)
        row, _ = np.nonzero(has_item)
        values.append(pair_features(pairs, features, FAMILIES)[has_item])
        linked.append(np.asarray(links[block[row], candidates.rows[has_item]]).ravel().astype(bool))
        story.append(row + start)
        progress("features", min(start + _BLOCK, len(story_rows)), len(story_rows))
    every = LinkedPairs(
        values=np.concatenate(values) if values else np.zeros((0, len(features)), np.float32),
        linked=np.concatenate(linked) if linked else np.zeros(0, bool),
        story=np.concatenate(story) if story else np.zeros(0, np.int64),
        links=np.asarray(links[story_rows].sum(axis=1)).ravel().astype(np.int64),
        group=(connected_rows(size, stories, items) if group is None else group)[story_rows],
        features=tuple(features),
    )
    has_candidates = np.bincount(every.story, minlength=len(story_rows)) > 0
    return every.take(has_candidates), story_rows[has_candidates]


def _mask_older(archive: Archive, stories: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the links whose item is older than the story; without dates any other story counts."""
    published = archive.catalog.published
    is_other = stories != items
    return np.asarray((published[items] < published[stories]) & is_other) if archive.dated else is_other


def _without_anchors(
    archive: Archive, rows: NDArray[np.int64], stories: NDArray[np.int64], anchors: Sequence[str]
) -> FeatureTable:
    """Make what the stories in some rows are compared by, without the words of their links."""
    anchors_of: dict[int, list[str]] = {}
    for row, anchor in zip(stories.tolist(), anchors, strict=True):
        if anchor:
            anchors_of.setdefault(row, []).append(anchor)
    records = archive.catalog.table.take(pa.array(rows)).to_pylist()
    for row, record in zip(rows.tolist(), records, strict=True):
        for anchor in anchors_of.get(row, ()):
            record["body"], record["lead"] = (record[field].replace(anchor, " ") for field in ("body", "lead"))
    table = pa.Table.from_pylist(records, schema=archive.catalog.table.schema)
    return archive.foreign_queries(table, np.asarray(archive.vectors[rows])).features


def candidates_at_publication(
    archive: Archive, rows: NDArray[np.int64], count: int, moment: NDArray[np.int64] | None = None
) -> Candidates:
    """Find the best rows of each story among those that were there when it was published, best first, (q, count).

    With `moment`, (q,), among those that were there by then, older than the story or not.
    """
    queries, catalog = archive.queries(rows), archive.catalog
    current = np.flatnonzero(catalog.alive & ~catalog.superseded)
    windows = np.tile([1, 0, 1, 0], (len(rows), 1))
    if archive.dated:
        moment = catalog.published[rows] if moment is None else moment
        windows[:, 0], windows[:, 1] = UNDATED, moment - 1  # what has no date was always there
    best = np.full((len(rows), count), -1, dtype=np.int64)
    is_timeless = np.full(len(catalog), not archive.dated)
    languages = np.unique(queries.language) if archive.settings.retrieval.same_language else [None]
    for language in languages:
        asking = np.arange(len(rows)) if language is None else np.flatnonzero(queries.language == language)
        candidates = current if language is None else current[archive.languages[current] == language]
        searchable = archive.searched.rows(candidates, catalog.id_rank, catalog.published, is_timeless)
        best[asking] = nearest(queries.take(asking), searchable, count, windows=windows[asking])
    return Candidates(best[:, : max(int((best >= 0).sum(axis=1).max(initial=0)), 1)])
