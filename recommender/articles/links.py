"""Editors' links as data: which story links to which, and what became of each link that was found."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from recommender.articles.article import LINK, TIME, UNDATED
from recommender.articles.catalog import Catalog, whole
from recommender.articles.columns import to_micros
from recommender.articles.urls import normalise_url
from recommender.errors import InputError

LINKS = pa.schema(
    [
        ("story", pa.large_string()),
        ("item", pa.large_string()),
        ("anchor", pa.large_string()),
        ("time", TIME),
        ("kind", pa.large_string()),
    ]
)
"""Columns of a table of links: the story that links, what it links to, the words, the time and the kind of the link."""

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
    """Find out which stories the links of an archive lead to.

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
    >>> found = resolve_links(Catalog.of(to_table(stories)))
    >>> found.table.select(["story", "item"]).to_pylist(), found.report.unresolved
    ([{'story': 'b', 'item': 'a'}], 1)
    """
    places = _Places(catalog)
    story, links = _flat(catalog.table)
    current = catalog.alive[story]
    story, links = story[current], links.filter(pa.array(current))
    if more is not None:
        more = link_table(more)
        story = np.concatenate([story, places.rows(more["story"])])
        links = pa.concat_arrays([links, _structs(more)])
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
    pairs.sort(pairs.story, pairs.item, _micros(pairs.detail("time")), pairs.place)
    again = (pairs.story[1:] == pairs.story[:-1]) & (pairs.item[1:] == pairs.item[:-1])
    duplicates = pairs.drop(np.append(False, again)[: len(pairs.story)])
    linking = len(np.unique(pairs.story))
    most = max(COMMON_SHARE * linking, COMMON_LEAST) if linking >= COMMON_FROM else np.inf
    too_common = pairs.drop(np.bincount(pairs.item, minlength=len(catalog))[pairs.item] > most)
    pairs.sort(catalog.id_rank[pairs.story], catalog.id_rank[pairs.item])
    ids = whole(catalog.ids)
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
        """One field of the links that are left."""
        return self._links.field(name).take(pa.array(self.place))

    def drop(self, dropped: NDArray[np.bool_]) -> int:
        """Leave some out; how many."""
        self._take(np.flatnonzero(~dropped))
        return int(dropped.sum())

    def sort(self, *keys: _Rows) -> None:
        """Put them in order of the first key, then of the next."""
        self._take(np.lexsort(keys[::-1]))

    def _take(self, order: _Rows) -> None:
        self.story, self.item, self.place = self.story[order], self.item[order], self.place[order]


def link_table(table: pa.Table) -> pa.Table:
    """Give a table of links the columns of `LINKS`; rows without a story or item are left out.

    Raises
    ------
    InputError
        If a column is missing or of another type.

    Examples
    --------
    >>> link_table(pa.table({"story": ["a"], "item": ["b"]}))["anchor"].to_pylist()
    ['']
    """
    for name in ("story", "item"):
        if name not in table.column_names:
            given = ", ".join(table.column_names) or "none"
            raise InputError(f"a table of links has the columns {given}; expected story and item: rename or add {name}")
    columns = []
    for wanted in LINKS:
        try:
            column = (
                table[wanted.name].cast(wanted.type)
                if wanted.name in table.column_names
                else pa.nulls(len(table), wanted.type)
            )
        except pa.ArrowException as error:
            given = table[wanted.name].type
            raise InputError(
                f"column {wanted.name} of a table of links is {given}, expected {wanted.type}: {error}"
            ) from None
        columns.append(pc.fill_null(column, "") if wanted.name == "anchor" else column)
    table = pa.Table.from_arrays(columns, schema=LINKS)
    return table.filter(pc.and_(table["story"].is_valid(), table["item"].is_valid()))


def add_links(table: pa.Table, more: pa.Table, most: int) -> tuple[pa.Table, int, int]:
    """Put links of a table into the column `links` of the stories that they name by id or URL.

    Parameters
    ----------
    table : pyarrow.Table, columns of `SCHEMA`
    more : pyarrow.Table, columns of `LINKS`
    most : int
        Links that one story may have; those of the story itself come first.

    Returns
    -------
    table : pyarrow.Table
    unknown : int
        Links whose story is not in the table.
    beyond : int
        Links that would have been more than `most`.

    Examples
    --------
    >>> from recommender.articles.article import Article, to_table
    >>> stories = to_table([Article(id="a", title="Ferry"), Article(id="b", title="Inquiry")])
    >>> more = link_table(pa.table({"story": ["b", "x"], "item": ["a", "a"]}))
    >>> linked, unknown, beyond = add_links(stories, more, most=10)
    >>> [[link["target"] for link in links] for links in linked["links"].to_pylist()], unknown
    ([[], ['a']], 1)
    """
    rows = _Places(Catalog(table, np.ones(len(table), dtype=bool), 0)).rows(more["story"])
    held, links = _flat(table)
    known = rows >= 0
    story = np.concatenate([held, rows[known]])
    order = np.argsort(story, kind="stable")
    story = story[order]
    within = np.arange(len(story)) - np.searchsorted(story, story)  # place among the links of its story
    kept = (within < most) | (order < len(held))
    links = pa.concat_arrays([links, _structs(more).filter(pa.array(known))]).take(pa.array(order[kept]))
    return _with_lists(table, story[kept], links), int((~known).sum()), int((~kept).sum())


def without_links_to(catalog: Catalog, gone: NDArray[np.bool_]) -> pa.Table:
    """The table of a catalog without the links that lead to some of its rows, (n,)."""
    story, links = _flat(catalog.table)
    if not len(links):
        return catalog.table
    item, _ = _Places(catalog).targets(links.field("target"), story)
    kept = (item < 0) | ~gone[item]
    return _with_lists(catalog.table, story[kept], links.filter(pa.array(kept)))


def _flat(table: pa.Table) -> tuple[_Rows, pa.StructArray]:
    """All links of a table, and the row of each."""
    column = whole(table["links"])
    return pc.list_parent_indices(column).to_numpy().astype(np.int64), pc.list_flatten(column)


def _with_lists(table: pa.Table, story: _Rows, links: pa.StructArray) -> pa.Table:
    """A table with other links: those of each row, ascending."""
    offsets = np.searchsorted(story, np.arange(len(table) + 1))
    column = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), links)
    place = table.column_names.index("links")
    return table.set_column(place, table.schema.field("links"), column.cast(pa.large_list(LINK)))


def _structs(more: pa.Table) -> pa.StructArray:
    columns = [whole(more[name]) for name in ("item", "anchor", "time", "kind")]
    return pa.StructArray.from_arrays(columns, fields=list(LINK))


class _Places:
    """Where a story is found: by its id, else by its URL, or by an id that is a URL."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def rows(self, texts: pa.ChunkedArray) -> _Rows:
        """Row of each id or URL, -1 where there is none; (m,)."""
        code, names = _codes(texts)
        row = self._catalog.find(names)
        rest = np.flatnonzero(row < 0)
        row[rest] = self._at([normalise_url(names[at]) for at in rest])
        return row[code]

    def targets(self, texts: pa.Array, story: _Rows) -> tuple[_Rows, NDArray[np.bool_]]:
        """Row of each target, -1 where there is none, and whether it is the URL of the linking story; each (m,)."""
        code, names = _codes(texts)
        row, itself = self._catalog.find(names)[code], np.zeros(len(code), dtype=bool)
        rest = np.flatnonzero(row < 0)
        if not len(rest):
            return row, itself
        used, place = np.unique(code[rest], return_inverse=True)
        row[rest] = self._at([normalise_url(names[at]) for at in used])[place]
        # a place on the story's own site, whose URL tells which
        relative = rest[[names[at].startswith("/") for at in code[rest]]]
        bases = self._urls.take(pa.array(story[relative])).to_pylist()
        joined = [normalise_url(names[at], base) for at, base in zip(code[relative], bases, strict=True)]
        row[relative] = self._at(joined)
        stories, place = np.unique(story, return_inverse=True)
        own = self._at([normalise_url(url or "") for url in self._urls.take(pa.array(stories)).to_pylist()])[place]
        itself[rest] = (row[rest] >= 0) & (row[rest] == own[rest])
        return row, itself

    def _at(self, urls: Sequence[str]) -> _Rows:
        """Row of each normalised URL, the newest of several; -1 where there is none."""
        if not len(urls):
            return np.empty(0, dtype=np.int64)
        held, rows = self._held
        asked = pa.array([url or None for url in urls], pa.large_string())
        place = pc.fill_null(pc.index_in(asked, held, skip_nulls=True), -1).to_numpy(zero_copy_only=False)
        return np.where(place >= 0, np.append(rows, -1)[place], -1)

    @cached_property
    def _urls(self) -> pa.Array:
        """The URL of each row, or its id if that is one."""
        ids = whole(self._catalog.ids)
        named = pc.if_else(pc.match_substring(ids, "://"), ids, pa.scalar(None, ids.type))
        return pc.coalesce(whole(self._catalog.table["url"]), named)

    @cached_property
    def _held(self) -> tuple[pa.Array, _Rows]:
        """The normalised URLs of the current rows, the newest first, and their rows."""
        catalog, urls = self._catalog, self._urls
        rows = np.flatnonzero(catalog.alive & urls.is_valid().to_numpy(zero_copy_only=False))
        updated = _micros(whole(catalog.table["updated_at"]))
        rows = rows[np.lexsort((catalog.id_rank[rows], updated[rows], catalog.published[rows]))[::-1]]
        held = [normalise_url(one) or None for one in urls.take(pa.array(rows)).to_pylist()]
        return pa.array(held, pa.large_string()), rows


def _codes(texts: pa.Array | pa.ChunkedArray) -> tuple[_Rows, list[str]]:
    """Code of each text, and what the codes stand for."""
    texts = whole(texts) if isinstance(texts, pa.ChunkedArray) else texts
    encoded = texts.dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()


def _shown_rows(catalog: Catalog, item: _Rows, story: _Rows) -> _Rows:
    """The row that lists show for each item under its story: see `resolve_links`."""
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
    """Links that may come from a published list, (m,)."""
    listed = [(one, other) for one, others in shown.items() for other in others]
    stories, items = (catalog.find([pair[at] for pair in listed]) for at in (0, 1))
    known = (stories >= 0) & (items >= 0)
    group, size = catalog.copy_group, len(catalog) + 1
    same = np.isin(pairs.story * size + group[pairs.item], stories[known] * size + group[items[known]])
    if as_of is None:
        return same
    set_at, updated = _micros(pairs.detail("time")), _micros(whole(catalog.table["updated_at"]))[pairs.story]
    set_at = np.where(set_at != UNDATED, set_at, np.where(updated != UNDATED, updated, catalog.published[pairs.story]))
    return np.asarray(same & (set_at > to_micros(as_of)))


def _micros(times: pa.Array) -> _Rows:
    return np.asarray(pc.fill_null(times.cast(pa.int64()), UNDATED).to_numpy(zero_copy_only=False), dtype=np.int64)


def connected_rows(count: int, stories: NDArray[np.integer], items: NDArray[np.integer]) -> NDArray[np.int64]:
    """Number the groups of `count` rows that links join, directly or through others; int64 (count,)."""
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
