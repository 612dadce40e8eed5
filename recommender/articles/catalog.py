"""The archive as Arrow columns: `Catalog`."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.articles.boilerplate import NOTHING, TEXTS, Boilerplate
from recommender.articles.columns import as_array, as_mask, column_to_micros, encode
from recommender.articles.copies import Marks, Originals, group_again_by_text, group_by_text, headline_digests
from recommender.articles.headlines import Headlines
from recommender.articles.id_types import id_text
from recommender.articles.ids import IdBytes, encode_id
from recommender.errors import UnknownArticleError, did_you_mean

_MARKS = "body_"  # prefix of the names of saved `Marks`
_DERIVED = ("id_rank", "superseded", "text_group", "copy_group")
_MOST_VERSIONS = 10  # stories of one `canonical_id`; more are those of a page that is no story, such as the front
_FEW = 3  # stories that may be versions of one story, however small the archive is
_LEAST_KNOWN = 0.9  # share of the stories whose groups must be known, or all are found again
_MANY = 32  # rows of a hash table of ids that cost as much as one look-up by bisection


class EarlierGroups(NamedTuple):
    """`Catalog.alive` and `Catalog.text_group` of an earlier state."""

    alive: NDArray[np.bool_]
    text_group: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Catalog:
    """The archive: Arrow columns, an id <-> row map and a mask of rows still current.

    Rows `[0, base)` stand in order of (publication time, id), undated first; rows `[base, n)` were appended later, in
    any order.
    """

    table: pa.Table  # columns of `SCHEMA`
    alive: NDArray[np.bool_]  # (n,); False where a newer version of the same id took over
    base: int  # length of the sorted part
    boilerplate: Boilerplate = NOTHING  # removed from the texts of stories before they are compared
    # those of an earlier state with fewer rows: groups of older stories than any that changed are found in them
    earlier_groups: EarlierGroups | None = None

    @classmethod
    def from_table(cls, table: pa.Table, boilerplate: Boilerplate = NOTHING) -> Catalog:
        """Sort a table with unique ids into publication order."""
        order = np.lexsort((table["id"].to_numpy(), column_to_micros(table["published_at"])))
        if (order[1:] < order[:-1]).any():  # a table in order is not copied
            table = table.take(pa.array(order))
        table = table.combine_chunks()
        return cls(table, np.ones(len(table), dtype=bool), len(table), boilerplate)

    @contextmanager
    def with_boilerplate(self, boilerplate: Boilerplate) -> Iterator[Catalog]:
        """Make a catalog of the same stories, which are compared and shown without this boilerplate.

        Until the end it keeps the cleaned texts, which need as much memory as the texts.
        """
        table, cleaned = boilerplate.with_clean_lines(self.table)
        catalog = Catalog(table, self.alive, self.base, boilerplate)
        vars(catalog)["_cleaned"] = cleaned
        try:
            yield catalog
        finally:
            del vars(catalog)["_cleaned"]

    def cleaned(self) -> pa.Table:
        """Return the stories with titles, leads and bodies as they are compared: without boilerplate."""
        cached: pa.Table | None = vars(self).get("_cleaned")
        return self.boilerplate.cleaned(self.table) if cached is None else cached

    def __len__(self) -> int:
        return len(self.table)

    def take(self, rows: NDArray[np.int64]) -> pa.Table:
        """Return the stories in some rows; a single one is not copied."""
        return self.table.slice(rows[0], 1) if len(rows) == 1 else self.table.take(pa.array(rows))

    def derived_columns(self) -> dict[str, NDArray[Any]]:
        """Return by name the columns that are slow to derive from the table, for `with_derived`."""
        columns = {name: getattr(self, name) for name in _DERIVED}
        return columns | {f"{_MARKS}{name}": column for name, column in self.marks._asdict().items()}

    def with_derived(self, derived: Mapping[str, NDArray[Any]]) -> Catalog:
        """Return the same catalog with columns of `derived_columns`, which it need not derive again."""
        catalog = replace(self)
        marks = {name.removeprefix(_MARKS): column for name, column in derived.items() if name.startswith(_MARKS)}
        # `cached_property` looks into this dict.
        vars(catalog).update({name: derived[name] for name in _DERIVED if name in derived})
        if marks:  # archives saved by earlier versions have none
            vars(catalog)["marks"] = Marks(**marks)
        return catalog

    @cached_property
    def ids(self) -> pa.ChunkedArray:
        """Ids by row; large_string, length n."""
        return self.table["id"]

    @cached_property
    def id_rank(self) -> NDArray[np.int64]:
        """Place of each row's id among all ids in order; ties in a score break by it."""
        rank = np.empty(len(self), dtype=np.int64)
        rank[np.argsort(self.ids.to_numpy(), kind="stable")] = np.arange(len(self))
        return rank

    @cached_property
    def headlines(self) -> NDArray[np.int64]:
        """Digest of each row's headline, equal where the words are; -1 = no headline; shape (n,)."""
        return headline_digests(self.table["title"])

    @cached_property
    def published(self) -> NDArray[np.int64]:
        """Publication times in microseconds since 1970, `UNDATED` where missing; shape (n,)."""
        return column_to_micros(self.table["published_at"])

    @cached_property
    def expires(self) -> NDArray[np.int64]:
        """Times of expiry in microseconds since 1970; the greatest int64 where a story never expires."""
        times = column_to_micros(self.table["expires_at"])
        return np.where(times == UNDATED, np.iinfo(np.int64).max, times)

    @cached_property
    def timeless(self) -> NDArray[np.bool_]:
        """Rows that are undated or of kind 'evergreen': such rows have no freshness."""
        evergreen = pc.equal(self.table["kind"], "evergreen").to_numpy()
        return np.asarray(evergreen | (self.published == UNDATED))

    @cached_property
    def live(self) -> NDArray[np.bool_]:
        """Rows of kind 'live'."""
        return np.asarray(pc.equal(self.table["kind"], "live").to_numpy(), dtype=bool)

    @cached_property
    def filter_values(self) -> dict[str, frozenset[str]]:
        """The values that stories have of each column that filters name; tags are those of 'tag'."""
        columns = {name: self.table[name] for name in ("section", "language", "kind")}
        columns["tag"] = pc.list_flatten(self.table["tags"])
        return {name: frozenset(pc.drop_null(pc.unique(column)).to_pylist()) for name, column in columns.items()}

    @cached_property
    def shared_canonicals(self) -> dict[str, int]:
        """Number of current stories by each `canonical_id` that too many of them name to be versions of one story.

        Such an id is the address of a front page or the like, given to every story. It is ignored.
        """
        canonicals = self.table["canonical_id"]
        if canonicals.null_count == len(self):
            return {}
        counts = pc.value_counts(canonicals.filter(pa.array(self.alive)).drop_null()).to_pylist()
        most = min(_MOST_VERSIONS, max(_FEW, int(self.alive.sum()) // 2))
        return {canonical["values"]: canonical["counts"] for canonical in counts if canonical["counts"] > most}

    @cached_property
    def canonical(self) -> pa.ChunkedArray:
        """`canonical_id` by row, missing where it is ignored."""
        canonical = self.table["canonical_id"]
        if not self.shared_canonicals:
            return canonical
        is_shared = pc.is_in(canonical, pa.array(list(self.shared_canonicals), pa.large_string()))
        return pc.if_else(is_shared, pa.scalar(None, pa.large_string()), canonical)

    @cached_property
    def superseded(self) -> NDArray[np.bool_]:
        """Versions that are never candidates: they name another story of the archive as their `canonical_id`.

        Where that story is not in the archive, all versions but the newest are superseded.
        """
        names_another = pc.fill_null(pc.not_equal(self.canonical, self.ids), False).to_numpy() & self.alive
        rows = np.flatnonzero(names_another)
        canonical = self.canonical.take(pa.array(rows)).combine_chunks()
        is_superseded = np.zeros(len(self), dtype=bool)
        if len(rows):
            is_known = pc.is_in(canonical, self.ids.filter(pa.array(self.alive)).combine_chunks())
            code = canonical.dictionary_encode().indices.to_numpy()
            order = np.lexsort((self.id_rank[rows], self.published[rows], code))
            is_newest = np.ones(len(rows), dtype=bool)
            is_newest[order[:-1]] = code[order[1:]] != code[order[:-1]]
            is_superseded[rows] = is_known.to_numpy(zero_copy_only=False) | ~is_newest
        return is_superseded

    @cached_property
    def copy_group(self) -> NDArray[np.int64]:
        """Number of each row's group, (n,): current rows with one text or one `canonical_id` share it."""
        canonical, n_rows = self.canonical, len(self)
        if canonical.null_count == n_rows:
            return self.text_group
        codes = pc.fill_null(canonical, self.ids.combine_chunks()).combine_chunks().dictionary_encode().indices
        own_group = n_rows + np.arange(n_rows)
        canonical_group = np.where(self.alive, codes.to_numpy().astype(np.int64), own_group)
        import scipy.sparse as sp  # takes long, and few archives need it
        from scipy.sparse.csgraph import connected_components

        # A graph joins each row to a node of its text and to one of its `canonical_id`.
        nodes = n_rows + np.concatenate([self.text_group, n_rows + canonical_group])
        edges = np.ones(2 * n_rows), (np.tile(np.arange(n_rows), 2), nodes)
        graph = sp.coo_matrix(edges, shape=(nodes.max() + 1,) * 2)
        return np.asarray(connected_components(graph, directed=False)[1][:n_rows], dtype=np.int64)

    @cached_property
    def text_group(self) -> NDArray[np.int64]:
        """The oldest current row of each row's text, (n,)."""
        order = self._oldest_first(np.flatnonzero(self.alive))
        if (earlier := self.earlier_groups) is not None:
            known = earlier.text_group[order[: self._count_same(earlier.alive)]]
            if len(known) >= _LEAST_KNOWN * len(order):
                return group_again_by_text(self._texts, self.marks, order, known)
        marks, cleaned = self.marks, self.cleaned()  # the marks first: each copies the bodies into one array
        texts = as_array(cleaned["body"]), cleaned["title"], cleaned["lead"]
        return group_by_text(*texts, marks, order)

    def _count_same(self, alive: NDArray[np.bool_]) -> int:
        """Count the current rows that are older than all that differ from an earlier state, of which `alive` is."""
        has_changed = np.ones(len(self), dtype=bool)
        has_changed[: len(alive)] = alive != self.alive[: len(alive)]
        first = np.append(has_changed[self._by_age], True).argmax()
        return int(self.alive[self._by_age[:first]].sum())

    def _oldest_first(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        is_wanted = np.zeros(len(self), dtype=bool)
        is_wanted[rows] = True
        return self._by_age[is_wanted[self._by_age]]

    @cached_property
    def _by_age(self) -> NDArray[np.int64]:
        """All rows, oldest first."""
        return np.lexsort((self.id_rank, self.published))

    @cached_property
    def _originals(self) -> Originals:
        """Current rows with a body that repeats no older one."""
        is_oldest = (self.text_group == np.arange(len(self))) & self.alive & ~self.marks.is_empty
        return Originals.from_marks(self.marks, self.sample_offsets, self._oldest_first(np.flatnonzero(is_oldest)))

    @cached_property
    def sample_offsets(self) -> NDArray[np.int64]:
        """Where the sample of each row's body begins among those of all, and the end of the last one, (n + 1,)."""
        return self.marks.sample_offsets

    @cached_property
    def marks(self) -> Marks:
        """Marks of the bodies, from which copies are found."""
        return Marks.from_texts(as_array(self.cleaned()["body"]))

    @cached_property
    def _without_body(self) -> tuple[NDArray[np.int64], Headlines, pa.ChunkedArray]:
        """Current rows without a body, their headlines and leads."""
        rows = np.flatnonzero(self.marks.is_empty & self.alive)
        texts = self._texts(rows)
        return rows, Headlines.from_titles(texts["title"].combine_chunks()), texts["lead"]

    def _texts(self, rows: NDArray[np.int64]) -> pa.Table:
        return self.boilerplate.cleaned(self.table.select([*TEXTS, "source", "url"]).take(pa.array(rows)))

    def _bodies(self, rows: NDArray[np.int64]) -> pa.Array:
        return as_array(self._texts(rows)["body"])

    @cached_property
    def _with_canonical(self) -> tuple[NDArray[np.int64], pa.Array]:
        """Rows with a `canonical_id`, and these."""
        rows = np.flatnonzero(as_mask(pc.is_valid(self.canonical)))
        return rows, as_array(self.canonical.take(pa.array(rows)))

    def copies_of(self, story: Mapping[str, Any]) -> NDArray[np.int64]:
        """Find the rows that share text, id or `canonical_id` with a story from outside, and all copies of them.

        The story has its texts as they are compared. They are taken for the newest of all.
        """
        canonical = story["canonical_id"] if story["canonical_id"] not in self.shared_canonicals else None
        story_ids = list(dict.fromkeys([story["id"], canonical or story["id"]]))
        with_canonical, canonicals = self._with_canonical
        is_same = as_mask(pc.is_in(canonicals, pa.array(story_ids, pa.large_string())))
        rows = [self.known_rows(story_ids), with_canonical[is_same]]
        if story["body"]:
            rows.append(self._originals.oldest_copy(story["body"], self._bodies))
        else:
            without_body, headlines, lead = self._without_body
            is_same = headlines.is_same(story["title"]) & pc.equal(lead, story["lead"]).to_numpy()
            rows.append(without_body[is_same])
        found = np.concatenate(rows)
        groups = np.unique(self.copy_group[found[self.alive[found]]])
        return np.flatnonzero(np.isin(self.copy_group, groups)) if len(groups) else groups

    def codes(self, column: str, default: str | None = None) -> tuple[NDArray[np.int32], list[str]]:
        """Encode a text column as integer codes and their values; -1 where missing and no default."""
        values = self.table[column]
        if default is not None:
            values = pc.fill_null(values, default)
        codes, names = encode(values)
        return codes.astype(np.int32), names

    @cached_property
    def _sorted_ids(self) -> tuple[NDArray[np.int64], IdBytes]:
        """Rows in order of their ids, and the ids in that order."""
        order = np.empty(len(self), dtype=np.int64)
        order[self.id_rank] = np.arange(len(self))
        return order, IdBytes(as_array(self.ids), order)

    def _find(self, article_id: object) -> int | None:
        """Find the row of the current version, by bisection: a dict of a million ids takes a second and 200 MB."""
        text = id_text(article_id)
        if not isinstance(text, str):
            return None
        (order, ids), wanted = self._sorted_ids, encode_id(text)
        index = bisect_left(ids, wanted)
        while index < len(ids) and ids[index] == wanted:  # versions of a story stand next to each other
            row = int(order[index])
            if self.alive[row]:
                return row
            index += 1
        return None

    def __contains__(self, article_id: object) -> bool:
        return self._find(article_id) is not None

    def row(self, article_id: str) -> int:
        """Find the row of the current version of `article_id`.

        Raises `UnknownArticleError` if no current row has this id.
        """
        row = self._find(article_id)
        if row is None:
            suggestion = did_you_mean(str(article_id), self.ids.filter(pa.array(self.alive)).to_pylist())
            raise UnknownArticleError(
                f"no article with id {article_id!r} among the {int(self.alive.sum())} of this archive{suggestion}"
            )
        return row

    def rows(self, article_ids: Sequence[str]) -> NDArray[np.int64]:
        """Find the rows of several ids; raises as `row` does."""
        rows = self.find(article_ids)
        for unknown in np.flatnonzero(rows < 0)[:1]:
            self.row(article_ids[unknown])
        return rows

    def known_rows(self, article_ids: Iterable[str]) -> NDArray[np.int64]:
        """Find the rows of those ids that the archive knows."""
        rows = self.find(list(article_ids))
        return rows[rows >= 0]

    def find(self, article_ids: Sequence[str] | pa.ChunkedArray) -> NDArray[np.int64]:
        """Find the current rows of ids, -1 where there is none; many ids share a hash table of the archive."""
        if len(article_ids) * _MANY < len(self):
            rows = map(self._find, article_ids.to_pylist() if isinstance(article_ids, pa.ChunkedArray) else article_ids)
            return np.array([-1 if row is None else row for row in rows], dtype=np.int64)
        current = np.flatnonzero(self.alive)
        known_ids = as_array(self.ids).take(pa.array(current)).cast(pa.large_binary())
        if isinstance(article_ids, pa.ChunkedArray):
            wanted = as_array(article_ids).cast(pa.large_binary())
        else:
            texts = map(id_text, article_ids)
            encoded = [encode_id(article_id) if isinstance(article_id, str) else None for article_id in texts]
            wanted = pa.array(encoded, pa.large_binary())
        index = pc.fill_null(pc.index_in(wanted, known_ids), -1).to_numpy(zero_copy_only=False)
        return np.where(index >= 0, np.append(current, -1)[index], -1)

    def append(self, table: pa.Table, replaces: NDArray[np.int64]) -> Catalog:
        """Return a new catalog with more rows at the end; the rows `replaces` are no longer current."""
        alive = np.concatenate([self.alive, np.ones(len(table), dtype=bool)])
        alive[replaces] = False
        table, cleaned = self.boilerplate.with_clean_lines(table)
        earlier = EarlierGroups(self.alive, self.text_group) if "text_group" in vars(self) else self.earlier_groups
        longer = pa.concat_tables([self.table, table]).combine_chunks()
        catalog = Catalog(longer, alive, self.base, self.boilerplate, earlier if "marks" in vars(self) else None)
        catalog = catalog.with_derived({"id_rank": self._extended_id_rank(table["id"])})
        if "marks" in vars(self):
            vars(catalog)["marks"] = self.marks.append(Marks.from_texts(as_array(cleaned["body"])))
        return catalog

    def _extended_id_rank(self, ids: pa.ChunkedArray) -> NDArray[np.int64]:
        """Compute `id_rank` with further rows by bisection, since sorting a million ids again takes seconds."""
        _, sorted_ids = self._sorted_ids
        order = np.argsort(ids.to_numpy(), kind="stable")
        n_smaller = np.array(
            [bisect_right(sorted_ids, encode_id(ids[row].as_py())) for row in order.tolist()], dtype=np.int64
        )
        n_new = np.cumsum(np.bincount(n_smaller, minlength=len(self) + 1))  # new ids before each old id
        rank = np.empty(len(self) + len(order), dtype=np.int64)
        rank[: len(self)] = self.id_rank + n_new[self.id_rank]
        rank[len(self) + order] = n_smaller + np.arange(len(order))
        return rank
