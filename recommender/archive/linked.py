"""Candidates of stories as they were at publication, beside the items that their journalists linked."""

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
    archive : Archive
    stories, items : ndarray of int64, shape (m,)
        Rows of links.
    features : sequence of str
    anchors : sequence of str, length m, optional
        The words of each link. They leave the text of the story: an anchor often is the item's headline, which nobody
        knows before the link is set.
    count : int, optional
        Candidates of a story; default `retrieval.candidates`.
    group : ndarray of int64, shape (n,), optional
        Of each row; default: those that the links connect.
    progress : callable

    Returns
    -------
    pairs : LinkedPairs
        Stories without a candidate are left out.
    rows : ndarray of int64, shape (s,)
        Row of each story.
    """
    count = archive.settings.retrieval.candidates if count is None else count
    published, dated = archive.catalog.published, archive.dated
    older = (published[items] < published[stories]) if dated else np.ones(len(stories), dtype=bool)
    older &= stories != items
    told = [anchor for anchor, kept in zip(anchors, older, strict=True) if kept] if any(anchors) else []
    stories, items = stories[older], items[older]
    asked = np.unique(stories)
    group = (connected_rows(len(archive.catalog), stories, items) if group is None else group)[asked]
    links = sp.csr_matrix(
        (np.ones(len(stories), dtype=bool), (stories, items)), shape=(len(archive.catalog), len(archive.catalog))
    )
    values, linked, story = [], [], []
    for start in range(0, len(asked), _BLOCK):
        some = asked[start : start + _BLOCK]
        candidates = at_publication(archive, some, count)
        queries, at = archive.table, some
        if told:
            queries, at = _without_anchors(archive, some, stories, told), np.arange(len(some))
        pairs = Pairs(queries, at, archive.table, candidates.rows, candidates.rows >= 0)
        held = candidates.rows >= 0
        line, _ = np.nonzero(held)
        values.append(pair_features(pairs, features, FAMILIES)[held])
        rows = candidates.rows[held]
        linked.append(np.asarray(links[some[line], rows]).ravel().astype(bool))
        story.append(line + start)
        progress("features", min(start + _BLOCK, len(asked)), len(asked))
    found = LinkedPairs(
        np.concatenate(values) if values else np.zeros((0, len(features)), np.float32),
        np.concatenate(linked) if linked else np.zeros(0, bool),
        np.concatenate(story) if story else np.zeros(0, np.int64),
        np.asarray(links[asked].sum(axis=1)).ravel().astype(np.int64),
        group,
        tuple(features),
    )
    useful = np.bincount(found.story, minlength=len(asked)) > 0
    return found.take(useful), asked[useful]


def _without_anchors(
    archive: Archive, rows: NDArray[np.int64], stories: NDArray[np.int64], anchors: Sequence[str]
) -> FeatureTable:
    """Leave the words of a story's links out of what stories are compared by."""
    words: dict[int, list[str]] = {}
    for story, anchor in zip(stories.tolist(), anchors, strict=True):
        if anchor:
            words.setdefault(story, []).append(anchor)
    held = archive.catalog.table.take(pa.array(rows)).to_pylist()
    for row, story in zip(rows.tolist(), held, strict=True):
        for anchor in words.get(row, ()):
            story["body"], story["lead"] = (story[part].replace(anchor, " ") for part in ("body", "lead"))
    table = pa.Table.from_pylist(held, schema=archive.catalog.table.schema)
    return archive.foreign_queries(table, np.asarray(archive.vectors[rows])).features


def at_publication(
    archive: Archive, rows: NDArray[np.int64], count: int, moment: NDArray[np.int64] | None = None
) -> Candidates:
    """Find the best rows of each story among those that were there when it was published, best first, (q, count).

    With `moment`, (q,), among those that were there by then, older than the story or not.
    """
    queries, catalog = archive.queries(rows), archive.catalog
    found = np.flatnonzero(catalog.alive & ~catalog.superseded)
    windows = np.tile([1, 0, 1, 0], (len(rows), 1))
    if archive.dated:
        moment = catalog.published[rows] if moment is None else moment
        windows[:, 0], windows[:, 1] = UNDATED, moment - 1  # what has no date was always there
    best = np.full((len(rows), count), -1, dtype=np.int64)
    groups = np.unique(queries.language) if archive.settings.retrieval.same_language else [None]
    for code in groups:
        places = np.arange(len(rows)) if code is None else np.flatnonzero(queries.language == code)
        some = found if code is None else found[archive.languages[found] == code]
        free = np.full(len(catalog), not archive.dated)
        able = archive.searched.rows(some, catalog.id_rank, catalog.published, free)
        best[places] = nearest(queries.take(places), able, count, windows=windows[places])
    return Candidates(best[:, : max(int((best >= 0).sum(axis=1).max(initial=0)), 1)])
