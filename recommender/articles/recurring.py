"""Find what recurs across the stories of an outlet or of all: passages, names of sites behind titles, datelines."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles import key_loops
from recommender.articles import passage_loops as loops
from recommender.articles.columns import as_array, outlets, text_buffers
from recommender.articles.copies import Marks, oldest_copies
from recommender.articles.inserts import without_inserts
from recommender.articles.openers import datelines

FOUND = pa.schema(
    [
        ("key", pa.uint64()),
        ("kind", pa.string()),  # passage, beside (goes where the passage next to it goes), site, dateline
        ("text", pa.large_string()),
        ("outlet", pa.large_string()),  # null = all
        ("stories", pa.int64()),
    ]
)
_BLOCK = 2_048
_CERTAIN = 50  # stories with a passage from which on they are no copies of one text
_FEW_CERTAIN, _CERTAIN_SHARE = 12, 0.2  # the same where stories are so short that a passage makes copies of them
_SITE_SHARE = 0.03  # of an outlet's titles, behind which its name stands
SITES = 2  # names behind one title: a section and a site
SITE = r"^(?P<head>.*[^ ]) (?:\||–|—|-) (?P<site>[^|–—]{1,40})$"
_SHOWN = 300  # characters of a passage that are kept to tell of
_APART = pa.scalar("\n\n", pa.large_string())


def recurring(table: pa.Table, least: int, share: float) -> pa.Table:
    """Find what recurs in the stories of a table, columns of `FOUND`; see `Boilerplate.fit`."""
    outlet = Outlets.of(table)
    held = _likely(table, outlet, least, share).without_copies(table, outlet)
    rows = [*held.told(table, outlet), *_sites(table, outlet, least), *_datelines(table, least)]
    rows.sort(key=lambda row: (row["kind"], row["key"], row["text"], row["outlet"] or ""))
    return pa.Table.from_pylist(rows, schema=FOUND)


@dataclass(frozen=True)
class Outlets:
    """Who published each story: names by row, null = not known; codes, and what keys are mixed with, 0 = none."""

    names: pa.Array
    code: NDArray[np.int64]
    salt: NDArray[np.uint64]

    @classmethod
    def of(cls, table: pa.Table) -> Outlets:
        """Find who published each story of a table."""
        names = as_array(outlets(table))
        encoded = names.dictionary_encode()
        code = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        digests = [hashlib.blake2b(name.encode(), digest_size=8).digest() for name in encoded.dictionary.to_pylist()]
        salts = np.array([int.from_bytes(one, "little") | 1 for one in digests] + [0], dtype=np.uint64)
        return cls(names, code, salts[code])

    @property
    def several(self) -> bool:
        """Whether there is more than one outlet."""
        return len(np.unique(self.code)) > 1

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Stories of each row's outlet, (n,); of rows without one none."""
        counts = np.append(np.bincount(self.code[self.code >= 0], minlength=self.code.max(initial=-1) + 1), 0)
        return np.asarray(counts[self.code], dtype=np.int64)


@dataclass(frozen=True)
class _Held:
    """Which stories hold which passages: one place a pair, in order of the keys; and how many stories are enough."""

    key: NDArray[np.uint64]
    story: NDArray[np.int64]
    need: NDArray[np.int64]
    own: NDArray[np.bool_]  # keys of an outlet, not of all

    @classmethod
    def nothing(cls) -> _Held:
        return cls(np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, bool))

    @classmethod
    def joined(cls, parts: Sequence[_Held]) -> _Held:
        return cls(
            np.concatenate([part.key for part in parts]),
            np.concatenate([part.story for part in parts]),
            np.concatenate([part.need for part in parts]),
            np.concatenate([part.own for part in parts]),
        )

    def take(self, places: NDArray[np.int64] | NDArray[np.bool_]) -> _Held:
        return _Held(self.key[places], self.story[places], self.need[places], self.own[places])

    def counts(self, of: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Count the different stories, or what else is given, that hold the key of each place."""
        pairs = np.lexsort((self.story if of is None else of, self.key))
        key, value = self.key[pairs], (self.story if of is None else of)[pairs]
        new = np.append(True, (key[1:] != key[:-1]) | (value[1:] != value[:-1])) if len(key) else np.zeros(0, bool)
        _, group = np.unique(self.key, return_inverse=True)
        return np.asarray(np.bincount(group[pairs][new], minlength=1)[group], dtype=np.int64)

    def without_copies(self, table: pa.Table, outlet: Outlets) -> _Held:
        """Keep the passages that enough stories hold which are no copies of each other."""
        count = self.counts()
        some = self.take(count >= self.need)
        count = count[count >= self.need]
        if not len(count):
            return some
        rows = np.unique(some.story[count < _CERTAIN])
        bodies = as_array(table["body"].take(pa.array(rows)))
        text = np.arange(len(table))
        text[rows] = rows[oldest_copies(bodies, Marks.from_texts(bodies), np.arange(len(rows)))]
        size = np.where(some.own, outlet.sizes[some.story], len(table))
        certain = (count >= _CERTAIN) | (count >= np.maximum(_FEW_CERTAIN, _CERTAIN_SHARE * size))
        return some.take(certain | (some.counts(text[some.story]) >= some.need))

    def told(self, table: pa.Table, outlet: Outlets) -> Iterator[dict[str, str | int | None]]:
        """Give rows of `FOUND`, each with the text of its first story."""
        keys, first, stories = np.unique(self.key, return_index=True, return_counts=True)
        rows, place = np.unique(self.story[first], return_inverse=True)
        for start in range(0, len(rows), _BLOCK):
            some = np.flatnonzero((place >= start) & (place < start + _BLOCK))
            read = _read(table.take(pa.array(rows[start : start + _BLOCK])))
            own = self.own[first[some]]
            salt = np.where(own, outlet.salt[self.story[first[some]]], 0).astype(np.uint64)
            for at, salted in zip(some.tolist(), salt.tolist(), strict=True):
                number = int(place[at]) - start
                text, kind = read.text_of(number, keys[at], np.uint64(salted))
                name = outlet.names[int(self.story[first[at]])].as_py() if salted else None
                yield {"key": int(keys[at]), "kind": kind, "text": text, "outlet": name, "stories": int(stories[at])}


@dataclass(frozen=True)
class _Read:
    """Passages of some texts, of text t from place ``room[t]`` on."""

    data: NDArray[np.uint8]
    room: NDArray[np.int64]
    key: NDArray[np.uint64]
    kind: NDArray[np.uint8]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    count: NDArray[np.int64]

    def text_of(self, number: int, key: np.uint64, salt: np.uint64) -> tuple[str, str]:
        """Find the text and kind of the passage of a text that has a key."""
        part = slice(self.room[number], self.room[number] + self.count[number])
        keys = _salted(self.key[part], salt) if salt else self.key[part]
        at = int(self.room[number] + np.flatnonzero(keys == key)[0])
        text = self.data[self.begin[at] : self.end[at]].tobytes().decode()
        return " ".join(text.split())[:_SHOWN], "beside" if self.kind[at] == loops.PAIR else "passage"


def _read(table: pa.Table) -> _Read:
    """Read the passages of the leads and bodies of some stories."""
    texts = as_array(pc.binary_join_element_wise(table["lead"], table["body"], _APART))
    data, offset = text_buffers(without_inserts(texts))
    size = len(table)
    room, count = np.zeros(size + 1, dtype=np.int64), np.empty(size, dtype=np.int64)
    loops.most_sentences(size, data, offset, room[1:])
    room = np.cumsum(3 * room)  # each sentence may be one passage, and end a pair and a paragraph
    key, kind = np.empty(room[-1], dtype=np.uint64), np.empty(room[-1], dtype=np.uint8)
    begin, end = (np.empty(room[-1], dtype=np.int64) for _ in range(2))
    loops.passages(size, data, offset, room, key, kind, begin, end, count)
    return _Read(data, room, key, kind, begin, end, count)


def _likely(table: pa.Table, outlet: Outlets, least: int, share: float) -> _Held:
    """Find passages that are likely to stand in enough stories, of their outlet or of all."""
    size = len(table)
    everywhere, own = max(least, ceil(share * size)), np.maximum(least, np.ceil(share * outlet.sizes)).astype(np.int64)
    # counts by the ends of hashes: keys that share one only cost time
    counts = np.zeros(1 << min(max(int(64 * size).bit_length(), 10), 26), dtype=np.uint16)
    blocks: list[tuple[NDArray[np.uint64], NDArray[np.int32]]] = []
    for start in range(0, size, _BLOCK):
        read = _read(table.slice(start, _BLOCK))
        key_loops.distinct(len(read.count), read.room, read.key, read.count)
        row = np.repeat(np.arange(len(read.count)), read.count)
        places = np.arange(len(row)) + np.repeat(read.room[:-1] - np.cumsum(read.count) + read.count, read.count)
        key, story = read.key[places], start + row
        key_loops.tally(len(key), key, counts)
        if outlet.several:
            key_loops.tally(len(key), _salted(key, outlet.salt[story]), counts)
        blocks.append((key, story.astype(np.int32)))

    def likely(key: NDArray[np.uint64], story: NDArray[np.int64], need: NDArray[np.int64], own: bool) -> _Held:
        enough = counts[key & np.uint64(len(counts) - 1)] >= np.minimum(need, np.iinfo(np.uint16).max)
        enough &= (outlet.code[story] >= 0) | (not own)
        return _Held(key, story, need, np.full(len(key), own)).take(enough)

    found = [_Held.nothing()]
    for place, (key, rows) in enumerate(blocks):
        blocks[place] = key[:0], rows[:0]  # let go of
        story = rows.astype(np.int64)
        found.append(likely(key, story, np.full(len(key), everywhere), own=False))
        if outlet.several:
            found.append(likely(_salted(key, outlet.salt[story]), story, own[story], own=True))
    return _Held.joined(found)


def _sites(table: pa.Table, outlet: Outlets, least: int) -> Iterator[dict[str, str | int | None]]:
    """Find names of sites and sections that stand behind the titles of an outlet, or of all."""
    titles = as_array(table["title"])
    for _ in range(SITES):
        parts = pc.extract_regex(titles, SITE)
        head, site = pc.struct_field(parts, "head"), pc.struct_field(parts, "site")
        known = np.zeros(len(titles), dtype=bool)
        ways = [(nobody(len(titles)), np.full(len(titles), len(titles)), pc.is_valid(site))]
        if outlet.several:
            ways.append((outlet.names, outlet.sizes, pc.and_(pc.is_valid(site), pc.is_valid(outlet.names))))
        for names, sizes, some in ways:
            behind = pa.table({"site": site, "outlet": names, "head": head, "size": sizes}).filter(some)
            behind = behind.group_by(["site", "outlet"]).aggregate([("head", "count_distinct"), ("size", "max")])
            stories = behind["head_count_distinct"].to_numpy()
            behind = behind.filter(pa.array(stories >= np.maximum(least, _SITE_SHARE * behind["size_max"].to_numpy())))
            for row in behind.to_pylist():
                told = {"text": row["site"], "outlet": row["outlet"], "stories": row["head_count_distinct"]}
                yield {"key": 0, "kind": "site", **told}
            found = pairs(as_array(behind["site"]), as_array(behind["outlet"]))
            known |= pc.is_in(pairs(site, names), found, skip_nulls=True).to_numpy(zero_copy_only=False)
        titles = pc.if_else(pa.array(known), head, titles)


def _datelines(table: pa.Table, least: int) -> Iterator[dict[str, str | int | None]]:
    """Find datelines without an agency that recur at the beginning of bodies."""
    for text, stories in Counter(datelines(as_array(table["body"]))).items():
        if stories >= least:
            yield {"key": 0, "kind": "dateline", "text": text, "outlet": None, "stories": stories}


def _salted(key: NDArray[np.uint64], salt: NDArray[np.uint64] | np.uint64) -> NDArray[np.uint64]:
    return np.asarray(loops.mixed(key ^ salt), dtype=np.uint64)


def pairs(names: pa.Array, outlet: pa.Array) -> pa.Array:
    """Join each name and who uses it to one text; null without a name."""
    return pc.binary_join_element_wise(names, pc.fill_null(outlet, ""), pa.scalar("\n", pa.large_string()))


def nobody(size: int) -> pa.Array:
    """Give an outlet that is not known for each of so many rows."""
    return pa.nulls(size, pa.large_string())
