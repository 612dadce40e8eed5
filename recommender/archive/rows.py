"""An archive with other rows: with more at the end, in order and without replaced versions, or only some."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.archive.build import searched_by
from recommender.articles.catalog import Catalog
from recommender.articles.text import whole_texts
from recommender.features.texts import TextParts
from recommender.features.tfidf import Tfidf


def extended(archive: Archive, catalog: Catalog, added: pa.Table, vectors: NDArray[np.int16]) -> Archive:
    """Add rows at the end; the vocabulary stays."""
    texts = catalog.boilerplate.cleaned(added)
    terms = archive.tfidf.transform(whole_texts(texts))
    more = replace(
        archive,
        catalog=catalog,
        searched=archive.searched.beside(archive.search_table(terms, vectors)),
        parts=archive.parts.append(TextParts.from_table(texts, archive.tfidf, terms)),
        neighbours=archive.neighbours.append(archive.hubness.neighbours(terms, vectors)),
        pools=None,
    )
    keys = archive.derived.format_keys
    if keys is not None:
        keys = keys.append(archive.derived.stories.format_keys_of(added))
    return replace(more, derived=more.derived.with_format_keys(keys))


def compacted(archive: Archive) -> Archive:
    """Leave out replaced versions, and put all rows in publication order."""
    alive = pa.array(np.flatnonzero(archive.catalog.alive))
    catalog = Catalog.from_table(archive.catalog.table.take(alive), archive.catalog.boilerplate)
    old = archive.catalog.rows(catalog.ids.to_pylist())
    fewer = replace(
        archive,
        catalog=catalog,
        searched=archive.searched.take(old),
        parts=archive.parts.take(old),
        neighbours=archive.neighbours.take(old),
        pools=None,
        index=None,
    )
    keys = archive.derived.format_keys
    return replace(fewer, derived=fewer.derived.with_format_keys(keys and keys.take(old)))


def only(archive: Archive, held: NDArray[np.bool_]) -> Archive:
    """Keep some rows, (n,), and only the terms that they use."""
    rows = np.flatnonzero(held & archive.catalog.alive)
    catalog = Catalog.from_table(archive.catalog.table.take(pa.array(rows)), archive.catalog.boilerplate)
    old = archive.catalog.rows(catalog.ids.to_pylist())
    parts = archive.parts.take(old)
    used = np.flatnonzero(np.bincount(parts.whole.indices, minlength=parts.whole.shape[1]))
    tfidf = Tfidf(archive.tfidf.names.take(pa.array(used)), archive.tfidf.idf[used], archive.tfidf.stories)
    parts = parts.select_terms(used)
    # as if those that go had never been
    searched, shortlist = searched_by(
        catalog, tfidf, parts.whole, archive.vectors[old], archive.settings, archive.limits
    )
    return replace(
        archive,
        catalog=catalog,
        searched=searched,
        tfidf=tfidf,
        parts=parts,
        spelling=archive.spelling.select_terms(used),
        hubness=archive.hubness.drop(archive.catalog.ids.filter(pa.array(~held)).to_pylist(), terms=used),
        neighbours=archive.neighbours.take(old),
        shortlist=shortlist,
        pools=None,
        index=None,
    )
