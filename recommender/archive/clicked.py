"""What readers were shown under a story, and what they clicked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.archive.linked import candidates_at_publication
from recommender.articles.columns import encode
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
    """A click log by rows of an archive: each story with the items that its lists showed."""

    source: NDArray[np.int64]  # (lists,); row of the story of each list of the log, -1 = unknown
    stories: NDArray[np.int64]  # (s,); rows of the stories with a click, ascending
    # (s, n); clicks, each one over the propensity of its place, and how often the item was shown; by story and row
    chosen: sp.csr_matrix
    offered: sp.csr_matrix
    # (s,); when a list of the story was shown last, in microseconds; the end of time where the log has no time
    moment: NDArray[np.int64]
    report: ClickReport

    @classmethod
    def from_log(cls, archive: Archive, log: ClickLog, rejected: int = 0) -> Clicked:
        """Find the stories of a log in an archive; `rejected` is for the report."""
        items, size = log.items, len(archive.catalog)
        lists, place, is_clicked = (items[name].to_numpy() for name in ("list", "place", "clicked"))
        story_code, source = _find(archive, log.table["source"])
        item_code, item = _find(archive, items["item"])
        propensities = _propensities_of(story_code[lists], item_code, lists, place, is_clicked)
        story = source[lists]
        is_used = (story >= 0) & (item >= 0) & (story != item)
        indices = story[is_used], item[is_used]
        clicks = is_clicked[is_used] * propensities.weights(place[is_used])
        chosen = sp.csr_matrix((clicks, indices), shape=(size, size))
        offered = sp.csr_matrix((np.ones(len(clicks)), indices), shape=(size, size))
        stories = np.flatnonzero(np.asarray(chosen.sum(axis=1)).ravel() > 0)
        report = ClickReport(
            lists=len(log),
            used=len(np.unique(lists[is_used])),
            clicks=int(is_clicked[is_used].sum()),
            stories=len(stories),
            rejected=rejected,
            places=propensities,
        )
        moment = _last_shown(log, source, size)[stories]
        return cls(source, stories, chosen[stories], offered[stories], moment, report)

    def sessions(self, log: ClickLog) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find pairs of stories, by row, that one session read; the pairs join all stories of the session."""
        is_known = (self.source >= 0) & pc.is_valid(log.table["session"]).to_numpy()
        session, story = encode_names(log.table["session"].filter(is_known)), self.source[is_known]
        order = np.argsort(session, kind="stable")
        is_same = session[order][1:] == session[order][:-1]
        return story[order][:-1][is_same], story[order][1:][is_same]


def _propensities_of(
    story_code: NDArray[np.int64],
    item_code: NDArray[np.int64],
    lists: NDArray[np.int64],
    place: NDArray[np.int64],
    is_clicked: NDArray[np.bool_],
) -> Propensities:
    """Estimate propensities from all items that were shown, also those that the archive does not have any more.

    Only places in lists of one length are compared: in a longer list each item is clicked less, and only there places
    are far down.
    """
    n_items = int(item_code.max(initial=0)) + 1
    length = np.bincount(lists)[lists]
    pair = (story_code * n_items + item_code) * (int(length.max(initial=0)) + 1) + length
    has_story = story_code >= 0
    return estimate_propensities(pair[has_story], place[has_story], is_clicked[has_story])


def _last_shown(log: ClickLog, source: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Find when a list of each row was shown last, (n,); the end of time where the log has no time."""
    last, is_known = np.full(size, np.iinfo(np.int64).min), source >= 0
    time = pc.fill_null(log.table["time"].cast("int64"), np.iinfo(np.int64).max).to_numpy()
    np.maximum.at(last, source[is_known], time[is_known])
    return last


def clicked_pairs(
    archive: Archive,
    clicked: Clicked,
    features: Sequence[str],
    *,
    group: NDArray[np.int64],
    progress: Progress = silent,
) -> LinkedPairs:
    """Pair stories with the items that their lists showed: what was not shown, nobody could click.

    `group` is that of each row, (n,).

    Returns
    -------
    LinkedPairs
        The stories of `clicked`.
    """
    count = archive.settings.retrieval.candidates
    values, chosen, offered, story = [], [], [], []
    for start in range(0, len(clicked.stories), _BLOCK):
        block = slice(start, start + _BLOCK)
        stories, offers = clicked.stories[block], clicked.offered[block]
        pool = candidates_at_publication(archive, stories, count, clicked.moment[block])
        shown = _column_indices(offers)
        rows = pool.append(shown.rows).rows
        pairs = Pairs(archive.table, stories, archive.table, rows, is_among(rows, pool.rows))
        is_shown = is_among(rows, shown.rows)
        row, item_rows = np.nonzero(is_shown)[0], rows[is_shown]
        values.append(pair_features(pairs, features, FAMILIES)[is_shown])
        chosen.append(np.asarray(clicked.chosen[block][row, item_rows]).ravel())
        offered.append(np.asarray(offers[row, item_rows]).ravel())
        story.append(row + start)
        progress("features", min(start + _BLOCK, len(clicked.stories)), len(clicked.stories))
    all_chosen = np.concatenate(chosen) if chosen else np.zeros(0)
    all_stories = np.concatenate(story) if story else np.zeros(0, np.int64)
    return LinkedPairs(
        values=np.concatenate(values) if values else np.zeros((0, len(features)), np.float32),
        linked=all_chosen > 0,
        story=all_stories,
        links=np.bincount(all_stories[all_chosen > 0], minlength=len(clicked.stories)),
        group=group[clicked.stories],
        features=tuple(features),
        chosen=all_chosen,
        offered=np.concatenate(offered) if offered else np.zeros(0),
    )


def _find(archive: Archive, ids: pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the code of each id, -1 where it is null, and its row, -1 where there is none."""
    code, names = encode(ids)
    return code, np.append(archive.catalog.find(names), -1)[code]


def _column_indices(matrix: sp.csr_matrix) -> Candidates:
    """Return the columns of each row that have an entry, ascending; -1 = none."""
    counts = np.diff(matrix.indptr)
    columns = np.full((matrix.shape[0], max(int(counts.max(initial=0)), 1)), -1, dtype=np.int64)
    columns[np.arange(columns.shape[1]) < counts[:, None]] = matrix.sorted_indices().indices
    return Candidates(columns)
