"""Boilerplate: passages that recur across the stories of an outlet, such as cookie texts, and texts without them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles import key_loops
from recommender.articles import passage_loops as loops
from recommender.articles.columns import as_array as whole
from recommender.articles.columns import text_buffers as buffers
from recommender.articles.inserts import without_inserts
from recommender.articles.openers import labels, opening_bytes
from recommender.articles.recurring import FOUND, SITE, SITES, Outlets, nobody, pairs, recurring
from recommender.articles.text import teaser
from recommender.settings import ReadingSettings

_BLOCK = 2_048
TEXTS = ("title", "lead", "body")
"""Columns that stories are compared by."""


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
        return cls(recurring(table, least, share))

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
        return whole(self._texts("dateline")["text"])

    @cached_property
    def _known_sites(self) -> pa.Array:
        known = self._texts("site")
        return pairs(whole(known["text"]), whole(known["outlet"]))

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
        outlet = Outlets.of(table)
        table = _with(table, "title", self._without_sites(table, outlet))
        for name in ("lead", "body"):
            table = _with(table, name, self._without_passages(without_inserts(whole(table[name])), outlet.salt))
        return table

    def _without_passages(self, texts: pa.Array, salt: NDArray[np.uint64]) -> pa.Array:
        data, offset = buffers(texts)
        size = len(texts)
        kept, length = np.empty(int(offset[-1] - offset[0]), dtype=np.uint8), np.empty(size, dtype=np.int64)
        loops.without(size, data, offset, salt, self._table, _labels(), kept, length)
        if (length != np.diff(offset)).any():
            texts = _gathered(kept, offset[:-1] - offset[0], length)
        cut = opening_bytes(texts, self._known_datelines)
        if not cut.any():
            return texts
        data, offset = buffers(texts)
        return _gathered(data, offset[:-1] + cut, np.diff(offset) - cut)

    def _without_sites(self, table: pa.Table, outlet: Outlets) -> pa.Array:
        titles = whole(table["title"])
        for _ in range(SITES):
            parts = pc.extract_regex(titles, SITE)
            head, site = pc.struct_field(parts, "head"), pc.struct_field(parts, "site")
            if head.null_count == len(head):
                break
            known = pc.is_in(pairs(site, outlet.names), self._known_sites)
            known = pc.or_(known, pc.is_in(pairs(site, nobody(len(site))), self._known_sites))
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
            lines.append(pc.replace_with_mask(whole(given["line"]), whole(cut), new))
        # in one piece: rows are taken two hundred times as fast as from many, and a saved table has the pieces of this
        return _with(table, "line", whole(pa.chunked_array(lines, pa.large_string())))

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


@cache
def _labels() -> NDArray[np.uint64]:
    """Make the hash table of the labels of paragraphs."""
    found = []
    with np.errstate(over="ignore"):
        for texts, kind in zip(labels(), (0, loops.OPENS, loops.CLOSES), strict=True):
            for text in texts:
                value = np.uint64(0)
                for word in text.split():
                    value = loops.mixed(value)
                    for byte in word.encode():
                        value = loops.taken(value, np.uint64(byte))
                found.append(loops.mixed(value ^ np.uint64(kind)))
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


def _with(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), column)


def _gathered(data: NDArray[np.uint8], begin: NDArray[np.int64], length: NDArray[np.int64]) -> pa.Array:
    """Copy parts of some bytes as texts."""
    offset = np.concatenate([[0], np.cumsum(length, dtype=np.int64)])
    target = np.empty(int(offset[-1]), dtype=np.uint8)
    key_loops.gather(len(length), data, begin, length, offset, target)
    return pa.LargeStringArray.from_buffers(len(length), pa.py_buffer(offset), pa.py_buffer(target))
