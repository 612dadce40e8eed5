"""An archive with other rows: with more at the end, without replaced versions, or with some only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.archive.build import make_search_table
from recommender.archive.derived import find_format_keys
from recommender.articles.catalog import Catalog
from recommender.articles.text import whole_texts
from recommender.features.texts import TextParts
from recommender.features.tfidf import Tfidf


def append_rows(archive: Archive, catalog: Catalog, added: pa.Table, vectors: NDArray[np.int16]) -> Archive:
    """Append rows, which the catalog already has; the vocabulary stays."""
    texts = catalog.boilerplate.cleaned(added)
    terms = archive.tfidf.transform(whole_texts(texts))
    longer = replace(
        archive,
        catalog=catalog,
        searched=archive.searched.append(archive.search_table(terms, vectors)),
        parts=archive.parts.append(TextParts.from_table(texts, archive.tfidf, terms)),
        neighbours=archive.neighbours.append(archive.hubness.neighbours(terms, vectors)),
        pools=None,
    )
    keys = archive.derived.format_keys
    if keys is not None:
        keys = keys.append(find_format_keys(added, texts))
    return replace(longer, derived=longer.derived.with_format_keys(keys))


def compact_rows(archive: Archive) -> Archive:
    """Remove replaced versions, and put all rows in publication order."""
    alive = pa.array(np.flatnonzero(archive.catalog.alive))
    catalog = Catalog.from_table(archive.catalog.table.take(alive), archive.catalog.boilerplate)
    old_rows = archive.catalog.rows(catalog.ids.to_pylist())
    compact = replace(
        archive,
        catalog=catalog,
        searched=archive.searched.take(old_rows),
        parts=archive.parts.take(old_rows),
        neighbours=archive.neighbours.take(old_rows),
        pools=None,
        index=None,
    )
    keys = archive.derived.format_keys
    return replace(compact, derived=compact.derived.with_format_keys(keys and keys.take(old_rows)))


def select_rows(archive: Archive, is_kept: NDArray[np.bool_]) -> Archive:
    """Keep some rows, by a mask (n,), and only the terms that they use."""
    rows = np.flatnonzero(is_kept & archive.catalog.alive)
    catalog = Catalog.from_table(archive.catalog.table.take(pa.array(rows)), archive.catalog.boilerplate)
    old_rows = archive.catalog.rows(catalog.ids.to_pylist())
    parts = archive.parts.take(old_rows)
    used = np.flatnonzero(np.bincount(parts.whole.indices, minlength=parts.whole.shape[1]))
    tfidf = Tfidf(archive.tfidf.names.take(pa.array(used)), archive.tfidf.idf[used], archive.tfidf.stories)
    parts = parts.select_terms(used)
    # the removed rows must leave no trace: what was fitted on them is fitted again
    searched, shortlist = make_search_table(
        catalog, tfidf, parts.whole, archive.vectors[old_rows], archive.settings, archive.limits
    )
    return replace(
        archive,
        catalog=catalog,
        searched=searched,
        tfidf=tfidf,
        parts=parts,
        spelling=archive.spelling.select_terms(used),
        hubness=archive.hubness.drop(archive.catalog.ids.filter(pa.array(~is_kept)).to_pylist(), terms=used),
        neighbours=archive.neighbours.take(old_rows),
        shortlist=shortlist,
        pools=None,
        index=None,
    )
