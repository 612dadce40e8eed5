"""Related-article recommendation: an archive of news in, a ranked Read next list for every story out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from recommender.version import __version__

if TYPE_CHECKING:
    from recommender.archive.changes import Changes
    from recommender.archive.learn import LearnReport
    from recommender.articles.article import Article, Link
    from recommender.articles.links import LinkReport, ResolvedLinks
    from recommender.editorial.rules import Rules
    from recommender.embedders import GivenVectors, SentenceTransformerEmbedder, TfidfSvdEmbedder
    from recommender.errors import (
        DamagedError,
        EmbedderError,
        InputError,
        MissingExtraError,
        NotFittedError,
        PublishError,
        RecommenderError,
        SettingsError,
        SnapshotError,
        UnknownArticleError,
        WithdrawnArticleError,
    )
    from recommender.facade import Recommender
    from recommender.jobs.precompute import precompute
    from recommender.jobs.refresh import refresh
    from recommender.lists.readnext import ReadNext, Reason, Recommendation, Rejected
    from recommender.publishing import PublishedLists
    from recommender.reading.links import read_links
    from recommender.search.scope import Filters
    from recommender.selection.same_event import relations, same_event_probability
    from recommender.settings import Settings
    from recommender.storage.database import SqlQuery

# A name is imported when it is first used: reading published lists needs no model and no scikit-learn.
_HOME = {
    "Article": "articles.article",
    "Changes": "archive.changes",
    "Filters": "search.scope",
    "GivenVectors": "embedders",
    "LearnReport": "archive.learn",
    "Link": "articles.article",
    "LinkReport": "articles.links",
    "PublishedLists": "publishing",
    "ReadNext": "lists.readnext",
    "Reason": "lists.readnext",
    "Recommendation": "lists.readnext",
    "Recommender": "facade",
    "SentenceTransformerEmbedder": "embedders",
    "ResolvedLinks": "articles.links",
    "Rejected": "lists.readnext",
    "Rules": "editorial.rules",
    "Settings": "settings",
    "SqlQuery": "storage.database",
    "TfidfSvdEmbedder": "embedders",
    "DamagedError": "errors",
    "EmbedderError": "errors",
    "InputError": "errors",
    "MissingExtraError": "errors",
    "NotFittedError": "errors",
    "PublishError": "errors",
    "RecommenderError": "errors",
    "SettingsError": "errors",
    "SnapshotError": "errors",
    "UnknownArticleError": "errors",
    "WithdrawnArticleError": "errors",
    "read_links": "reading.links",
    "precompute": "jobs.precompute",
    "refresh": "jobs.refresh",
    "relations": "selection.same_event",
    "same_event_probability": "selection.same_event",
}

__all__ = [
    "__version__",
    *_HOME,
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
