"""Resolve editors' links: find the stories that they lead to, and count the links that are left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.articles.catalog import Catalog
from recommender.articles.columns import as_array, column_to_micros, encode, to_micros
from recommender.articles.link_tables import LINKS, flat_links, link_structs, link_table
from recommender.articles.link_targets import LinkTargets
from recommender.errors import InputError

COMMON_SHARE = 0.02
COMMON_LEAST = 10
COMMON_FROM = 200
"""An item is too common if more than 2 % of the stories with links, and more than 10 of them, link to it.

Below 200 stories with links no item is, since an event that a paper follows for a week would be.
"""

_Rows: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LinkReport:
    """Counts of the links that were found and left out; each counts once, so that the counts add up to `found`.

    Attributes
    ----------
    found : int
        Links in stories and in further tables.
    links : int
        Pairs of story and item that remain.
    stories : int
        Stories with such a pair, which are not part of the sum.
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
    targets = LinkTargets(catalog)
    story, links = flat_links(catalog.table)
    current = catalog.alive[story]
    story, links = story[current], links.filter(pa.array(current))
    if more is not None:
        more = link_table(more)
        story = np.concatenate([story, targets.rows(more["story"])])
        links = pa.concat_arrays([links, link_structs(more)])
    if not len(links):
        return ResolvedLinks(LINKS.empty_table(), LinkReport())
    pairs = _Pairs(links, story)
    unknown = pairs.drop(pairs.story < 0)
    pairs.item, itself = targets.find(pairs.detail("target"), pairs.story)
    itself = itself[pairs.item >= 0]
    unresolved = pairs.drop(pairs.item < 0)
    pairs.item = _shown_rows(catalog, pairs.item, pairs.story)
    group = catalog.copy_group
    self_links = pairs.drop(itself | (group[pairs.item] == group[pairs.story]))
    from_our_list = pairs.drop(_from_lists(catalog, pairs, shown, as_of)) if shown else 0
    # The earliest of several links stays; a link without a time counts as the earliest.
    pairs.sort(pairs.story, pairs.item, column_to_micros(pairs.detail("time")), pairs.number)
    is_repeated = (pairs.story[1:] == pairs.story[:-1]) & (pairs.item[1:] == pairs.item[:-1])
    duplicates = pairs.drop(np.append(False, is_repeated)[: len(pairs.story)])
    too_common = pairs.drop(_is_too_common(pairs))
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
    """Links that are being resolved: the row of the story, that of the item once it is known, and the link's number."""

    def __init__(self, links: pa.StructArray, story: _Rows) -> None:
        self._links = links
        self.story, self.item, self.number = story, np.full(len(story), -1), np.arange(len(story))

    def detail(self, name: str) -> pa.Array:
        """Return a field of the remaining links."""
        return self._links.field(name).take(pa.array(self.number))

    def drop(self, is_dropped: NDArray[np.bool_]) -> int:
        """Remove the marked links, and return how many there are."""
        self._take(np.flatnonzero(~is_dropped))
        return int(is_dropped.sum())

    def sort(self, *keys: _Rows) -> None:
        """Sort the links by the first key, then by the next."""
        self._take(np.lexsort(keys[::-1]))

    def _take(self, order: _Rows) -> None:
        self.story, self.item, self.number = self.story[order], self.item[order], self.number[order]


def _shown_rows(catalog: Catalog, item: _Rows, story: _Rows) -> _Rows:
    """Find the row that lists show for each item of a story, see `resolve_links`."""
    group, published = catalog.copy_group, catalog.published
    rows = np.flatnonzero(catalog.alive & ~catalog.superseded)
    rows = rows[np.lexsort((catalog.id_rank[rows], published[rows], group[rows]))]
    times = np.unique(published[rows])
    # Group and time make one number, so that one bisection finds the last older row of a group.
    key = group[rows] * (len(times) + 1) + np.searchsorted(times, published[rows], "right")
    moment = np.where(published[story] == UNDATED, np.iinfo(np.int64).max, published[story])
    wanted = group[item] * (len(times) + 1) + np.searchsorted(times, moment, "left")
    first = np.searchsorted(group[rows], group[item])
    position = np.maximum(np.searchsorted(key, wanted, "right") - 1, first)
    candidate = np.append(rows, -1)[np.minimum(position, len(rows))]
    return np.where((candidate >= 0) & (group[candidate] == group[item]), candidate, item)


def _from_lists(
    catalog: Catalog, pairs: _Pairs, shown: Mapping[str, Collection[str]], as_of: datetime | None
) -> NDArray[np.bool_]:
    """Mark the links that may come from a published list, (m,)."""
    shown_pairs = [(story, item) for story, items_shown in shown.items() for item in items_shown]
    stories, items = (catalog.find([pair[side] for pair in shown_pairs]) for side in (0, 1))
    known = (stories >= 0) & (items >= 0)
    group, size = catalog.copy_group, len(catalog) + 1
    is_shown = np.isin(pairs.story * size + group[pairs.item], stories[known] * size + group[items[known]])
    if as_of is None:
        return is_shown
    set_at, updated = column_to_micros(pairs.detail("time")), column_to_micros(catalog.table["updated_at"])[pairs.story]
    set_at = np.where(set_at != UNDATED, set_at, np.where(updated != UNDATED, updated, catalog.published[pairs.story]))
    return np.asarray(is_shown & (set_at > to_micros(as_of)))


def _is_too_common(pairs: _Pairs) -> NDArray[np.bool_]:
    """Mark the links to items that very many stories link to, (m,)."""
    n_stories = len(np.unique(pairs.story))
    if n_stories < COMMON_FROM:
        return np.zeros(len(pairs.item), dtype=bool)
    return np.asarray(np.bincount(pairs.item)[pairs.item] > max(COMMON_SHARE * n_stories, COMMON_LEAST))


def connected_rows(count: int, stories: NDArray[np.integer], items: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the group of each of `count` rows; rows that links join, directly or through others, share one."""
    import scipy.sparse as sp  # takes long, and only learning and evaluation need it
    from scipy.sparse.csgraph import connected_components

    graph = sp.coo_matrix((np.ones(len(stories), dtype=bool), (stories, items)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1] if count else [], dtype=np.int64)


def link_groups(story_ids: Sequence[str], item_ids: Sequence[str]) -> dict[str, str]:
    """Find the groups of articles that links join, directly or through others.

    Two stories that link to one item have the same subject, so that a model trained on the first knows the second.
    Folds are drawn and intervals computed over these groups, never over single stories.

    Parameters
    ----------
    story_ids, item_ids : sequence of str, length m
        The two ends of each link; the direction does not count.

    Returns
    -------
    dict of str to str
        The group of each article, named by the first of its ids; articles without a link are not in it.

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
    codes, ids = encode(pa.array([*story_ids, *item_ids], pa.large_string()))
    group = connected_rows(len(ids), *np.split(codes, 2))
    first: dict[int, str] = {}
    return {
        article_id: first.setdefault(code, article_id)
        for article_id, code in sorted(zip(ids, group.tolist(), strict=True))
    }
