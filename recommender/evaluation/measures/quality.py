"""Measures of final lists that need no relevance judgments, and counts that must be zero."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import entr

from recommender.archive.archive import Archive
from recommender.archive.pooling import pair_relevance
from recommender.articles.article import DAY_US, HOUR_US, UNDATED
from recommender.articles.columns import is_in
from recommender.errors import InputError, SettingsError
from recommender.features.tfidf import row_cosines
from recommender.features.vectors import gram
from recommender.ranking.score import RELATED, SOURCES, relevance

FRESH_DAYS = 30
RETOLD, RETOLD_UNDATED = 0.3, 0.6  # cosine of words from which on two stories of a day tell the same
_PLACES = 1 << 14  # places of lists worked on at a time: 25 MB of vectors at 384 dimensions

QUALITY: Mapping[str, str] = MappingProxyType(
    {
        "items": "mean number of items of a list",
        "empty lists": "share of lists without an item",
        "same event again": "mean number of items of a list whose event a better placed item already has",
        "own event": "mean number of items of a list that report the event of the story itself",
        "distance": "intra-list distance: mean of 1 - cosine over the pairs of a list, then over lists of two items "
        "and more (Ziegler et al. 2005)",
        "section entropy": "mean of -sum p log2 p over the sections of a list, bits (Shannon 1948)",
        "section drift": "Jensen-Shannon divergence, base 2, of the sections of all shown items from those of the "
        "archive (Lin 1991; after the calibration of Steck 2018): 0 = the same shares, 1 = none in common",
        "coverage": "share of the eligible stories that at least one list shows (Ge et al. 2010)",
        "Gini": "Gini index of the number of lists that show each eligible story (Fleder & Hosanagar 2009): "
        "sum (2 i - n - 1) x_i / (n sum x), x ascending; 0 = all alike",
        "novelty bits": "mean of -log2(share of the lists with items that show the item) over shown items "
        "(Zhou et al. 2010)",
        "age median days": "median age of the dated items at the moment of their list",
        "age p90 days": "90th percentile of that age",
        f"older than {FRESH_DAYS} days": f"share of the dated items more than {FRESH_DAYS} days old",
        "hours to first list": "median time from publication to the first list that shows a story; of those published "
        "between the first and the last moment and shown at all",
        "never shown": "share of the stories published between the first and the last moment that no list shows "
        "from then on",
    }
)
"""Name of each measure of `list_quality` -> what it is. Eligible are current stories, not after the last moment."""

SAFETY: Mapping[str, str] = MappingProxyType(
    {
        "withdrawn": "items that were withdrawn",
        "blocked": "items blocked everywhere, or under the story",
        "self": "items that are the story itself, in any version of its id",
        "future": "items published after the moment of their list",
        "same text": "items with the text or canonical id of the story or of a better placed item, under another id",
        "repeated": "items that a better placed place of the same list already shows",
        "expired": "items that had expired at the moment of their list",
        "unlabelled fill": "items that come in as 'related' although their relevance is below `related_at`",
    }
)
"""Name of each count of `safety` -> what it counts."""


@dataclass(frozen=True, eq=False)
class Yardstick:
    """What the lists of one archive are measured against, the same for every system.

    Attributes
    ----------
    archive : Archive
        Its vectors tell distance, its `related_at` what is related, and without labels its words tell events.
    events : ndarray of int64, shape (n,), optional
        Known event of each catalog row; -1 = none. Default: not known.
    """

    archive: Archive
    events: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, archive: Archive, events: Mapping[str, str | None] | None = None) -> Yardstick:
        """With events by article id; stories that are not named have none."""
        if events is None:
            return cls(archive)
        names = pa.array([events.get(article_id) for article_id in archive.catalog.ids.to_pylist()], pa.string())
        return cls(archive, names.dictionary_encode().indices.fill_null(-1).to_numpy().astype(np.int64))

    @cached_property
    def sections(self) -> NDArray[np.int64]:
        """Section of each catalog row; -1 = none."""
        return self.archive.catalog.codes("section")[0].astype(np.int64)

    def eligible(self, moments: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Rows that a list may show: current, and not published after the last moment; (n,)."""
        catalog, last = self.archive.catalog, moments.max(initial=UNDATED)
        return np.asarray(catalog.alive & ((catalog.published <= last) | (last == UNDATED)))


def list_quality(
    rows: NDArray[np.int64],
    stories: NDArray[np.int64],
    moments: NDArray[np.int64],
    yardstick: Yardstick,
    *,
    k: int,
) -> dict[str, float]:
    """The measures of `QUALITY`, in its order; NaN where one does not apply.

    An event is told by labels, or by the test of the archive as its own selection uses it: P(same event) and the
    time rules, each item against those above it. Items without a date have no age, those without a section none.

    Parameters
    ----------
    rows : ndarray of int64, shape (q, w)
        Catalog rows of the items, best first; -1 = empty place, after all others.
    stories : ndarray of int64, shape (q,)
        Catalog rows of the stories; -1 = outside the archive, and left out of 'own event'.
    moments : ndarray of int64, shape (q,)
        Microseconds since 1970 that each list is for; `UNDATED` where time does not count.
    yardstick : Yardstick
    k : int
        Only the first `k` places count.

    Raises
    ------
    InputError
        If shapes do not fit each other, or a row is not in the catalog.

    Examples
    --------
    >>> from recommender import Recommender, Settings
    >>> rec = Recommender(Settings.of({"embedding": {"model": "tfidf"}})).fit([
    ...     {"id": "a", "title": "Ferry aground", "section": "city"},
    ...     {"id": "b", "title": "Ferry refloated", "section": "city"},
    ...     {"id": "c", "title": "Opera opens", "section": "arts"},
    ... ])
    >>> lists = np.array([[1, 2], [0, 2], [0, -1]])
    >>> found = list_quality(lists, np.arange(3), np.full(3, UNDATED), Yardstick(rec.archive), k=2)
    >>> round(found["items"], 3), round(found["section entropy"], 3), found["coverage"]
    (1.667, 0.667, 1.0)
    """
    _check(rows, stories, moments, yardstick)
    rows = rows[:, :k]
    held = rows >= 0
    parts = [_by_list(rows[part], stories[part], yardstick) for part in _blocks(rows)]
    again, own, distance, entropy = (np.concatenate(part) for part in zip(*parts, strict=True))
    shown_in = _lists_showing(rows, len(yardstick.archive.catalog))
    eligible = yardstick.eligible(moments)
    ages = ages_days(rows, moments, yardstick)
    wait, never = _first_list(rows, moments, yardstick)
    values = (
        _mean(held.sum(axis=1)),
        _mean(rows.max(axis=1, initial=-1) < 0),
        _mean(again),
        _mean(own),
        _mean(distance),
        _mean(entropy),
        _drift(rows[held], eligible, yardstick.sections),
        _mean(shown_in[eligible] > 0),
        gini(shown_in[eligible]),
        _novelty(shown_in, int(held.any(axis=1).sum())),
        _quantile(ages, 0.5),
        _quantile(ages, 0.9),
        _mean(ages > FRESH_DAYS),
        _quantile(wait, 0.5),
        never,
    )
    return dict(zip(QUALITY, values, strict=True))


def safety(
    rows: NDArray[np.int64],
    stories: NDArray[np.int64],
    moments: NDArray[np.int64],
    yardstick: Yardstick,
    *,
    withdrawn: Collection[str] = (),
    blocked: Collection[tuple[str, str | None]] = (),
    sources: NDArray[np.object_] | NDArray[np.str_] | None = None,
) -> dict[str, int]:
    """The counts of `SAFETY`, in its order: items that must not stand where they stand.

    Of a story outside the archive neither the id nor the text is known: of it only what concerns the items alone
    is counted. Without a moment nothing is in the future or expired.

    Parameters
    ----------
    rows, stories, moments, yardstick
        As in `list_quality`.
    withdrawn : collection of str
        Ids that must not appear.
    blocked : collection of (str, str or None)
        Id of an item, and of the story under which it must not appear; None = under any.
    sources : ndarray of str, shape (q, w), optional
        How each item came in (`Recommendation.source`). Without it, or without `related_at`, 'unlabelled fill' is 0.

    Raises
    ------
    InputError
        If shapes do not fit each other, or a row is not in the catalog.
    """
    _check(rows, stories, moments, yardstick)
    if sources is not None and sources.shape != rows.shape:
        raise InputError(f"sources have shape {sources.shape}; expected that of the rows, {rows.shape}")
    catalog = yardstick.archive.catalog
    held, inside, timed = rows >= 0, (stories >= 0)[:, None], (moments != UNDATED)[:, None]
    codes, names = catalog.codes("id")
    ids = np.where(held, codes[rows], -1).astype(np.int64)
    own = codes[stories].astype(np.int64)[:, None]
    itself = held & inside & (ids == own)
    repeated = held & (nth_of_group(ids) > 0)
    # what is counted as the story itself or as repeated is not another story of one text as well
    group = np.where(held & ~itself & ~repeated, catalog.copy_group[rows], -1)
    above = np.concatenate([np.where(inside, catalog.copy_group[stories][:, None], -1), group], axis=1)
    found = (
        is_in(catalog.table, "id", withdrawn)[rows],
        _blocked(ids, np.where(inside, own, -1), names, blocked),
        itself,
        timed & (catalog.published[rows] > moments[:, None]),
        (group >= 0) & (nth_of_group(above)[:, 1:] > 0),
        repeated,
        catalog.expires[rows] <= moments[:, None],
        np.zeros_like(held) if sources is None else _unlabelled(rows, stories, sources, yardstick.archive),
    )
    return {name: int((held & mask).sum()) for name, mask in zip(SAFETY, found, strict=True)}


def ages_days(rows: NDArray[np.int64], moments: NDArray[np.int64], yardstick: Yardstick) -> NDArray[np.float64]:
    """Age in days of every dated item at the moment of its list, (m,), list after list."""
    published = yardstick.archive.catalog.published
    dated = (rows >= 0) & (published[rows] != UNDATED) & (moments != UNDATED)[:, None]
    return np.asarray((np.broadcast_to(moments[:, None], rows.shape)[dated] - published[rows[dated]]) / DAY_US)


def gini(exposure: NDArray[np.int64]) -> float:
    """Gini index: 0 where all have the same, (n - 1) / n where one has all; NaN where nobody has anything.

    ``sum (2 i - n - 1) x_i / (n sum x)``, x in ascending order, i from 1 (Gini 1912; of recommendations Fleder &
    Hosanagar 2009).

    Examples
    --------
    >>> gini(np.array([3, 3, 3])), gini(np.array([0, 0, 0, 7]))
    (0.0, 0.75)
    """
    size, total = len(exposure), exposure.sum()
    place = 2 * np.arange(1, size + 1) - size - 1
    return float((place * np.sort(exposure)).sum() / (size * total)) if total else float("nan")


def jensen_shannon(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Divergence of two distributions over the same values, base 2 (Lin 1991): 0 = equal, 1 = disjoint.

    ``H((p + q) / 2) - (H(p) + H(q)) / 2``, H the entropy in bits.

    Examples
    --------
    >>> jensen_shannon(np.array([0.5, 0.5]), np.array([0.5, 0.5])), jensen_shannon(np.array([1, 0]), np.array([0, 1]))
    (0.0, 1.0)
    """
    entropies = [entr(one).sum() / np.log(2) for one in ((p + q) / 2, p, q)]
    return float(max(entropies[0] - (entropies[1] + entropies[2]) / 2, 0))


def rank_biased_overlap(a: Sequence[object], b: Sequence[object], p: float = 0.9) -> float:
    """How alike two rankings are, the top counting most: extrapolated RBO of Webber, Moffat & Zobel (2010, eq. 32).

    The lists may be of different length. An item given twice counts once. Two empty lists are alike, an empty one
    and another have nothing in common.

    Parameters
    ----------
    a, b : sequences of hashable items, best first
    p : float, default 0.9
        Chance that a reader looks at the next place; the first ten have 86 % of the weight at .9.

    Returns
    -------
    float
        From 0 (nothing in common) to 1 (the same).

    Raises
    ------
    SettingsError
        If `p` is not between 0 and 1.

    Examples
    --------
    >>> rank_biased_overlap("abcd", "abcd"), rank_biased_overlap("abc", "xyz")
    (1.0, 0.0)
    >>> round(rank_biased_overlap("abcdefg", "zcavwxy"), 3)
    0.288
    """
    number = {item: place for place, item in enumerate(dict.fromkeys([*a, *b]))}
    left, right = (np.array([[number[item] for item in one]], dtype=np.int64).reshape(1, -1) for one in (a, b))
    return mean_overlap(left, right, p)


def mean_overlap(a: NDArray[np.int64], b: NDArray[np.int64], p: float = 0.9) -> float:
    """Mean `rank_biased_overlap` of the lists of two systems, line by line; NaN where there are none.

    Parameters
    ----------
    a : ndarray of int64, shape (q, v)
    b : ndarray of int64, shape (q, w)
        Catalog rows, best first; -1 = empty place.
    p : float, default 0.9

    Raises
    ------
    SettingsError
        If `p` is not between 0 and 1.
    InputError
        If the numbers of lists differ.

    Examples
    --------
    >>> mean_overlap(np.array([[4, 7], [1, -1]]), np.array([[4, 7], [2, -1]]))
    0.5
    """
    if not 0 < p < 1:
        raise SettingsError(f"p is {p}, expected a number between 0 and 1, such as 0.9")
    if len(a) != len(b):
        raise InputError(f"{len(a)} lists cannot be compared with {len(b)}; expected lists of the same stories")
    width = max(a.shape[1], b.shape[1], 1)
    return _mean(np.concatenate([_overlap(_distinct(a[s], width), _distinct(b[s], width), p) for s in _blocks(a)]))


def _overlap(a: NDArray[np.int64], b: NDArray[np.int64], p: float) -> NDArray[np.float64]:
    """RBO of lists of distinct items, (q, w) both."""
    lengths = np.stack([(a >= 0).sum(axis=1), (b >= 0).sum(axis=1)])
    short, long = lengths.min(axis=0)[:, None], lengths.max(axis=0)[:, None]
    equal = (a[:, :, None] == b[:, None, :]) & (a >= 0)[:, :, None]
    common = np.diagonal(equal.cumsum(axis=1).cumsum(axis=2), axis1=1, axis2=2)  # X_d of the paper
    at_short = np.take_along_axis(common, np.maximum(short - 1, 0), axis=1)
    # beyond its end the short list is taken to agree as it did so far, and beyond the long one both
    depth = np.minimum(np.arange(1, a.shape[1] + 1), np.maximum(long, 1))
    agreement = (common + at_short * np.maximum(depth - short, 0) / np.maximum(short, 1)) / depth
    weight = (1 - p) * p ** np.arange(a.shape[1])
    weight[-1] = p ** (a.shape[1] - 1)  # the last depth stands for all below it
    return np.where(long[:, 0] > 0, np.average(agreement, axis=1, weights=weight), 1.0)


def nth_of_group(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of the same group stand before each place of its line; 0 for a negative one, which is no group; (q, c).

    Examples
    --------
    >>> nth_of_group(np.array([[7, 5, 7, 7, 5, -1, -1]])).tolist()
    [[0, 0, 1, 2, 1, 0, 0]]
    """
    nth = np.zeros(groups.shape, dtype=np.int64)
    alone = np.where(groups < 0, -1 - np.arange(groups.shape[1]), groups)
    along = np.sort(alone, axis=1)
    lines = np.flatnonzero((along[:, 1:] == along[:, :-1]).any(axis=1))  # the only ones in which a group recurs
    order = np.argsort(alone[lines], axis=1, kind="stable")
    along = along[lines]
    place = np.broadcast_to(np.arange(groups.shape[1]), along.shape)
    starts = np.ones(along.shape, dtype=bool)
    starts[:, 1:] = along[:, 1:] != along[:, :-1]
    some = np.empty_like(order)
    np.put_along_axis(some, order, place - np.maximum.accumulate(np.where(starts, place, 0), axis=1), axis=1)
    nth[lines] = some
    return nth


def _distinct(rows: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """Each item once, empty places last, (q, width)."""
    rows = np.pad(rows, ((0, 0), (0, width - rows.shape[1])), constant_values=-1)
    rows = np.where(nth_of_group(rows) > 0, -1, rows)
    return np.take_along_axis(rows, np.argsort(rows < 0, axis=1, kind="stable"), axis=1)


def _by_list(rows: NDArray[np.int64], stories: NDArray[np.int64], yardstick: Yardstick) -> list[NDArray[np.float64]]:
    """Of each list: items of an event again, items of the story's own, distance and section entropy; (q,) each."""
    again, own = (
        _by_label(rows, stories, yardstick) if yardstick.events is not None else _by_test(rows, stories, yardstick)
    )
    known = np.where(stories >= 0, own.sum(axis=1), np.nan)
    return [again.sum(axis=1).astype(np.float64), known, _distance(rows, yardstick), _entropy(rows, yardstick)]


def _by_label(
    rows: NDArray[np.int64], stories: NDArray[np.int64], yardstick: Yardstick
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Items whose event is above them, and items of the story's own event, by labels; (q, k) each."""
    assert yardstick.events is not None
    event = np.where(rows >= 0, yardstick.events[rows], -1)
    return (event >= 0) & (nth_of_group(event) > 0), (event >= 0) & (event == yardstick.events[stories][:, None])


def _by_test(
    rows: NDArray[np.int64], stories: NDArray[np.int64], yardstick: Yardstick
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The same by a test that no list is made with: words alike on one day."""
    return _retold(rows, rows, yardstick, among=True), _retold(stories[:, None], rows, yardstick, among=False)


def _retold(
    leads: NDArray[np.int64], rows: NDArray[np.int64], yardstick: Yardstick, *, among: bool
) -> NDArray[np.bool_]:
    """Items, (q, k), that share a day and a TF-IDF cosine of .30 with a lead, (q, l); `among` = a better placed one.

    Without dates in the archive, the cosine alone must tell, from .60.
    """
    archive, found = yardstick.archive, np.zeros(rows.shape, dtype=bool)
    published = archive.catalog.published
    for number in range(leads.shape[1]):
        lead = leads[:, number, None]
        pair = (lead >= 0) & (rows >= 0)
        if among:
            pair = pair & (np.arange(rows.shape[1]) > number)
        if archive.dated:
            own, times = published[lead], published[rows]
            pair = pair & (own != UNDATED) & (times != UNDATED) & (own // DAY_US == times // DAY_US)
        line, column = np.nonzero(pair)
        alike = row_cosines(archive.terms, archive.terms, leads[line, number], rows[line, column])
        found[line, column] |= alike >= (RETOLD if archive.dated else RETOLD_UNDATED)
    return found


def _distance(rows: NDArray[np.int64], yardstick: Yardstick) -> NDArray[np.float64]:
    held = rows >= 0
    pair = held[:, :, None] & held[:, None, :] & np.triu(np.ones((rows.shape[1],) * 2, dtype=bool), 1)
    apart = np.where(pair, 1.0 - gram(yardstick.archive.vectors, rows), 0).sum(axis=(1, 2))
    return _ratio(apart, pair.sum(axis=(1, 2)))


def _entropy(rows: NDArray[np.int64], yardstick: Yardstick) -> NDArray[np.float64]:
    section = np.where(rows >= 0, yardstick.sections[rows], -1)
    told = section >= 0
    alike = (section[:, :, None] == section[:, None, :]).sum(axis=2)
    size = told.sum(axis=1)
    bits = np.where(told, np.log2(np.maximum(size, 1)[:, None] / alike), 0).sum(axis=1)
    return _ratio(bits, size)


def _drift(shown: NDArray[np.int64], eligible: NDArray[np.bool_], sections: NDArray[np.int64]) -> float:
    counts = [
        np.bincount(part[part >= 0], minlength=sections.max(initial=0) + 1)
        for part in (sections[shown], sections[eligible])
    ]
    if not all(count.sum() for count in counts):
        return float("nan")
    return jensen_shannon(*(count / count.sum() for count in counts))


def _lists_showing(rows: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Number of lists that show each catalog row, (n,)."""
    return np.bincount(rows[(rows >= 0) & (nth_of_group(rows) == 0)], minlength=size)


def _novelty(shown_in: NDArray[np.int64], lists: int) -> float:
    count = shown_in[shown_in > 0]
    return float(np.average(np.log2(lists / count), weights=count)) if len(count) else float("nan")


def _first_list(
    rows: NDArray[np.int64], moments: NDArray[np.int64], yardstick: Yardstick
) -> tuple[NDArray[np.float64], float]:
    """Hours from publication to the first list, of stories that one shows; the share of those that none shows."""
    catalog, times = yardstick.archive.catalog, moments[moments != UNDATED]
    if not len(times) or times.min() == times.max():
        return np.zeros(0), float("nan")
    appeared = catalog.alive & (catalog.published >= times.min()) & (catalog.published <= times.max())
    never = np.iinfo(np.int64).max
    first = np.full(len(catalog), never)
    after = (rows >= 0) & (catalog.published[rows] <= moments[:, None])
    np.minimum.at(first, rows[after], np.broadcast_to(moments[:, None], rows.shape)[after])
    seen = appeared & (first < never)
    return (first[seen] - catalog.published[seen]) / HOUR_US, _mean(first[appeared] == never)


def _blocked(
    ids: NDArray[np.int64], own: NDArray[np.int64], names: list[str], blocked: Collection[tuple[str, str | None]]
) -> NDArray[np.bool_]:
    """Places, (q, w), whose pair of item and story, or whose item alone, is blocked."""
    number = {name: code for code, name in enumerate(names)}
    everywhere = [number[item] for item, story in blocked if story is None and item in number]
    pairs = [number[i] * len(names) + number[s] for i, s in blocked if i in number and s is not None and s in number]
    return np.isin(ids, everywhere) | ((own >= 0) & np.isin(ids * len(names) + own, pairs))


def _unlabelled(
    rows: NDArray[np.int64],
    stories: NDArray[np.int64],
    sources: NDArray[np.object_] | NDArray[np.str_],
    archive: Archive,
) -> NDArray[np.bool_]:
    """Places, (q, w), that come in as related and are less relevant than that."""
    found = np.zeros(rows.shape, dtype=bool)
    if archive.related_at is None:
        return found
    for part in _blocks(rows):
        asked = np.maximum(stories[part], 0)
        if archive.ranker is not None:
            pairs = np.repeat(asked, rows.shape[1]), np.maximum(rows[part], 0).ravel()
            fused = pair_relevance(archive, *pairs).reshape(rows[part].shape)
        else:
            queries = archive.queries(asked)
            _, _, fused = relevance(queries, archive.vectors, archive.terms, rows[part], archive.settings.ranking)
        found[part] = ~((fused >= archive.related_at) & (fused > 0))
    return np.asarray(found & (stories >= 0)[:, None] & (sources == SOURCES[RELATED]))


def _check(
    rows: NDArray[np.int64], stories: NDArray[np.int64], moments: NDArray[np.int64], yardstick: Yardstick
) -> None:
    if rows.ndim != 2 or stories.shape != rows.shape[:1] or moments.shape != rows.shape[:1]:
        raise InputError(
            f"rows, stories and moments have shapes {rows.shape}, {stories.shape} and {moments.shape}; "
            "expected (q, k), (q,) and (q,)"
        )
    size = len(yardstick.archive.catalog)
    least = min(rows.min(initial=0), stories.min(initial=0))
    most = max(rows.max(initial=-1), stories.max(initial=-1))
    if least < -1 or most >= size:
        raise InputError(f"rows from {least} to {most} were given; expected -1 (none) to {size - 1}, as in the catalog")


def _blocks(rows: NDArray[np.int64]) -> Iterator[slice]:
    """Slices of lists, at least one."""
    step = max(_PLACES // max(rows.shape[1], 1), 1)
    for start in range(0, max(len(rows), 1), step):
        yield slice(start, start + step)


def _ratio(sums: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _mean(values: NDArray[np.float64] | NDArray[np.int64] | NDArray[np.bool_]) -> float:
    """Mean of those that are not NaN; NaN where there is none."""
    left = values[~np.isnan(values)]
    return float(left.mean()) if len(left) else float("nan")


def _quantile(values: NDArray[np.float64], share: float) -> float:
    return float(np.quantile(values, share)) if len(values) else float("nan")
