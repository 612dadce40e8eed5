"""Fit an archive on stories: languages, vectors, terms, and the ranker that the settings name."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.archive.archive import Archive
from recommender.archive.derived import StoryFacts
from recommender.articles.article import Article
from recommender.articles.boilerplate import Boilerplate
from recommender.articles.catalog import Catalog
from recommender.articles.languages import detect_languages, unknown_language_warning, with_site_language
from recommender.articles.text import whole_texts
from recommender.compute.hardware import release_memory
from recommender.editorial.rules import Rules
from recommender.embedders import Embedder
from recommender.embedders.protocol import is_of_words, vector_space
from recommender.embedders.stories import StoryVectors
from recommender.errors import InputError, SettingsError
from recommender.features.common import OF_SECTION, common_words, passing_words, stop_words
from recommender.features.hubness import Hubness
from recommender.features.spelling import Spelling
from recommender.features.texts import TextParts
from recommender.features.tfidf import Tfidf
from recommender.progress import Progress, silent
from recommender.ranking.ranker import Ranker, find_ranker
from recommender.reading.read import read_articles
from recommender.search.index import check_factory
from recommender.search.keys import Keys, mask_distinctive_words
from recommender.search.limits import LIMITS, Limits
from recommender.search.shortlist import Shortlist
from recommender.search.table import SearchTable
from recommender.settings import Settings

_COLUMNS = {"section": "sections", "time": "dates"}  # of families of features, in words


def build_archive(
    table: pa.Table,
    settings: Settings,
    rules: Rules,
    vectors: StoryVectors,
    limits: Limits = LIMITS,
    progress: Progress = silent,
) -> tuple[Archive, int]:
    """Fit an archive on a table that `read_articles` returned.

    Raises `InputError` if there is no story, and `SettingsError` if the ranker of the settings cannot be used.

    Returns
    -------
    archive : Archive
    embedded : int
        Texts that had to be embedded.
    """
    if not len(table):
        raise InputError("no usable story was given; expected at least one with an id and a title or body")
    embedder, reading = vectors.embedder, settings.reading
    check_factory(settings.retrieval.index)
    ranker = load_ranker(settings, embedder)  # a ranker that cannot be used is refused before anything is embedded
    table, site = with_site_language(table, reading.site_language)
    catalog = Catalog.from_table(table)
    if message := unknown_language_warning(catalog.table, embedder.languages, reading.site_language):
        warnings.warn(message, stacklevel=4)
    boilerplate = Boilerplate.from_settings(catalog.table, reading)
    with catalog.with_boilerplate(boilerplate) as catalog:
        texts = catalog.cleaned()
        release_memory()
        embedder.fit(texts)
        story_vectors, embedded = vectors.embed(texts, site, progress)
        release_memory()
        progress("terms", 0, len(catalog))
        tfidf, terms = Tfidf.fit(whole_texts(texts))
        parts = TextParts.from_table(texts, tfidf, terms)
        release_memory()
        catalog.derived_columns()  # while the texts are at hand
        release_memory()
        languages, names_of_languages = catalog.codes("language", default="")
        sections, _ = catalog.codes("section", default="")
        common = common_words(terms, languages) | common_words(
            terms, sections, story_share=OF_SECTION, vocabulary_share=0
        )
        passing = passing_words(terms, tfidf.idf) | stop_words(tfidf.names, [*names_of_languages, site])
        spelling = Spelling.fit(texts, tfidf, common, passing)
        stories = StoryFacts(catalog=catalog, site_language=reading.site_language)
        format_keys = stories.format_keys if settings.selection.series_limit else None
    del texts
    release_memory()
    hubness = Hubness.fit(catalog.ids.to_pylist(), terms, story_vectors)
    searched, shortlist = make_search_table(catalog, tfidf, terms, story_vectors, settings, limits)
    archive = Archive(
        catalog=catalog,
        searched=searched,
        tfidf=tfidf,
        parts=parts,
        spelling=spelling,
        hubness=hubness,
        neighbours=hubness.neighbours(terms, story_vectors),
        shortlist=shortlist,
        settings=settings,
        limits=limits,
        related_at=None,
        ranker=ranker,
        calibration=embedder.calibration,
        rules=rules,
    )
    archive = replace(archive, derived=archive.derived.with_format_keys(format_keys)).with_settings(settings)
    if ranker is not None and settings.ranking.ranker != "auto":
        _warn_of_missing_columns(ranker, archive)
    release_memory()
    progress("terms", len(catalog), len(catalog))
    return archive, embedded


def _warn_of_missing_columns(ranker: Ranker, archive: Archive) -> None:
    """Warn where a ranker of the newsroom's own decides by columns that the archive lacks."""
    sections = archive.catalog.table["section"]
    is_missing = {"section": sections.null_count == len(sections), "time": not archive.dated}
    lacking = [_COLUMNS[name] for name, missing in is_missing.items() if missing and name in ranker.deciding_families]
    if lacking:
        warnings.warn(
            f"the ranker {ranker.name} was learned with {' and '.join(lacking)}, which this archive lacks: it goes "
            "by the rest",
            stacklevel=5,
        )


def make_search_table(
    catalog: Catalog, tfidf: Tfidf, terms: sp.csr_matrix, vectors: NDArray[np.int16], settings: Settings, limits: Limits
) -> tuple[SearchTable, Shortlist | None]:
    """Choose the words that stories are searched by and, in a large archive, the reach of each."""
    keys = Keys.from_terms(terms, mask_distinctive_words(tfidf), vectors)
    if settings.retrieval.exact or len(catalog) <= limits.exact:
        return SearchTable(vectors, keys, terms.shape[1]), None
    shortlist = Shortlist.fit(catalog.ids.to_pylist(), keys, vectors, terms.shape[1], limits)
    reach = shortlist.reach(keys, vectors)
    return SearchTable(vectors, keys, terms.shape[1], reach), shortlist


def require_model_and_ranker(settings: Settings, embedder: Embedder) -> None:
    """Refuse a model or a ranker that cannot be found, before any work.

    Raises `EmbedderError` or `SettingsError`.
    """
    fingerprint = embedder.fingerprint
    if settings.ranking.ranker != "auto":
        find_ranker(settings.ranking.ranker, vector_space(embedder), fingerprint)


def load_ranker(settings: Settings, embedder: Embedder) -> Ranker | None:
    """Load the ranker that settings name, for the vectors of an embedder; None for none.

    Raises `SettingsError` if the file cannot be used, or was learned with another embedder.
    """
    wanted, space = settings.ranking.ranker, vector_space(embedder)
    ranker = find_ranker(wanted, space, embedder.fingerprint)
    if wanted == "auto" and ranker is not None and not ranker.embedder and not is_of_words(embedder):
        warnings.warn(
            "no ranker ships for this embedder, and the one for any uses words only: `recommender learn` makes "
            "one that knows this model and the links of your stories",
            stacklevel=5,
        )
    return ranker


def with_settings(archive: Archive, settings: Settings, embedder: Embedder) -> Archive:
    """Return an archive under other settings of retrieval, ranking and selection, with the ranker that they name.

    Raises `SettingsError` if they read or embed in another way, or the ranker cannot be used.
    """
    fitted = archive.settings
    reading = settings.reading.model_copy(update={"columns": fitted.reading.columns})  # they change no archive
    for stage, wanted in (("reading", reading), ("embedding", settings.embedding)):
        if wanted != getattr(fitted, stage):
            raise SettingsError(f"other settings of {stage} need fit(); under() keeps the fitted archive")
    if settings.ranking.ranker != archive.settings.ranking.ranker:
        archive = replace(archive, ranker=load_ranker(settings, embedder))
    return archive.with_settings(settings)


DRAFT = "draft"
"""Id of a draft that has none yet."""
_TEXT_COLUMNS = frozenset(("title", "lead", "body", "section", "language", "author", "source", "published_at"))


class Draft(NamedTuple):
    """A story from outside: its row, the row with the texts as they are compared, and its vector, (1, d)."""

    table: pa.Table
    cleaned: pa.Table
    vectors: NDArray[np.int16]


def read_draft(article: Article | Mapping[str, Any], archive: Archive, vectors: StoryVectors) -> tuple[Draft, int]:
    """Read and embed a story from outside; returns it, and how many texts were embedded.

    A draft that has no id yet gets `DRAFT`.

    Raises `InputError` if the article cannot be used.
    """
    settings = archive.settings.reading
    if isinstance(article, Mapping) and not settings.columns and article.keys() <= _TEXT_COLUMNS:
        article = {**article, "id": DRAFT}  # nothing in it may be an id
    try:
        table, _ = read_articles([article], settings=settings, strict=True, drafts=True)
    except InputError as error:
        if not isinstance(article, Mapping) or "missing id" not in str(error):
            raise
        table, _ = read_articles([{**article, "id": DRAFT}], settings=settings, strict=True, drafts=True)
    table, cleaned = archive.catalog.boilerplate.with_clean_lines(with_languages(table, archive))
    story_vectors, embedded = vectors.embed(cleaned, archive.site)
    return Draft(table, cleaned, story_vectors), embedded


def with_languages(table: pa.Table, archive: Archive) -> pa.Table:
    """Detect the languages of newcomers, where those of the archive differ."""
    is_known = archive.settings.reading.site_language is not None or not table["language"].null_count
    stories = archive.derived.stories
    return table if is_known or not stories.mixed else detect_languages(table, stories.common_languages)
