"""Find the passages, names of sites and datelines that recur across the stories of an outlet, or of all outlets."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from math import ceil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles import key_loops
from recommender.articles import passage_loops as loops
from recommender.articles.columns import as_array, encode, outlets, text_buffers
from recommender.articles.copies import Marks, oldest_copies
from recommender.articles.inserts import without_inserts
from recommender.articles.openers import datelines
from recommender.articles.sentence_loops import mix

FOUND = pa.schema(
    [
        ("key", pa.uint64()),
        ("kind", pa.string()),  # passage, beside (removed with the passage next to it), site, dateline
        ("text", pa.large_string()),
        ("outlet", pa.large_string()),  # null = all
        ("stories", pa.int64()),
    ]
)
_BLOCK = 2_048
_CERTAIN = 50  # stories with a passage that prove it, even if they are copies of one text
_FEW_CERTAIN, _CERTAIN_SHARE = 12, 0.2  # the same for stories so short that the passage makes copies of them
_SITE_SHARE = 0.03  # share of an outlet's titles with the name of the site behind them
SITES = 2  # names behind a title: a section and a site
BEFORE_SITE = r" (?:\||–|—|-) "
SITE = r"^(?P<head>.*[^ ]) (?:\||–|—|-) (?P<site>[^|–—]{1,40})$"
_SHOWN = 300  # characters of a passage that are kept for reports
_BLANK_LINE = pa.scalar("\n\n", pa.large_string())


def recurring(table: pa.Table, least: int, share: float) -> pa.Table:
    """Find the boilerplate in the stories of a table, with the columns of `FOUND`; see `Boilerplate.fit`."""
    outlet = Outlets.from_table(table)
    uses = _likely_uses(table, outlet, least, share).without_copies(table, outlet)
    rows = [*uses.rows(table, outlet), *_sites(table, outlet, least), *_datelines(table, least)]
    rows.sort(key=lambda row: (row["kind"], row["key"], row["text"], row["outlet"] or ""))
    return pa.Table.from_pylist(rows, schema=FOUND)


@dataclass(frozen=True)
class Outlets:
    """The outlet of each story."""

    names: pa.Array  # length n; null = not known
    code: NDArray[np.int64]  # (n,); -1 = not known
    salt: NDArray[np.uint64]  # (n,); mixed into the keys of the outlet's passages; 0 = not known

    @classmethod
    def from_table(cls, table: pa.Table) -> Outlets:
        """Find the outlet of each story of a table."""
        names = as_array(outlets(table))
        code, distinct = encode(names)
        digests = [hashlib.blake2b(name.encode(), digest_size=8).digest() for name in distinct]
        salts = np.array([int.from_bytes(digest, "little") | 1 for digest in digests] + [0], dtype=np.uint64)
        return cls(names, code, salts[code])

    @property
    def several(self) -> bool:
        """Whether there is more than one outlet."""
        return len(np.unique(self.code)) > 1

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of stories of each row's outlet, (n,); 0 for rows without an outlet."""
        counts = np.append(np.bincount(self.code[self.code >= 0], minlength=self.code.max(initial=-1) + 1), 0)
        return np.asarray(counts[self.code], dtype=np.int64)


@dataclass(frozen=True)
class _Uses:
    """The uses of passages: which story contains which passage."""

    key: NDArray[np.uint64]  # (m,)
    story: NDArray[np.int64]  # (m,)
    needed: NDArray[np.int64]  # (m,); number of stories from which on the passage is boilerplate
    of_outlet: NDArray[np.bool_]  # (m,); whether the key counts within an outlet, or in the whole archive

    @classmethod
    def none(cls) -> _Uses:
        return cls(np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, bool))

    @classmethod
    def concatenate(cls, parts: Sequence[_Uses]) -> _Uses:
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> _Uses:
        return _Uses(*(getattr(self, field.name)[rows] for field in fields(self)))

    def count_distinct(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Count the distinct values, one for each use, among the uses of each use's key."""
        order = np.lexsort((values, self.key))
        key, value = self.key[order], values[order]
        is_new = np.append(True, (key[1:] != key[:-1]) | (value[1:] != value[:-1])) if len(key) else np.zeros(0, bool)
        _, group = np.unique(self.key, return_inverse=True)
        return np.asarray(np.bincount(group[order][is_new], minlength=1)[group], dtype=np.int64)

    def without_copies(self, table: pa.Table, outlet: Outlets) -> _Uses:
        """Keep the passages that enough stories contain which are no copies of each other."""
        count = self.count_distinct(self.story)
        uses = self.take(count >= self.needed)
        count = count[count >= self.needed]
        if not len(count):
            return uses
        rows = np.unique(uses.story[count < _CERTAIN])
        bodies = as_array(table["body"].take(pa.array(rows)))
        text = np.arange(len(table))
        text[rows] = rows[oldest_copies(bodies, Marks.from_texts(bodies), np.arange(len(rows)))]
        n_stories = np.where(uses.of_outlet, outlet.sizes[uses.story], len(table))
        is_certain = (count >= _CERTAIN) | (count >= np.maximum(_FEW_CERTAIN, _CERTAIN_SHARE * n_stories))
        return uses.take(is_certain | (uses.count_distinct(text[uses.story]) >= uses.needed))

    def rows(self, table: pa.Table, outlet: Outlets) -> Iterator[dict[str, str | int | None]]:
        """Yield a row of `FOUND` for each passage, with the text of its first story."""
        keys, first, n_stories = np.unique(self.key, return_index=True, return_counts=True)
        story = self.story[first]
        salts = np.where(self.of_outlet[first], outlet.salt[story], 0).astype(np.uint64)
        rows, row_index = np.unique(story, return_inverse=True)
        for start in range(0, len(rows), _BLOCK):
            passages = _read(table.take(pa.array(rows[start : start + _BLOCK])))
            for number in np.flatnonzero((row_index >= start) & (row_index < start + _BLOCK)).tolist():
                key, salt = keys[number], salts[number]
                text, kind = passages.find(int(row_index[number]) - start, key, salt)
                name = outlet.names[int(story[number])].as_py() if salt else None
                yield {"key": int(key), "kind": kind, "text": text, "outlet": name, "stories": int(n_stories[number])}


@dataclass(frozen=True)
class _Passages:
    """The passages of texts; those of text t begin at index ``offsets[t]``, and are ``count[t]``."""

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    key: NDArray[np.uint64]
    kind: NDArray[np.uint8]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    count: NDArray[np.int64]

    def find(self, text: int, key: np.uint64, salt: np.uint64) -> tuple[str, str]:
        """Return words and kind of the passage with a key in a text."""
        first = self.offsets[text]
        keys = self.key[first : first + self.count[text]]
        index = int(first + np.flatnonzero((_salted(keys, salt) if salt else keys) == key)[0])
        words = self.data[self.begin[index] : self.end[index]].tobytes().decode().split()
        return " ".join(words)[:_SHOWN], "beside" if self.kind[index] == loops.PAIR else "passage"


def _read(table: pa.Table) -> _Passages:
    """Read the passages of the leads and bodies of stories."""
    texts = as_array(pc.binary_join_element_wise(table["lead"], table["body"], _BLANK_LINE))
    data, offsets = text_buffers(without_inserts(texts))
    size = len(table)
    passage_offsets, count = np.zeros(size + 1, dtype=np.int64), np.empty(size, dtype=np.int64)
    loops.count_ends(size, data, offsets, passage_offsets[1:])
    passage_offsets = np.cumsum(3 * passage_offsets)  # a sentence may be a passage, and end a pair and a paragraph
    key, kind = np.empty(passage_offsets[-1], dtype=np.uint64), np.empty(passage_offsets[-1], dtype=np.uint8)
    begin, end = (np.empty(passage_offsets[-1], dtype=np.int64) for _ in range(2))
    loops.find_passages(size, data, offsets, passage_offsets, key, kind, begin, end, count)
    return _Passages(data, passage_offsets, key, kind, begin, end, count)


def _likely_uses(table: pa.Table, outlet: Outlets, least: int, share: float) -> _Uses:
    """Find the uses of passages that are likely to stand in enough stories, of their outlet or of all."""
    needed_of_all = max(least, ceil(share * len(table)))
    needed_of_outlet = np.maximum(least, np.ceil(share * outlet.sizes)).astype(np.int64)
    # Keys are counted by their lowest bits; keys that share them only cost time.
    counts = np.zeros(1 << min(max(int(64 * len(table)).bit_length(), 10), 26), dtype=np.uint16)
    blocks: list[tuple[NDArray[np.uint64], NDArray[np.int32]]] = []
    for start in range(0, len(table), _BLOCK):
        key, row = _distinct_keys(table.slice(start, _BLOCK))
        story = start + row
        key_loops.tally(len(key), key, counts)
        if outlet.several:
            key_loops.tally(len(key), _salted(key, outlet.salt[story]), counts)
        blocks.append((key, story.astype(np.int32)))

    def likely(
        key: NDArray[np.uint64], story: NDArray[np.int64], needed: NDArray[np.int64], *, of_outlet: bool
    ) -> _Uses:
        is_likely = counts[key & np.uint64(len(counts) - 1)] >= np.minimum(needed, np.iinfo(np.uint16).max)
        is_likely &= (outlet.code[story] >= 0) | (not of_outlet)
        return _Uses(key, story, needed, np.full(len(key), of_outlet)).take(is_likely)

    uses = [_Uses.none()]
    for number, (key, rows) in enumerate(blocks):
        blocks[number] = key[:0], rows[:0]  # releases the memory of the block
        story = rows.astype(np.int64)
        uses.append(likely(key, story, np.full(len(key), needed_of_all), of_outlet=False))
        if outlet.several:
            salted = _salted(key, outlet.salt[story])
            uses.append(likely(salted, story, needed_of_outlet[story], of_outlet=True))
    return _Uses.concatenate(uses)


def _distinct_keys(table: pa.Table) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the distinct keys of the passages of each story, and the row of each key."""
    passages = _read(table)
    count = passages.count
    key_loops.distinct(len(count), passages.offsets, passages.key, count)
    row = np.repeat(np.arange(len(count)), count)
    index = np.arange(len(row)) + np.repeat(passages.offsets[:-1] - np.cumsum(count) + count, count)
    return passages.key[index], row


def _sites(table: pa.Table, outlet: Outlets, least: int) -> Iterator[dict[str, str | int | None]]:
    """Yield the names of sites and sections that stand behind the titles of an outlet, or of all."""
    titles = as_array(table["title"])
    for _ in range(SITES):
        parts = pc.extract_regex(titles, SITE)
        head, site = pc.struct_field(parts, "head"), pc.struct_field(parts, "site")
        is_site = np.zeros(len(titles), dtype=bool)
        groupings = [(unknown_outlets(len(titles)), np.full(len(titles), len(titles)), pc.is_valid(site))]
        if outlet.several:
            groupings.append((outlet.names, outlet.sizes, pc.and_(pc.is_valid(site), pc.is_valid(outlet.names))))
        for names, sizes, has_name in groupings:
            uses = pa.table({"site": site, "outlet": names, "head": head, "size": sizes}).filter(has_name)
            sites = uses.group_by(["site", "outlet"]).aggregate([("head", "count_distinct"), ("size", "max")])
            needed = np.maximum(least, _SITE_SHARE * sites["size_max"].to_numpy())
            sites = sites.filter(pa.array(sites["head_count_distinct"].to_numpy() >= needed))
            for row in sites.to_pylist():
                stories = row["head_count_distinct"]
                yield {"key": 0, "kind": "site", "text": row["site"], "outlet": row["outlet"], "stories": stories}
            known = pairs(as_array(sites["site"]), as_array(sites["outlet"]))
            is_site |= pc.is_in(pairs(site, names), known, skip_nulls=True).to_numpy(zero_copy_only=False)
        titles = pc.if_else(pa.array(is_site), head, titles)


def _datelines(table: pa.Table, least: int) -> Iterator[dict[str, str | int | None]]:
    """Yield the datelines without an agency that recur at the beginning of bodies."""
    for text, stories in Counter(datelines(as_array(table["body"]))).items():
        if stories >= least:
            yield {"key": 0, "kind": "dateline", "text": text, "outlet": None, "stories": stories}


def _salted(key: NDArray[np.uint64], salt: NDArray[np.uint64] | np.uint64) -> NDArray[np.uint64]:
    return np.asarray(mix(key ^ salt), dtype=np.uint64)


def pairs(names: pa.Array, outlet: pa.Array) -> pa.Array:
    """Join each name and its outlet to one text; null without a name."""
    return pc.binary_join_element_wise(names, pc.fill_null(outlet, ""), pa.scalar("\n", pa.large_string()))


def unknown_outlets(size: int) -> pa.Array:
    """Return the outlets of `size` rows whose outlet is not known."""
    return pa.nulls(size, pa.large_string())
