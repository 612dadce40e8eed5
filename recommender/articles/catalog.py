"""The archive as Arrow columns: `Catalog`."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from recommender.articles.article import SCHEMA, UNDATED
from recommender.articles.boilerplate import NOTHING, TEXTS, Boilerplate
from recommender.articles.columns import as_array
from recommender.articles.copies import Marks, repeated_by, text_groups
from recommender.articles.headlines import Headlines
from recommender.articles.id_types import id_text
from recommender.articles.ids import IdBytes, encoded
from recommender.errors import UnknownArticleError, did_you_mean

_MARKS = "body_"  # before the names of what bodies are told apart by
_DERIVED = ("id_rank", "superseded", "text_group", "copy_group")
_MOST_VERSIONS = 10  # stories of one `canonical_id`; more are those of a page that is no story, such as the front
_FEW = 3  # so many may be versions of one story, however small the archive is
_MANY = 32  # an id looked up alone costs as much as a hash table costs for so many rows


@dataclass(frozen=True, eq=False)
class Catalog:
    """The archive: Arrow columns, an id <-> row map and a mask of rows still current.

    Rows `[0, base)` stand in order of (publication time, id), undated first; rows `[base, n)` were appended later, in
    any order.

    Attributes
    ----------
    table : pyarrow.Table
        Columns of `SCHEMA`.
    alive : ndarray of bool, shape (n,)
        False where a newer version of the same id took over.
    base : int
        Length of the sorted part.
    boilerplate : Boilerplate
        What the texts of stories are compared without.
    """

    table: pa.Table
    alive: NDArray[np.bool_]
    base: int
    boilerplate: Boilerplate = NOTHING

    @classmethod
    def of(cls, table: pa.Table, boilerplate: Boilerplate = NOTHING) -> Catalog:
        """Sort a table with unique ids into publication order."""
        order = np.lexsort((table["id"].to_numpy(), _micros(table["published_at"])))
        if (order[1:] < order[:-1]).any():  # else it is in order, and not copied
            table = table.take(pa.array(order))
        table = table.combine_chunks()
        return cls(table, np.ones(len(table), dtype=bool), len(table), boilerplate)

    def without(self, boilerplate: Boilerplate) -> Catalog:
        """Give the same stories, compared and shown without what recurs in them."""
        return Catalog(boilerplate.lined(self.table), self.alive, self.base, boilerplate)

    def cleaned(self) -> pa.Table:
        """Give the stories with titles, leads and bodies as they are compared: without boilerplate."""
        held: pa.Table | None = vars(self).get("_cleaned")
        return self.boilerplate.cleaned(self.table) if held is None else held

    @contextmanager
    def cleaned_once(self) -> Iterator[pa.Table]:
        """Clean the texts once; until the end, `cleaned` gives this table, which takes as much memory as the texts."""
        vars(self)["_cleaned"] = texts = self.cleaned()
        try:
            yield texts
        finally:
            del vars(self)["_cleaned"]

    def __len__(self) -> int:
        return len(self.table)

    def derived(self) -> dict[str, NDArray[Any]]:
        """Collect by name the columns that are slow to derive from the table; for `knowing`."""
        columns = {name: getattr(self, name) for name in _DERIVED}
        return columns | {f"{_MARKS}{name}": column for name, column in self.marks._asdict().items()}

    def knowing(self, derived: Mapping[str, NDArray[Any]]) -> Catalog:
        """Give the same catalog with columns of `derived`, which it need not derive again."""
        same = replace(self)
        marks = {name.removeprefix(_MARKS): column for name, column in derived.items() if name.startswith(_MARKS)}
        # where `cached_property` looks
        vars(same).update({name: derived[name] for name in _DERIVED if name in derived})
        if marks:  # archives saved by earlier versions have none
            vars(same)["marks"] = Marks.named(marks)
        return same

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
    def published(self) -> NDArray[np.int64]:
        """Publication times in microseconds since 1970, `UNDATED` where missing; shape (n,)."""
        return _micros(self.table["published_at"])

    @cached_property
    def expires(self) -> NDArray[np.int64]:
        """Times of expiry in microseconds since 1970; the greatest int64 where a story never expires."""
        times = _micros(self.table["expires_at"])
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
    def shared_canonicals(self) -> dict[str, int]:
        """Each `canonical_id` that is ignored, and the current stories that name it: too many to be versions of one.

        It is the address of a front page or the like, given to every story.
        """
        named = self.table["canonical_id"]
        if named.null_count == len(self):
            return {}
        counts = pc.value_counts(named.filter(pa.array(self.alive)).drop_null()).to_pylist()
        most = min(_MOST_VERSIONS, max(_FEW, int(self.alive.sum()) // 2))
        return {one["values"]: one["counts"] for one in counts if one["counts"] > most}

    @cached_property
    def canonical(self) -> pa.ChunkedArray:
        """`canonical_id` by row, missing where it is ignored."""
        named = self.table["canonical_id"]
        if not self.shared_canonicals:
            return named
        shared = pc.is_in(named, pa.array(list(self.shared_canonicals), pa.large_string()))
        return pc.if_else(shared, pa.scalar(None, pa.large_string()), named)

    @cached_property
    def superseded(self) -> NDArray[np.bool_]:
        """Versions that are never candidates: they name another story of the archive as their `canonical_id`.

        Of those that name one that is not in the archive the newest counts.
        """
        named = pc.fill_null(pc.not_equal(self.canonical, self.ids), False).to_numpy() & self.alive
        rows = np.flatnonzero(named)
        canonical = self.canonical.take(pa.array(rows)).combine_chunks()
        found = np.zeros(len(self), dtype=bool)
        if len(rows):
            held = pc.is_in(canonical, self.ids.filter(pa.array(self.alive)).combine_chunks())
            code = canonical.dictionary_encode().indices.to_numpy()
            order = np.lexsort((self.id_rank[rows], self.published[rows], code))
            newest = np.ones(len(rows), dtype=bool)
            newest[order[:-1]] = code[order[1:]] != code[order[:-1]]
            found[rows] = held.to_numpy(zero_copy_only=False) | ~newest
        return found

    @cached_property
    def copy_group(self) -> NDArray[np.int64]:
        """Current rows of one text or with one `canonical_id` share a number; see `text_group`."""
        canonical, group, size = self.canonical, self.text_group, len(self)
        if canonical.null_count == size:
            return group
        names = pc.fill_null(canonical, self.ids.combine_chunks()).combine_chunks().dictionary_encode().indices
        name = np.where(self.alive, names.to_numpy().astype(np.int64), size + np.arange(size))
        marks = size + np.concatenate([group, size + name])
        links = sp.coo_matrix((np.ones(2 * size), (np.tile(np.arange(size), 2), marks)), shape=(marks.max() + 1,) * 2)
        return np.asarray(connected_components(links, directed=False)[1][:size], dtype=np.int64)

    @cached_property
    def text_group(self) -> NDArray[np.int64]:
        """The oldest current row of each row's text, (n,)."""
        cleaned = self.cleaned()
        texts = as_array(cleaned["body"]), cleaned["title"], cleaned["lead"]
        return text_groups(*texts, self.marks, self._oldest_first(np.flatnonzero(self.alive)))

    def _oldest_first(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        wanted = np.zeros(len(self), dtype=bool)
        wanted[rows] = True
        return self._by_age[wanted[self._by_age]]

    @cached_property
    def _by_age(self) -> NDArray[np.int64]:
        """All rows, oldest first."""
        return np.lexsort((self.id_rank, self.published))

    @cached_property
    def marks(self) -> Marks:
        """Marks of the bodies, by which copies are found."""
        return Marks.of(as_array(self.cleaned()["body"]))

    @cached_property
    def _bare(self) -> tuple[NDArray[np.int64], Headlines, pa.ChunkedArray]:
        """Current rows without a body, their headlines and leads."""
        rows = np.flatnonzero(self.marks.empty & self.alive)
        texts = self.boilerplate.cleaned(self.table.take(pa.array(rows)))
        return rows, Headlines.of(texts["title"].combine_chunks()), texts["lead"]

    def _bodies(self, rows: NDArray[np.int64]) -> pa.Array:
        return as_array(self.boilerplate.cleaned(self.table.take(pa.array(rows)))["body"])

    def copies_of(self, story: Mapping[str, Any]) -> NDArray[np.int64]:
        """Find rows that share text, id or `canonical_id` with a story from outside, and all copies of them.

        Its text is compared as if it was the newest of all.
        """
        named = story["canonical_id"] if story["canonical_id"] not in self.shared_canonicals else None
        names = pa.array([story["id"], named or story["id"]], pa.large_string())
        same = pc.or_(pc.is_in(self.ids, names), pc.is_in(self.canonical, names)).to_numpy()
        (text,) = self.boilerplate.cleaned(pa.Table.from_pylist([story], SCHEMA)).select(TEXTS).to_pylist()
        if text["body"]:
            first = (self.text_group == np.arange(len(self))) & self.alive & ~self.marks.empty
            order = self._oldest_first(np.flatnonzero(first))
            same[repeated_by(text["body"], self._bodies, self.marks, order)] = True
        else:
            rows, headlines, lead = self._bare
            same[rows] |= headlines.like(text["title"]) & pc.equal(lead, text["lead"]).to_numpy()
        groups = self.copy_group[same & self.alive]
        return np.flatnonzero(np.isin(self.copy_group, groups))

    def codes(self, column: str, default: str | None = None) -> tuple[NDArray[np.int32], list[str]]:
        """Encode a text column as integer codes and their values; -1 where missing and no default."""
        values = self.table[column].combine_chunks()
        if default is not None:
            values = pc.fill_null(values, default)
        encoded = values.dictionary_encode()
        codes = pc.fill_null(encoded.indices, -1).to_numpy().astype(np.int32)
        return codes, encoded.dictionary.to_pylist()

    @cached_property
    def _in_order(self) -> tuple[NDArray[np.int64], IdBytes]:
        """Rows in order of their ids, and the ids in that order."""
        order = np.empty(len(self), dtype=np.int64)
        order[self.id_rank] = np.arange(len(self))
        return order, IdBytes(as_array(self.ids), order)

    def _find(self, article_id: object) -> int | None:
        """Find the row of the current version, by bisection: a dict of a million ids takes a second and 200 MB."""
        text = id_text(article_id)
        if not isinstance(text, str):
            return None
        (order, ids), wanted = self._in_order, encoded(text)
        place = bisect_left(ids, wanted)
        while place < len(ids) and ids[place] == wanted:  # versions of one story stand side by side
            row = int(order[place])
            if self.alive[row]:
                return row
            place += 1
        return None

    def __contains__(self, article_id: object) -> bool:
        return self._find(article_id) is not None

    def row(self, article_id: str) -> int:
        """Find the row of the current version of `article_id`.

        Raises
        ------
        UnknownArticleError
            If no current row has this id.
        """
        row = self._find(article_id)
        if row is None:
            meant = did_you_mean(str(article_id), self.ids.filter(pa.array(self.alive)).to_pylist())
            raise UnknownArticleError(
                f"no article with id {article_id!r} among the {int(self.alive.sum())} of this archive{meant}"
            )
        return row

    def rows(self, article_ids: Sequence[str]) -> NDArray[np.int64]:
        """Find the rows of several ids; raises as `row` does."""
        rows = self.find(article_ids)
        for place in np.flatnonzero(rows < 0)[:1]:
            self.row(article_ids[place])
        return rows

    def known_rows(self, article_ids: Iterable[str]) -> NDArray[np.int64]:
        """Find the rows of those ids that the archive knows."""
        rows = self.find(list(article_ids))
        return rows[rows >= 0]

    def find(self, article_ids: Sequence[str]) -> NDArray[np.int64]:
        """Find the current rows of ids, -1 where there is none; many at once by a hash table of all ids."""
        if len(article_ids) * _MANY < len(self):
            rows = (self._find(article_id) for article_id in article_ids)
            return np.array([-1 if row is None else row for row in rows], dtype=np.int64)
        current = np.flatnonzero(self.alive)
        held = as_array(self.ids).take(pa.array(current)).cast(pa.large_binary())
        texts = map(id_text, article_ids)
        asked = [encoded(article_id) if isinstance(article_id, str) else None for article_id in texts]
        place = pc.fill_null(pc.index_in(pa.array(asked, pa.large_binary()), held), -1).to_numpy(zero_copy_only=False)
        return np.where(place >= 0, np.append(current, -1)[place], -1)

    def append(self, table: pa.Table, replaces: NDArray[np.int64]) -> Catalog:
        """Add rows at the end, as a new catalog; the rows `replaces` are no longer current."""
        alive = np.concatenate([self.alive, np.ones(len(table), dtype=bool)])
        alive[replaces] = False
        table = self.boilerplate.lined(table)
        more = Catalog(pa.concat_tables([self.table, table]).combine_chunks(), alive, self.base, self.boilerplate)
        more = more.knowing({"id_rank": self._rank_beside(table["id"])})
        if "marks" in vars(self):
            texts = self.boilerplate.cleaned(table)
            vars(more)["marks"] = self.marks.beside(Marks.of(as_array(texts["body"])))
        return more

    def _rank_beside(self, ids: pa.ChunkedArray) -> NDArray[np.int64]:
        """Extend `id_rank` by more rows: sorting a million ids again for a few takes seconds."""
        _, held = self._in_order
        new = np.argsort(ids.to_numpy(), kind="stable")
        place = np.array([bisect_right(held, encoded(ids[row].as_py())) for row in new.tolist()], dtype=np.int64)
        before = np.cumsum(np.bincount(place, minlength=len(self) + 1))  # new ids up to each old one
        rank = np.empty(len(self) + len(new), dtype=np.int64)
        rank[: len(self)] = self.id_rank + before[self.id_rank]
        rank[len(self) + new] = place + np.arange(len(new))
        return rank


def _micros(column: pa.ChunkedArray) -> NDArray[np.int64]:
    filled = pc.fill_null(column.cast(pa.int64()), UNDATED)
    return np.asarray(filled.to_numpy(), dtype=np.int64)
