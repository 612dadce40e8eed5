"""Where the targets of links are: stories by their ids and URLs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.article import UNDATED
from recommender.articles.catalog import Catalog
from recommender.articles.columns import as_array
from recommender.articles.urls import normalise_url

_Rows: TypeAlias = NDArray[np.int64]


class Places:
    """Where a story is found: by its id, else by its URL, or by an id that is a URL."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def rows(self, texts: pa.ChunkedArray) -> _Rows:
        """Find the row of each id or URL, -1 where there is none; (m,)."""
        code, names = _codes(texts)
        row = self._catalog.find(names)
        rest = np.flatnonzero(row < 0)
        row[rest] = self._at([normalise_url(names[at]) for at in rest])
        return row[code]

    def targets(self, texts: pa.Array, story: _Rows) -> tuple[_Rows, NDArray[np.bool_]]:
        """Find the row of each target, -1 = none, and whether it is the URL of the linking story; each (m,)."""
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
        """Find the row of each normalised URL, the newest of several; -1 where there is none."""
        if not len(urls):
            return np.empty(0, dtype=np.int64)
        held, rows = self._held
        asked = pa.array([url or None for url in urls], pa.large_string())
        place = pc.fill_null(pc.index_in(asked, held, skip_nulls=True), -1).to_numpy(zero_copy_only=False)
        return np.where(place >= 0, np.append(rows, -1)[place], -1)

    @cached_property
    def _urls(self) -> pa.Array:
        """The URL of each row, or its id if that is one."""
        ids = as_array(self._catalog.ids)
        named = pc.if_else(pc.match_substring(ids, "://"), ids, pa.scalar(None, ids.type))
        return pc.coalesce(as_array(self._catalog.table["url"]), named)

    @cached_property
    def _held(self) -> tuple[pa.Array, _Rows]:
        """The normalised URLs of the current rows, the newest first, and their rows."""
        catalog, urls = self._catalog, self._urls
        rows = np.flatnonzero(catalog.alive & urls.is_valid().to_numpy(zero_copy_only=False))
        updated = micros(as_array(catalog.table["updated_at"]))
        rows = rows[np.lexsort((catalog.id_rank[rows], updated[rows], catalog.published[rows]))[::-1]]
        held = [normalise_url(one) or None for one in urls.take(pa.array(rows)).to_pylist()]
        return pa.array(held, pa.large_string()), rows


def _codes(texts: pa.Array | pa.ChunkedArray) -> tuple[_Rows, list[str]]:
    """Assign a number to each text, and give what each number stands for."""
    texts = as_array(texts) if isinstance(texts, pa.ChunkedArray) else texts
    encoded = texts.dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()


def micros(times: pa.Array) -> _Rows:
    """Turn times into microseconds; `UNDATED` where missing."""
    return np.asarray(pc.fill_null(times.cast(pa.int64()), UNDATED).to_numpy(zero_copy_only=False), dtype=np.int64)
