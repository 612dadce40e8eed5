"""Find stories by the ids and URLs that links name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.catalog import Catalog
from recommender.articles.columns import as_array, column_to_micros, encode
from recommender.articles.urls import normalise_url

_Rows: TypeAlias = NDArray[np.int64]
_POST = re.compile(r"(.*?)(?:/index\.php)?\?p=(\d+)", re.ASCII | re.DOTALL)


class LinkTargets:
    """Finds the rows of stories by id, else by URL, or by an id that is a URL."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def rows(self, texts: pa.ChunkedArray) -> _Rows:
        """Find the row of each id or URL, (m,); -1 = none."""
        codes, names = encode(texts)
        row = self._catalog.find(names)
        unknown = np.flatnonzero(row < 0)
        row[unknown] = self._rows_at_urls([normalise_url(names[code]) for code in unknown])
        return row[codes]

    def find(self, texts: pa.Array, story: _Rows) -> tuple[_Rows, NDArray[np.bool_]]:
        """Find the row of each target, -1 = none, and whether it is the linking story's own URL; each (m,)."""
        codes, names = encode(texts)
        row, itself = self._catalog.find(names)[codes], np.zeros(len(codes), dtype=bool)
        unknown = np.flatnonzero(row < 0)
        if not len(unknown):
            return row, itself
        used, inverse = np.unique(codes[unknown], return_inverse=True)
        row[unknown] = self._rows_at_urls([normalise_url(names[code]) for code in used])[inverse]
        # A target such as "/local" is relative to the URL of the story.
        relative = unknown[[names[code].startswith("/") for code in codes[unknown]]]
        bases = self._urls.take(pa.array(story[relative])).to_pylist()
        joined = [normalise_url(names[code], base) for code, base in zip(codes[relative], bases, strict=True)]
        row[relative] = self._rows_at_urls(joined)
        row[unknown] = np.where(row[unknown] < 0, self._posts(codes[unknown], names, story[unknown]), row[unknown])
        stories, inverse = np.unique(story, return_inverse=True)
        own_row = self._rows_at_urls(
            [normalise_url(url or "") for url in self._urls.take(pa.array(stories)).to_pylist()]
        )[inverse]
        itself[unknown] = (row[unknown] >= 0) & (row[unknown] == own_row[unknown])
        return row, itself

    def _posts(self, codes: _Rows, names: Sequence[str], story: _Rows) -> _Rows:
        """Find the rows of posts of WordPress on the story's own site, such as ``https://courier.example/?p=7``."""
        rows = np.full(len(codes), -1)
        urls = {code: normalise_url(name) for code, name in enumerate(names) if "?p=" in name}
        posts = {code: post for code, url in urls.items() if (post := _POST.fullmatch(url))}
        for place in np.flatnonzero(np.isin(codes, list(posts))).tolist():
            site, number = posts[codes[place]].groups()
            if normalise_url(self._urls[story[place]].as_py() or "").startswith(site):
                rows[place] = self._catalog.find([number])[0]
        return rows

    def _rows_at_urls(self, urls: Sequence[str]) -> _Rows:
        """Find the row of each normalised URL, the newest of several; -1 where there is none."""
        if not len(urls):
            return np.empty(0, dtype=np.int64)
        known_urls, rows = self._by_url
        wanted = pa.array([url or None for url in urls], pa.large_string())
        index = pc.fill_null(pc.index_in(wanted, known_urls, skip_nulls=True), -1).to_numpy(zero_copy_only=False)
        return np.where(index >= 0, np.append(rows, -1)[index], -1)

    @cached_property
    def _urls(self) -> pa.Array:
        """The URL of each row, or its id if that is one."""
        ids = as_array(self._catalog.ids)
        named = pc.if_else(pc.match_substring(ids, "://"), ids, pa.scalar(None, ids.type))
        return pc.coalesce(as_array(self._catalog.table["url"]), named)

    @cached_property
    def _by_url(self) -> tuple[pa.Array, _Rows]:
        """The normalised URLs of the current rows, the newest first, and their rows."""
        catalog, urls = self._catalog, self._urls
        rows = np.flatnonzero(catalog.alive & urls.is_valid().to_numpy(zero_copy_only=False))
        updated = column_to_micros(catalog.table["updated_at"])
        rows = rows[np.lexsort((catalog.id_rank[rows], updated[rows], catalog.published[rows]))[::-1]]
        normalised = [normalise_url(url) or None for url in urls.take(pa.array(rows)).to_pylist()]
        return pa.array(normalised, pa.large_string()), rows
