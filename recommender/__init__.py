"""Related-article recommendation: an archive of news in, a ranked Read next list for every story out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from recommender.version import __version__

if TYPE_CHECKING:
    from recommender.articles import Article
    from recommender.database import SqlQuery
    from recommender.embedders import GivenVectors, SentenceTransformerEmbedder, TfidfSvdEmbedder
    from recommender.engine import Changes, Recommender
    from recommender.errors import (
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
    from recommender.events import relations, same_event_probability
    from recommender.filters import Filters
    from recommender.readnext import ReadNext, Reason, Recommendation, Rejected
    from recommender.rules import Rules
    from recommender.settings import Settings
    from recommender.sinks import PublishedLists

# A name is imported when it is first used: reading published lists needs no model and no scikit-learn.
_HOME = {
    "Article": "articles",
    "Changes": "engine",
    "Filters": "filters",
    "GivenVectors": "embedders",
    "PublishedLists": "sinks",
    "ReadNext": "readnext",
    "Reason": "readnext",
    "Recommendation": "readnext",
    "Recommender": "engine",
    "SentenceTransformerEmbedder": "embedders",
    "Rejected": "readnext",
    "Rules": "rules",
    "Settings": "settings",
    "SqlQuery": "database",
    "TfidfSvdEmbedder": "embedders",
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
    "relations": "events",
    "same_event_probability": "events",
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
