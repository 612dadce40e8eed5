"""Boilerplate: passages that recur across the stories of an outlet, such as cookie texts, and texts without them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from math import ceil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles import passage_loops as loops
from recommender.articles.columns import outlets
from recommender.articles.copies import Marks, repeated
from recommender.articles.openers import datelines, labels, opening_bytes
from recommender.articles.text import teaser
from recommender.settings import ReadingSettings

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
_SITES = 2  # names behind one title: a section and a site
_SITE = r"^(?P<head>.*[^ ]) (?:\||–|—|-) (?P<site>[^|–—]{1,40})$"
_SHOWN = 300  # characters of a passage that are kept to tell of
TEXTS = ("title", "lead", "body")
"""Columns that stories are compared by."""
_APART = pa.scalar("\n\n", pa.large_string())


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage, name of a site or dateline that recurs, who published it (none = all), and in how many stories."""

    text: str
    outlet: str | None
    stories: int


@dataclass(frozen=True, eq=False)
class Boilerplate:
    """What recurs in an archive, frozen, and leaves the texts that stories are compared by; the stories keep it.

    Attributes
    ----------
    found : pyarrow.Table
        Columns of `FOUND`.
    on : bool
        Whether texts are cleaned at all.

    Examples
    --------
    >>> from recommender.articles.article import Article, to_table
    >>> news = ["A ferry ran aground in fog.", "The mayor resigned.", "Rain is on its way.", "Rates rise.", "It snows."]
    >>> ask = "Sign up to our daily newsletter. "
    >>> table = to_table([Article(id=str(i), body=ask + text) for i, text in enumerate(news)])
    >>> boilerplate = Boilerplate.fit(table)
    >>> boilerplate.cleaned(table)["body"].to_pylist()[:2]
    ['A ferry ran aground in fog.', 'The mayor resigned.']
    >>> boilerplate.told
    (Passage(text='Sign up to our daily newsletter.', outlet=None, stories=5),)
    """

    found: pa.Table
    on: bool = True

    @classmethod
    def fit(cls, table: pa.Table, *, least: int = 5, share: float = 0.005) -> Boilerplate:
        """Find what recurs in the stories of a table, such as bylines and calls to subscribe.

        A passage counts where `least` different texts of an outlet hold it, and that `share` of all; of an archive
        with several outlets also where as many of all do. Copies of one text count as one.

        Parameters
        ----------
        table : pyarrow.Table
            Columns of `SCHEMA`, in an order that does not depend on that of the input.
        least : int
        share : float
        """
        outlet = _Outlets.of(table)
        held = _recurring(table, outlet, least, share).without_copies(table, outlet)
        rows = [*held.told(table, outlet), *_sites(table, outlet, least), *_datelines(table, least)]
        rows.sort(key=lambda row: (row["kind"], row["key"], row["text"], row["outlet"] or ""))
        return cls(pa.Table.from_pylist(rows, schema=FOUND))

    @classmethod
    def of(cls, table: pa.Table, settings: ReadingSettings) -> Boilerplate:
        """Find what recurs as `fit` does, or give `NOTHING`, as the settings say."""
        if not settings.drop_boilerplate:
            return NOTHING
        return cls.fit(table, least=settings.boilerplate_stories, share=settings.boilerplate_share)

    @property
    def told(self) -> tuple[Passage, ...]:
        """What was found, the commonest first; what is found for all outlets is not repeated for each."""
        shown = self.found.filter(pc.not_equal(self.found["kind"], "beside")).select(["text", "outlet", "stories"])
        found = {Passage(**row) for row in shown.to_pylist()}
        everywhere = {one.text for one in found if one.outlet is None}
        found = {one for one in found if one.outlet is None or one.text not in everywhere}
        return tuple(sorted(found, key=lambda one: (-one.stories, one.text, one.outlet or "")))

    @cached_property
    def digest(self) -> str:
        """Digest of all that decides how texts are cleaned."""
        found = hashlib.sha256(repr(self.on).encode())
        for row in self.found.select(["key", "kind", "text", "outlet"]).to_pylist():
            found.update(repr(tuple(row.values())).encode())
        return found.hexdigest()

    @cached_property
    def _table(self) -> NDArray[np.uint64]:
        kinds = pc.is_in(self.found["kind"], pa.array(["passage", "beside"]))
        return _hash_table(self.found["key"].filter(kinds).to_numpy())

    def _texts(self, kind: str) -> pa.Table:
        return self.found.filter(pc.equal(self.found["kind"], kind)).select(["text", "outlet"]).combine_chunks()

    @cached_property
    def _known_datelines(self) -> pa.Array:
        return _array(self._texts("dateline")["text"])

    @cached_property
    def _known_sites(self) -> pa.Array:
        known = self._texts("site")
        return _pairs(_array(known["text"]), _array(known["outlet"]))

    def blocks(self, table: pa.Table, size: int = _BLOCK) -> Iterator[pa.Table]:
        """Clean stories as `cleaned` does, a block at a time."""
        for start in range(0, len(table), size):
            yield self._clean(table.slice(start, size)) if self.on else table.slice(start, size)

    def cleaned(self, table: pa.Table) -> pa.Table:
        """Take boilerplate out of titles, leads and bodies, so that stories can be compared.

        Bylines, datelines, and paragraphs of links, captions and credits go by their form; what is empty then stays
        so. A block of stories without any is not copied.
        """
        if not self.on:
            return table
        return pa.concat_tables([table.slice(0, 0), *self.blocks(table)])

    def bodies_cleaned(self, table: pa.Table) -> pa.Table:
        """Take boilerplate out of bodies alone; all else stays as it came."""
        cleaned = self.cleaned(table)
        return _with(table, "body", cleaned["body"]) if self.on else table

    def _clean(self, table: pa.Table) -> pa.Table:
        outlet = _Outlets.of(table)
        table = _with(table, "title", self._without_sites(table, outlet))
        for name in ("lead", "body"):
            table = _with(table, name, self._without_passages(_array(table[name]), outlet.salt))
        return table

    def _without_passages(self, texts: pa.Array, salt: NDArray[np.uint64]) -> pa.Array:
        data, offset = _buffers(texts)
        size = len(texts)
        kept, length = np.empty(int(offset[-1] - offset[0]), dtype=np.uint8), np.empty(size, dtype=np.int64)
        loops.without(size, data, offset, salt, self._table, _labels(), kept, length)
        if (length != np.diff(offset)).any():
            texts = _gathered(kept, offset[:-1] - offset[0], length)
        cut = opening_bytes(texts, self._known_datelines)
        if not cut.any():
            return texts
        data, offset = _buffers(texts)
        return _gathered(data, offset[:-1] + cut, np.diff(offset) - cut)

    def _without_sites(self, table: pa.Table, outlet: _Outlets) -> pa.Array:
        titles = _array(table["title"])
        for _ in range(_SITES):
            parts = pc.extract_regex(titles, _SITE)
            head, site = pc.struct_field(parts, "head"), pc.struct_field(parts, "site")
            if head.null_count == len(head):
                break
            known = pc.is_in(_pairs(site, outlet.names), self._known_sites)
            known = pc.or_(known, pc.is_in(_pairs(site, _nobody(len(site))), self._known_sites))
            known = pc.or_(known, pc.fill_null(pc.equal(pc.utf8_lower(site), outlet.names), False))
            titles = pc.if_else(pc.and_(known, pc.is_valid(head)), head, titles)
        return titles

    def lined(self, table: pa.Table) -> pa.Table:
        """Replace the lines that readers see by ones that show no boilerplate."""
        if not self.on or not len(table):
            return table
        lines = []
        for start, block in zip(range(0, len(table), _BLOCK), self.blocks(table), strict=True):
            given = table.slice(start, _BLOCK)
            cut = pc.or_(pc.not_equal(given["lead"], block["lead"]), pc.not_equal(given["body"], block["body"]))
            some = block.filter(cut).select(["lead", "body"]).to_pylist()
            new = pa.array([teaser(one["lead"], one["body"]) for one in some], pa.large_string())
            lines.append(pc.replace_with_mask(_array(given["line"]), _array(cut), new))
        return _with(table, "line", pa.chunked_array(lines, pa.large_string()))

    def save(self, folder: Path, name: str) -> None:
        """Write to a file of a folder."""
        table = self.found.replace_schema_metadata({"on": str(int(self.on))})
        with pa.OSFile(str(folder / f"{name}.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)

    @classmethod
    def load(cls, folder: Path, name: str) -> Boilerplate:
        """Read what `save` wrote."""
        with pa.memory_map(str(folder / f"{name}.arrow")) as source:
            table = pa.ipc.open_file(source).read_all()
        if not table.schema.equals(FOUND):
            raise ValueError(f"{name}.arrow holds {', '.join(table.schema.names)}")
        return cls(table.replace_schema_metadata(None), table.schema.metadata[b"on"] == b"1")


NOTHING = Boilerplate(FOUND.empty_table(), on=False)
"""Texts as they came."""
ONLY_BY_FORM = Boilerplate(FOUND.empty_table())
"""Texts without what is told by its form."""


@dataclass(frozen=True)
class _Outlets:
    """Who published each story: names by row, null = not known; codes, and what keys are mixed with, 0 = none."""

    names: pa.Array
    code: NDArray[np.int64]
    salt: NDArray[np.uint64]

    @classmethod
    def of(cls, table: pa.Table) -> _Outlets:
        names = outlets(table)
        names = names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names
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

    def without_copies(self, table: pa.Table, outlet: _Outlets) -> _Held:
        """Keep the passages that enough stories hold which are no copies of each other."""
        count = self.counts()
        some = self.take(count >= self.need)
        count = count[count >= self.need]
        if not len(count):
            return some
        rows = np.unique(some.story[count < _CERTAIN])
        bodies = _array(table["body"].take(pa.array(rows)))
        text = np.arange(len(table))
        text[rows] = rows[repeated(bodies, Marks.of(bodies), np.arange(len(rows)))]
        size = np.where(some.own, outlet.sizes[some.story], len(table))
        certain = (count >= _CERTAIN) | (count >= np.maximum(_FEW_CERTAIN, _CERTAIN_SHARE * size))
        return some.take(certain | (some.counts(text[some.story]) >= some.need))

    def told(self, table: pa.Table, outlet: _Outlets) -> Iterator[dict[str, str | int | None]]:
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
    data, offset = _buffers(_array(pc.binary_join_element_wise(table["lead"], table["body"], _APART)))
    size = len(table)
    room, count = np.zeros(size + 1, dtype=np.int64), np.empty(size, dtype=np.int64)
    loops.most_sentences(size, data, offset, room[1:])
    room = np.cumsum(3 * room)  # each sentence may be one passage, and end a pair and a paragraph
    key, kind = np.empty(room[-1], dtype=np.uint64), np.empty(room[-1], dtype=np.uint8)
    begin, end = (np.empty(room[-1], dtype=np.int64) for _ in range(2))
    loops.passages(size, data, offset, room, key, kind, begin, end, count)
    return _Read(data, room, key, kind, begin, end, count)


def _recurring(table: pa.Table, outlet: _Outlets, least: int, share: float) -> _Held:
    """Find passages that are likely to stand in enough stories, of their outlet or of all."""
    size = len(table)
    everywhere, own = max(least, ceil(share * size)), np.maximum(least, np.ceil(share * outlet.sizes)).astype(np.int64)
    # counts by the ends of hashes: keys that share one only cost time
    counts = np.zeros(1 << min(max(int(64 * size).bit_length(), 10), 26), dtype=np.uint16)
    blocks: list[tuple[NDArray[np.uint64], NDArray[np.int32]]] = []
    for start in range(0, size, _BLOCK):
        read = _read(table.slice(start, _BLOCK))
        loops.distinct(len(read.count), read.room, read.key, read.count)
        row = np.repeat(np.arange(len(read.count)), read.count)
        places = np.arange(len(row)) + np.repeat(read.room[:-1] - np.cumsum(read.count) + read.count, read.count)
        key, story = read.key[places], start + row
        loops.tally(len(key), key, counts)
        if outlet.several:
            loops.tally(len(key), _salted(key, outlet.salt[story]), counts)
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


def _sites(table: pa.Table, outlet: _Outlets, least: int) -> Iterator[dict[str, str | int | None]]:
    """Find names of sites and sections that stand behind the titles of an outlet, or of all."""
    titles = _array(table["title"])
    for _ in range(_SITES):
        parts = pc.extract_regex(titles, _SITE)
        head, site = pc.struct_field(parts, "head"), pc.struct_field(parts, "site")
        known = np.zeros(len(titles), dtype=bool)
        ways = [(_nobody(len(titles)), np.full(len(titles), len(titles)), pc.is_valid(site))]
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
            found = _pairs(_array(behind["site"]), _array(behind["outlet"]))
            known |= pc.is_in(_pairs(site, names), found, skip_nulls=True).to_numpy(zero_copy_only=False)
        titles = pc.if_else(pa.array(known), head, titles)


def _datelines(table: pa.Table, least: int) -> Iterator[dict[str, str | int | None]]:
    """Find datelines without an agency that recur at the beginning of bodies."""
    for text, stories in Counter(datelines(_array(table["body"]))).items():
        if stories >= least:
            yield {"key": 0, "kind": "dateline", "text": text, "outlet": None, "stories": stories}


@cache
def _labels() -> NDArray[np.uint64]:
    """Make the hash table of the labels of paragraphs."""
    found = []
    with np.errstate(over="ignore"):
        for texts, opens in zip(labels(), (False, True), strict=True):
            for text in texts:
                value = np.uint64(0)
                for word in text.split():
                    value = loops.mixed(value)
                    for byte in word.encode():
                        value = loops.taken(value, np.uint64(byte))
                found.append(loops.mixed(value ^ np.uint64(opens)))
    return _hash_table(np.array(found, dtype=np.uint64))


def _hash_table(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Make the table of keys that `loops.is_in` looks up."""
    table = np.zeros(1 << int(2 * len(keys) + 1).bit_length(), dtype=np.uint64)
    last = len(table) - 1
    for key in keys[keys > 0].tolist():
        place = key & last
        while table[place] and table[place] != key:
            place = (place + 1) & last
        table[place] = key
    return table


def _salted(key: NDArray[np.uint64], salt: NDArray[np.uint64] | np.uint64) -> NDArray[np.uint64]:
    return np.asarray(loops.mixed(key ^ salt), dtype=np.uint64)


def _pairs(names: pa.Array, outlet: pa.Array) -> pa.Array:
    """Join each name and who uses it to one text; null without a name."""
    return pc.binary_join_element_wise(names, pc.fill_null(outlet, ""), pa.scalar("\n", pa.large_string()))


def _nobody(size: int) -> pa.Array:
    return pa.nulls(size, pa.large_string())


def _array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return column


def _with(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), column)


def _buffers(texts: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Give the bytes of a large_string array, and where each text begins."""
    _, offsets, data = texts.buffers()
    begin = np.zeros(1, dtype=np.int64) if offsets is None else np.frombuffer(offsets, dtype=np.int64)
    content = np.zeros(0, dtype=np.uint8) if data is None else np.frombuffer(data, dtype=np.uint8)
    return content, begin[texts.offset : texts.offset + len(texts) + 1]


def _gathered(data: NDArray[np.uint8], begin: NDArray[np.int64], length: NDArray[np.int64]) -> pa.Array:
    """Copy parts of some bytes as texts."""
    offset = np.concatenate([[0], np.cumsum(length, dtype=np.int64)])
    target = np.empty(int(offset[-1]), dtype=np.uint8)
    loops.gather(len(length), data, begin, length, offset, target)
    return pa.LargeStringArray.from_buffers(len(length), pa.py_buffer(offset), pa.py_buffer(target))
