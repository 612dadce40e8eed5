"""Find passages that recur across the stories of an outlet, such as cookie texts, and remove them from texts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles import key_loops
from recommender.articles import passage_loops as loops
from recommender.articles.columns import as_array, map_table, text_buffers, write_table
from recommender.articles.form_loops import CLOSES, OPENS
from recommender.articles.inserts import without_inserts
from recommender.articles.openers import labels, opening_bytes
from recommender.articles.recurring import BEFORE_SITE, FOUND, SITE, SITES, Outlets, pairs, recurring, unknown_outlets
from recommender.articles.sentence_loops import add_letters, mix
from recommender.articles.text import teaser
from recommender.settings import ReadingSettings

_BLOCK = 2_048
TEXTS = ("title", "lead", "body")
"""Columns by which stories are compared."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A recurring passage, name of a site, or dateline, with its outlet (None = all) and number of stories."""

    text: str
    outlet: str | None
    stories: int


@dataclass(frozen=True, eq=False)
class Boilerplate:
    """The boilerplate of an archive, frozen with it; texts are compared and shown without it, and stored with it.

    Examples
    --------
    >>> from recommender.articles.article import Article, to_table
    >>> news = ["A ferry ran aground in fog.", "The mayor resigned.", "Rain is on its way.", "Rates rise.", "It snows."]
    >>> ask = "Sign up to our daily newsletter. "
    >>> table = to_table([Article(id=str(i), body=ask + text) for i, text in enumerate(news)])
    >>> boilerplate = Boilerplate.fit(table)
    >>> boilerplate.cleaned(table)["body"].to_pylist()[:2]
    ['A ferry ran aground in fog.', 'The mayor resigned.']
    >>> boilerplate.passages
    (Passage(text='Sign up to our daily newsletter.', outlet=None, stories=5),)
    """

    entries: pa.Table  # columns of `FOUND`
    enabled: bool = True  # whether texts are cleaned at all

    @classmethod
    def fit(cls, table: pa.Table, *, least: int = 5, share: float = 0.005) -> Boilerplate:
        """Find the boilerplate in the stories of a table, such as calls to subscribe.

        A passage is boilerplate if `least` different texts, and that `share` of all texts, of an outlet contain
        it, or as many of the whole archive. Copies of one text count as one.

        `table`: columns of `SCHEMA`, in an order that does not depend on that of the input.
        """
        return cls(recurring(table, least, share))

    @classmethod
    def from_settings(cls, table: pa.Table, settings: ReadingSettings) -> Boilerplate:
        """Find the boilerplate as `fit` does, or return `NOTHING`, as the settings say."""
        if not settings.drop_boilerplate:
            return NOTHING
        return cls.fit(table, least=settings.boilerplate_stories, share=settings.boilerplate_share)

    @property
    def passages(self) -> tuple[Passage, ...]:
        """Recurring passages, the commonest first; passages of all outlets are not repeated for each outlet."""
        is_shown = pc.not_equal(self.entries["kind"], "beside")
        rows = self.entries.filter(is_shown).select(["text", "outlet", "stories"]).to_pylist()
        passages = {Passage(**row) for row in rows}
        everywhere = {passage.text for passage in passages if passage.outlet is None}
        distinct = (passage for passage in passages if passage.outlet is None or passage.text not in everywhere)
        return tuple(sorted(distinct, key=lambda passage: (-passage.stories, passage.text, passage.outlet or "")))

    @cached_property
    def digest(self) -> str:
        """Digest of everything that determines how texts are cleaned."""
        digest = hashlib.sha256(repr(self.enabled).encode())
        for row in self.entries.select(["key", "kind", "text", "outlet"]).to_pylist():
            digest.update(repr(tuple(row.values())).encode())
        return digest.hexdigest()

    @cached_property
    def _table(self) -> NDArray[np.uint64]:
        is_passage = pc.is_in(self.entries["kind"], pa.array(["passage", "beside"]))
        return _hash_table(self.entries["key"].filter(is_passage).to_numpy())

    def _texts(self, kind: str) -> pa.Table:
        return self.entries.filter(pc.equal(self.entries["kind"], kind)).select(["text", "outlet"]).combine_chunks()

    @cached_property
    def _known_datelines(self) -> pa.Array:
        return as_array(self._texts("dateline")["text"])

    @cached_property
    def _known_sites(self) -> pa.Array:
        sites = self._texts("site")
        return pairs(as_array(sites["text"]), as_array(sites["outlet"]))

    def cleaned(self, table: pa.Table) -> pa.Table:
        """Return stories without boilerplate in titles, leads and bodies, so that they can be compared.

        Bylines, datelines, and paragraphs of links, captions and credits are removed by their form. A text may become
        empty. A column without boilerplate is not copied; any other is one chunk, as later steps read it whole.
        """
        if not self.enabled or not len(table):
            return table
        blocks = [self._clean(table.slice(start, _BLOCK)) for start in range(0, len(table), _BLOCK)]
        for name in TEXTS:
            cleaned = [block.pop(name) for block in blocks]
            if any(is_changed for _, is_changed in cleaned):
                table = _with(table, name, pa.concat_arrays([texts for texts, _ in cleaned]))
        return table

    def _clean(self, table: pa.Table) -> dict[str, tuple[pa.Array, bool]]:
        """Return texts of stories without boilerplate by column, each with whether any was changed."""
        outlet = Outlets.from_table(table)
        texts = {name: as_array(table[name]) for name in TEXTS}
        cleaned = {name: self._without_passages(without_inserts(texts[name]), outlet.salt) for name in ("lead", "body")}
        cleaned["title"] = self._without_sites(texts["title"], outlet)
        return {name: (column, column is not texts[name]) for name, column in cleaned.items()}

    def _without_passages(self, texts: pa.Array, salt: NDArray[np.uint64]) -> pa.Array:
        data, offsets = text_buffers(texts)
        remaining, lengths = np.empty(len(data), dtype=np.uint8), np.empty(len(texts), dtype=np.int64)
        loops.remove_passages(len(texts), data, offsets, salt, self._table, _labels(), remaining, lengths)
        if (lengths != np.diff(offsets)).any():
            texts = _gather(remaining, offsets[:-1], lengths)
        return self._without_openers(texts)

    def _without_openers(self, texts: pa.Array) -> pa.Array:
        opener_lengths = opening_bytes(texts, self._known_datelines)
        if not opener_lengths.any():
            return texts
        data, offsets = text_buffers(texts)
        return _gather(data, offsets[:-1] + opener_lengths, np.diff(offsets) - opener_lengths)

    def _without_sites(self, titles: pa.Array, outlet: Outlets) -> pa.Array:
        for _ in range(SITES):
            if not pc.any(pc.match_substring_regex(titles, BEFORE_SITE)).as_py():  # compiled in far less time
                break
            parts = pc.extract_regex(titles, SITE)
            head, site = pc.struct_field(parts, "head"), pc.struct_field(parts, "site")
            if head.null_count == len(head):
                break
            is_site = pc.is_in(pairs(site, outlet.names), self._known_sites)
            is_site = pc.or_(is_site, pc.is_in(pairs(site, unknown_outlets(len(site))), self._known_sites))
            is_site = pc.or_(is_site, pc.fill_null(pc.equal(pc.utf8_lower(site), outlet.names), False))
            titles = pc.if_else(pc.and_(is_site, pc.is_valid(head)), head, titles)
        return titles

    def with_clean_lines(self, table: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Return stories with lines for readers that show no boilerplate, and these stories as `cleaned` does."""
        if not self.enabled or not len(table):
            return table, table
        cleaned, lines = self.cleaned(table), []
        for start in range(0, len(table), _BLOCK):
            original, block = table.slice(start, _BLOCK), cleaned.slice(start, _BLOCK)
            differs = [pc.not_equal(original[name], block[name]) for name in ("lead", "body")]
            is_changed = pc.or_(*differs)
            changed = block.filter(is_changed).select(["title", "lead", "body"]).to_pylist()
            new = [teaser(story["lead"], story["body"], title=story["title"]) for story in changed]
            lines.append(
                pc.replace_with_mask(as_array(original["line"]), as_array(is_changed), pa.array(new, pa.large_string()))
            )
        # One chunk: rows are taken two hundred times as fast from it, and a saved table keeps its chunks.
        line = self._without_openers(as_array(pa.chunked_array(lines, pa.large_string())))
        return _with(table, "line", line), _with(cleaned, "line", line)

    def save(self, folder: Path, name: str) -> None:
        """Write to a file of a folder."""
        metadata = {"on": str(int(self.enabled))}
        write_table(folder / f"{name}.arrow", self.entries.replace_schema_metadata(metadata))

    @classmethod
    def load(cls, folder: Path, name: str) -> Boilerplate:
        """Read what `save` wrote."""
        table = map_table(folder / f"{name}.arrow")
        if not table.schema.equals(FOUND):
            raise ValueError(f"{name}.arrow holds {', '.join(table.schema.names)}")
        return cls(table.replace_schema_metadata(None), table.schema.metadata[b"on"] == b"1")


NOTHING = Boilerplate(FOUND.empty_table(), enabled=False)
"""Leaves texts as they are."""
ONLY_BY_FORM = Boilerplate(FOUND.empty_table())
"""Removes only boilerplate that is recognised by its form."""


@cache
def _labels() -> NDArray[np.uint64]:
    """Return the hash table of the labels of paragraphs."""
    keys = []
    with np.errstate(over="ignore"):
        for texts, salt in zip(labels(), (0, OPENS, CLOSES), strict=True):
            for text in texts:
                key = np.uint64(0)
                for word in text.split():
                    key = mix(key)
                    for byte in word.encode():
                        key = add_letters(key, np.uint64(byte))
                keys.append(mix(key ^ np.uint64(salt)))
    return _hash_table(np.array(keys, dtype=np.uint64))


def _hash_table(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the table of keys that `form_loops.contains` looks up."""
    table = np.zeros(1 << int(2 * len(keys) + 1).bit_length(), dtype=np.uint64)
    mask = len(table) - 1
    for key in keys[keys > 0].tolist():
        slot = key & mask
        while table[slot] and table[slot] != key:
            slot = (slot + 1) & mask
        table[slot] = key
    return table


def _with(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    index = table.schema.get_field_index(name)
    return table.set_column(index, table.schema.field(index), column)


def _gather(data: NDArray[np.uint8], begins: NDArray[np.int64], lengths: NDArray[np.int64]) -> pa.Array:
    """Return parts of `data` as texts."""
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    target = np.empty(int(offsets[-1]), dtype=np.uint8)
    key_loops.gather(len(lengths), data, begins, lengths, offsets, target)
    return pa.LargeStringArray.from_buffers(len(lengths), pa.py_buffer(offsets), pa.py_buffer(target))
