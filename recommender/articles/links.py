"""Editors' links as data: which story links to which, and what became of each link that was found."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from recommender.articles.article import UNDATED
from recommender.articles.catalog import Catalog
from recommender.articles.columns import as_array, to_micros
from recommender.articles.link_places import Places, micros
from recommender.articles.link_tables import LINKS, flat_links, link_structs, link_table
from recommender.errors import InputError

COMMON_SHARE = 0.02
COMMON_LEAST = 10
COMMON_FROM = 200
"""An item is too common if more than this share of the stories with links, and more than so many of them, link to it.

Below 200 stories with links nothing is: an event that a paper follows for a week would be.
"""

_Rows: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LinkReport:
    """What became of the links that were found; each is counted once, so that the other counts add up to `found`.

    Attributes
    ----------
    found : int
        Links in stories and in further tables.
    links : int
        Pairs of story and item that remain.
    stories : int
        Stories with such a pair; no part of the sum.
    unknown_stories : int
        Links of a further table whose story is not in the archive.
    unresolved : int
        Targets that are no story of the archive.
    self_links : int
        Links to the story itself or to a copy of it.
    from_our_list : int
        Links to what a published list showed under the story before the link was set.
    duplicates : int
        Further links from a story to the same item.
    too_common : int
        Links to items that very many stories link to, such as a page of contacts.
    """

    found: int = 0
    links: int = 0
    stories: int = 0
    unknown_stories: int = 0
    unresolved: int = 0
    self_links: int = 0
    from_our_list: int = 0
    duplicates: int = 0
    too_common: int = 0


@dataclass(frozen=True, eq=False)
class ResolvedLinks:
    """Links between stories of an archive.

    Attributes
    ----------
    table : pyarrow.Table
        Columns of `LINKS`, `story` and `item` as ids; each pair once, in order of story and item.
    report : LinkReport
    """

    table: pa.Table
    report: LinkReport

    def __len__(self) -> int:
        return len(self.table)


def resolve_links(
    catalog: Catalog,
    more: pa.Table | None = None,
    *,
    shown: Mapping[str, Collection[str]] | None = None,
    as_of: datetime | None = None,
) -> ResolvedLinks:
    """Find the stories that the links of an archive lead to.

    A target is the id of a story or, after `normalise_url`, its URL; of stories with one URL the newest counts. A link
    to a version or copy counts for the one that lists show: of its copies that no other version supersedes the newest
    that is older than the linking story, else the oldest. Links to the story itself and repeated ones are left
    out; of several to one item the earliest stays. So are those to items that more than 2 % of the stories with links,
    and more than 10, link to, once there are 200 such stories: they belong to the page and not to the story.

    Parameters
    ----------
    catalog : Catalog
        The column `links` of its current rows is read.
    more : pyarrow.Table, optional
        Further links: columns `story` and `item`, ids or URLs, and maybe `anchor`, `time` and `kind`.
    shown : mapping of str to collection of str, optional
        Items that a published list showed, by the id of its story: links to them that were set later may come from
        that list, so they are left out. A link was set at its own `time`, else at the story's `updated_at`, else when
        the story was published.
    as_of : datetime, optional
        Moment of the published lists; without it all links to what was shown count as set later.

    Returns
    -------
    ResolvedLinks

    Raises
    ------
    InputError
        If `more` lacks a column or holds something other than text.

    Examples
    --------
    >>> from recommender.articles.article import Article, Link, to_table
    >>> stories = [
    ...     Article(id="a", title="Ferry aground", url="https://www.courier.example/ferry/"),
    ...     Article(id="b", title="Inquiry", links=(Link("http://courier.example/ferry#top"), Link("nowhere"))),
    ... ]
    >>> found = resolve_links(Catalog.from_table(to_table(stories)))
    >>> found.table.select(["story", "item"]).to_pylist(), found.report.unresolved
    ([{'story': 'b', 'item': 'a'}], 1)
    """
    places = Places(catalog)
    story, links = flat_links(catalog.table)
    current = catalog.alive[story]
    story, links = story[current], links.filter(pa.array(current))
    if more is not None:
        more = link_table(more)
        story = np.concatenate([story, places.rows(more["story"])])
        links = pa.concat_arrays([links, link_structs(more)])
    if not len(links):
        return ResolvedLinks(LINKS.empty_table(), LinkReport())
    pairs = _Pairs(links, story)
    unknown = pairs.drop(pairs.story < 0)
    pairs.item, itself = places.targets(pairs.detail("target"), pairs.story)
    itself = itself[pairs.item >= 0]
    unresolved = pairs.drop(pairs.item < 0)
    pairs.item = _shown_rows(catalog, pairs.item, pairs.story)
    group = catalog.copy_group
    self_links = pairs.drop(itself | (group[pairs.item] == group[pairs.story]))
    from_our_list = pairs.drop(_from_lists(catalog, pairs, shown, as_of)) if shown else 0
    # of several the earliest stays, and without a time a link counts from the start
    pairs.sort(pairs.story, pairs.item, micros(pairs.detail("time")), pairs.place)
    again = (pairs.story[1:] == pairs.story[:-1]) & (pairs.item[1:] == pairs.item[:-1])
    duplicates = pairs.drop(np.append(False, again)[: len(pairs.story)])
    linking = len(np.unique(pairs.story))
    most = max(COMMON_SHARE * linking, COMMON_LEAST) if linking >= COMMON_FROM else np.inf
    too_common = pairs.drop(np.bincount(pairs.item, minlength=len(catalog))[pairs.item] > most)
    pairs.sort(catalog.id_rank[pairs.story], catalog.id_rank[pairs.item])
    ids = as_array(catalog.ids)
    columns = [ids.take(pa.array(pairs.story)), ids.take(pa.array(pairs.item))]
    table = pa.Table.from_arrays([*columns, *map(pairs.detail, ("anchor", "time", "kind"))], schema=LINKS)
    report = LinkReport(
        found=len(links),
        links=len(table),
        stories=len(np.unique(pairs.story)),
        unknown_stories=unknown,
        unresolved=unresolved,
        self_links=self_links,
        from_our_list=from_our_list,
        duplicates=duplicates,
        too_common=too_common,
    )
    return ResolvedLinks(table, report)


class _Pairs:
    """Links on their way: the row of the story, the row of the item once it is known, and the place among all links."""

    def __init__(self, links: pa.StructArray, story: _Rows) -> None:
        self._links = links
        self.story, self.item, self.place = story, np.full(len(story), -1), np.arange(len(story))

    def detail(self, name: str) -> pa.Array:
        """Give one field of the links that are left."""
        return self._links.field(name).take(pa.array(self.place))

    def drop(self, dropped: NDArray[np.bool_]) -> int:
        """Leave out some links, and count them."""
        self._take(np.flatnonzero(~dropped))
        return int(dropped.sum())

    def sort(self, *keys: _Rows) -> None:
        """Sort the links by the first key, then by the next."""
        self._take(np.lexsort(keys[::-1]))

    def _take(self, order: _Rows) -> None:
        self.story, self.item, self.place = self.story[order], self.item[order], self.place[order]


def _shown_rows(catalog: Catalog, item: _Rows, story: _Rows) -> _Rows:
    """Find the row that lists show for each item under its story: see `resolve_links`."""
    group, published = catalog.copy_group, catalog.published
    rows = np.flatnonzero(catalog.alive & ~catalog.superseded)
    rows = rows[np.lexsort((catalog.id_rank[rows], published[rows], group[rows]))]
    times = np.unique(published[rows])
    # groups and times as one number, so that one bisection finds the last that is older
    key = group[rows] * (len(times) + 1) + np.searchsorted(times, published[rows], "right")
    moment = np.where(published[story] == UNDATED, np.iinfo(np.int64).max, published[story])
    asked = group[item] * (len(times) + 1) + np.searchsorted(times, moment, "left")
    first = np.searchsorted(group[rows], group[item])
    place = np.maximum(np.searchsorted(key, asked, "right") - 1, first)
    found = np.append(rows, -1)[np.minimum(place, len(rows))]
    return np.where((found >= 0) & (group[found] == group[item]), found, item)


def _from_lists(
    catalog: Catalog, pairs: _Pairs, shown: Mapping[str, Collection[str]], as_of: datetime | None
) -> NDArray[np.bool_]:
    """Find links that may come from a published list, (m,)."""
    listed = [(one, other) for one, others in shown.items() for other in others]
    stories, items = (catalog.find([pair[at] for pair in listed]) for at in (0, 1))
    known = (stories >= 0) & (items >= 0)
    group, size = catalog.copy_group, len(catalog) + 1
    same = np.isin(pairs.story * size + group[pairs.item], stories[known] * size + group[items[known]])
    if as_of is None:
        return same
    set_at, updated = micros(pairs.detail("time")), micros(as_array(catalog.table["updated_at"]))[pairs.story]
    set_at = np.where(set_at != UNDATED, set_at, np.where(updated != UNDATED, updated, catalog.published[pairs.story]))
    return np.asarray(same & (set_at > to_micros(as_of)))


def connected_rows(count: int, stories: NDArray[np.integer], items: NDArray[np.integer]) -> NDArray[np.int64]:
    """Group `count` rows that links join, directly or through others; gives the number of each row's group."""
    graph = sp.coo_matrix((np.ones(len(stories), dtype=bool), (stories, items)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1] if count else [], dtype=np.int64)


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
    group = connected_rows(len(ids), *np.split(codes.indices.to_numpy(), 2))
    first: dict[int, str] = {}
    return {one: first.setdefault(code, one) for one, code in sorted(zip(ids, group.tolist(), strict=True))}
