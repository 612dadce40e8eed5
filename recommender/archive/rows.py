"""An archive with other rows: with more at the end, in order and without replaced versions, or only some."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.archive.build import searched_by
from recommender.articles.catalog import Catalog
from recommender.articles.text import whole_texts
from recommender.compute.parallel import joined
from recommender.features.texts import TextParts
from recommender.features.tfidf import Tfidf


def extended(archive: Archive, catalog: Catalog, added: pa.Table, vectors: NDArray[np.int16]) -> Archive:
    """Add rows at the end; the vocabulary stays."""
    texts = catalog.boilerplate.cleaned(added)
    terms = archive.tfidf.transform(whole_texts(texts))
    search = archive.search_table(terms, vectors)
    more = replace(
        archive,
        catalog=catalog,
        vectors=joined(archive.vectors, vectors),
        terms=(every := sp.vstack([archive.terms, terms], format="csr")),
        parts=replace(archive.parts.beside(TextParts.of(texts, archive.tfidf, terms)), whole=every),
        neighbours=archive.neighbours.beside(archive.hubness.of(terms, vectors)),
        keys=archive.keys.beside(search.keys),
        reach=archive.reach and search.reach and archive.reach.beside(search.reach),
        pools=None,
    )
    looks = archive.derived.looks
    return replace(more, derived=more.derived.knowing(looks and looks.beside(archive.looks_of(added))))


def compacted(archive: Archive) -> Archive:
    """Leave out replaced versions, and put all rows in publication order."""
    alive = pa.array(np.flatnonzero(archive.catalog.alive))
    catalog = Catalog.of(archive.catalog.table.take(alive), archive.catalog.boilerplate)
    old = archive.catalog.rows(catalog.ids.to_pylist())
    fewer = replace(
        archive,
        catalog=catalog,
        vectors=archive.vectors[old],
        terms=archive.terms[old],
        parts=archive.parts.take(old),
        neighbours=archive.neighbours.take(old),
        keys=archive.keys.take(old),
        reach=archive.reach and archive.reach.take(old),
        pools=None,
        index=None,
    )
    looks = archive.derived.looks
    return replace(fewer, derived=fewer.derived.knowing(looks and looks.take(old)))


def only(archive: Archive, held: NDArray[np.bool_]) -> Archive:
    """Keep some rows, (n,), and only the terms that they use."""
    rows = np.flatnonzero(held & archive.catalog.alive)
    catalog = Catalog.of(archive.catalog.table.take(pa.array(rows)), archive.catalog.boilerplate)
    old = archive.catalog.rows(catalog.ids.to_pylist())
    terms = archive.terms[old]
    used = np.flatnonzero(np.bincount(terms.indices, minlength=terms.shape[1]))
    tfidf = Tfidf(archive.tfidf.names.take(pa.array(used)), archive.tfidf.idf[used], archive.tfidf.stories)
    vectors, terms = archive.vectors[old], terms[:, used].tocsr()
    keys, shortlist, reach = searched_by(catalog, tfidf, terms, vectors, archive.settings)  # as if they had never been
    return replace(
        archive,
        catalog=catalog,
        vectors=vectors,
        tfidf=tfidf,
        terms=terms,
        parts=archive.parts.take(old).among(used),
        spelling=archive.spelling.among(used),
        hubness=archive.hubness.without(archive.catalog.ids.filter(pa.array(~held)).to_pylist(), used),
        neighbours=archive.neighbours.take(old),
        keys=keys,
        shortlist=shortlist,
        reach=reach,
        pools=None,
        index=None,
    )
