"""What readers were shown under a story, beside what they clicked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.archive.linked import at_publication
from recommender.features.families import FAMILIES
from recommender.features.pairs import Pairs, pair_features
from recommender.progress import Progress, silent
from recommender.ranking.learn import LinkedPairs
from recommender.ranking.propensity import Propensities, estimate_propensities
from recommender.ranking.score import is_among
from recommender.reading.clicks import ClickLog, encode_names
from recommender.search.pools import Candidates

_BLOCK = 256  # stories whose candidates are found together


@dataclass(frozen=True, kw_only=True)
class ClickReport:
    """What became of a click log.

    Attributes
    ----------
    lists : int
        Lists of the log.
    used : int
        Those under a story of the archive that show another one.
    clicks : int
        In the lists that are used, on items of the archive.
    stories : int
        With such a click.
    rejected : int
        Rows of the log that could not be read.
    places : Propensities
        How likely a reader looks at each place.
    """

    lists: int
    used: int
    clicks: int
    stories: int
    rejected: int
    places: Propensities


@dataclass(frozen=True, eq=False)
class Clicked:
    """A click log by rows of an archive: each story with the items that its lists showed.

    Attributes
    ----------
    source : ndarray of int64, shape (lists,)
        Row of the story of each list of the log, -1 = unknown.
    stories : ndarray of int64, shape (s,)
        Rows of the stories with a click, ascending.
    chosen, offered : csr_matrix of float64, shape (s, n)
        Clicks, each one over the propensity of its place, and how often the item was shown; by story and row.
    moment : ndarray of int64, shape (s,)
        When a list of the story was shown last, in microseconds; the end of time where the log does not tell.
    report : ClickReport
    """

    source: NDArray[np.int64]
    stories: NDArray[np.int64]
    chosen: sp.csr_matrix
    offered: sp.csr_matrix
    moment: NDArray[np.int64]
    report: ClickReport

    @classmethod
    def of(cls, archive: Archive, log: ClickLog, rejected: int = 0) -> Clicked:
        """Find the stories of a log in an archive."""
        catalog, items = archive.catalog, log.items
        lists, place, hit = (items[name].to_numpy() for name in ("list", "place", "clicked"))
        list_story, source = _found(archive, log.table["source"])
        item_code, item = _found(archive, items["item"])
        code, width = list_story[lists], int(item_code.max(initial=0)) + 1
        told = code >= 0  # an item that is not in the archive any more tells of places all the same
        # of lists of one length alone: in a longer one each item is clicked less, and only there places are far down
        length = np.bincount(lists, minlength=len(log))[lists]
        pair = (code * width + item_code) * (int(length.max(initial=0)) + 1) + length
        places = estimate_propensities(pair[told], place[told], hit[told])
        story = source[lists]
        held = (story >= 0) & (item >= 0) & (story != item)
        shape = (len(catalog), len(catalog))
        at = story[held], item[held]
        chosen = sp.csr_matrix((hit[held] * places.weights(place[held]), at), shape=shape)
        offered = sp.csr_matrix((np.ones(int(held.sum())), at), shape=shape)
        stories = np.flatnonzero(np.asarray(chosen.sum(axis=1)).ravel() > 0)
        last = np.full(len(catalog), np.iinfo(np.int64).min)
        end = np.iinfo(np.int64).max
        time = pc.fill_null(log.table["time"].cast("int64"), end).to_numpy()
        np.maximum.at(last, source[source >= 0], time[source >= 0])
        report = ClickReport(
            lists=len(log),
            used=len(np.unique(lists[held])),
            clicks=int(hit[held].sum()),
            stories=len(stories),
            rejected=rejected,
            places=places,
        )
        return cls(source, stories, chosen[stories], offered[stories], last[stories], report)

    def sessions(self, log: ClickLog) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find pairs of stories, by row, that one session read; the pairs join all stories of the session."""
        known = (self.source >= 0) & pc.is_valid(log.table["session"]).to_numpy()
        session, story = encode_names(log.table["session"].filter(known)), self.source[known]
        order = np.argsort(session, kind="stable")
        same = session[order][1:] == session[order][:-1]
        return story[order][:-1][same], story[order][1:][same]


def clicked_pairs(
    archive: Archive,
    clicked: Clicked,
    features: Sequence[str],
    *,
    group: NDArray[np.int64],
    progress: Progress = silent,
) -> LinkedPairs:
    """Pair stories with the items that their lists showed: what was not shown, nobody could click.

    Parameters
    ----------
    archive : Archive
    clicked : Clicked
    features : sequence of str
    group : ndarray of int64, shape (n,)
        Of each row.
    progress : callable

    Returns
    -------
    LinkedPairs
        The stories of `clicked`.
    """
    count = archive.settings.retrieval.candidates
    values, chosen, offered, story = [], [], [], []
    for start in range(0, len(clicked.stories), _BLOCK):
        part = slice(start, start + _BLOCK)
        some, was_offered = clicked.stories[part], clicked.offered[part]
        pool = at_publication(archive, some, count, clicked.moment[part])
        shown = _rows(was_offered)
        rows = pool.beside(shown.rows).rows
        pairs = Pairs(archive.table, some, archive.table, rows, is_among(rows, pool.rows))
        held = is_among(rows, shown.rows)
        line, at = np.nonzero(held)[0], rows[held]
        values.append(pair_features(pairs, features, FAMILIES)[held])
        chosen.append(np.asarray(clicked.chosen[part][line, at]).ravel())
        offered.append(np.asarray(was_offered[line, at]).ravel())
        story.append(line + start)
        progress("features", min(start + _BLOCK, len(clicked.stories)), len(clicked.stories))
    every = np.concatenate(chosen) if chosen else np.zeros(0)
    number = np.concatenate(story) if story else np.zeros(0, np.int64)
    found = LinkedPairs(
        np.concatenate(values) if values else np.zeros((0, len(features)), np.float32),
        every > 0,
        number,
        np.bincount(number[every > 0], minlength=len(clicked.stories)),
        group[clicked.stories],
        tuple(features),
    )
    return replace(found, chosen=every, offered=np.concatenate(offered) if offered else np.zeros(0))


def _found(archive: Archive, ids: pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the code of each id, -1 where it is null, and its row, -1 where there is none."""
    named = ids.combine_chunks().dictionary_encode()
    code = pc.fill_null(named.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return code, np.append(archive.catalog.find(named.dictionary.to_pylist()), -1)[code]


def _rows(held: sp.csr_matrix) -> Candidates:
    """Find the columns of each line that hold something, ascending; -1 = none."""
    counts = np.diff(held.indptr)
    found = np.full((held.shape[0], max(int(counts.max(initial=0)), 1)), -1, dtype=np.int64)
    found[np.arange(found.shape[1]) < counts[:, None]] = held.sorted_indices().indices
    return Candidates(found)
