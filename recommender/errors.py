"""All errors of the package: one base class, and messages that say what to do."""

from __future__ import annotations

from collections.abc import Iterable

_LEAST_SIMILARITY = 0.7  # of a name that may have been meant


class RecommenderError(Exception):
    """Base class of every error that `recommender` raises on purpose."""


class SettingsError(RecommenderError, ValueError):
    """A setting, flag or argument has a value that cannot be used."""


class InputError(RecommenderError, ValueError):
    """Articles cannot be read: a missing file, an unknown column, or a bad row in strict mode."""


class EmbedderError(RecommenderError):
    """A model is missing or damaged, or vectors do not fit the articles."""


class MissingExtraError(RecommenderError, ImportError):
    """An optional part is not installed; the message names the install command."""


class ClusterError(RecommenderError):
    """A cluster cannot do the job: there is none, a node differs from the others or does not see the files."""


class NotFittedError(RecommenderError):
    """A `Recommender` without an archive was asked for lists."""


class UnknownArticleError(RecommenderError, LookupError):
    """No article of the archive has this id."""


class WithdrawnArticleError(RecommenderError, LookupError):
    """The article was withdrawn; it neither receives nor appears in a list."""


class SnapshotError(RecommenderError):
    """A saved archive or published version is missing, damaged, foreign or newer than this code."""


class DamagedError(SnapshotError):
    """A file that recommender wrote is cut, altered or missing."""


class PublishError(RecommenderError):
    """A version cannot be published: no writable place, another writer, or too many ids vanished."""


class RowError(ValueError):
    """A row cannot be used; the message becomes the reason in `rejected.jsonl`."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the question that ends a message about an unknown name; empty if no known name is similar.

    There is no question about a number, since similar numbers have nothing in common.

    Examples
    --------
    >>> did_you_mean("relatd_at", ["related_at", "reserves"])
    "; did you mean 'related_at'?"
    """
    if name.isdecimal():
        return ""
    from rapidfuzz.distance import OSA  # only errors need it
    from rapidfuzz.process import extractOne

    match = extractOne(name, list(known), scorer=OSA.normalized_similarity, score_cutoff=_LEAST_SIMILARITY)
    return f"; did you mean {match[0]!r}?" if match else ""
