"""Find words that say nothing of a story: common in its language or section, used in passing, or stop words."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.articles.columns import as_mask
from recommender.features.texts import times_used

COMMON = 0.02  # share of a vocabulary, its most frequent terms, that say nothing of a story
FREQUENT = 0.1  # share of the stories with a term above which it says nothing
FEW = 3  # stories with a term, in an archive of any size, up to which it says something
OF_SECTION = 0.5  # share of the stories of a section above which a term says no more than the section does
_LEAST = 20  # stories that a language or section needs before its common words are sought, and a word to be judged
_TOPICAL = 1.3  # times as often as most words a word must recur within stories, or they use it in passing
_BLOCK = 1 << 14  # stories looked at together
_STOP_WORDS = {  # by language, in `bm25s.stopwords`; English ones are no terms
    "da": "DANISH",
    "de": "GERMAN",
    "es": "SPANISH",
    "fr": "FRENCH",
    "it": "ITALIAN",
    "nb": "NORWEGIAN",
    "nl": "DUTCH",
    "no": "NORWEGIAN",
    "pt": "PORTUGUESE",
    "ru": "RUSSIAN",
    "sv": "SWEDISH",
    "tr": "TURKISH",
}


def common_words(
    terms: sp.csr_matrix,
    groups: NDArray[np.int32],
    *,
    story_share: float = FREQUENT,
    vocabulary_share: float = COMMON,
) -> NDArray[np.bool_]:
    """Mark the terms that are common in the groups that use them most, (v,); none where there is one group.

    Parameters
    ----------
    terms : csr_matrix, shape (n, v)
    groups : ndarray of int32, shape (n,)
        Such as languages, or sections.
    story_share, vocabulary_share : float
        A term is common in more than this share of the stories of a group, or among this share of its terms.

    Examples
    --------
    >>> uses = np.zeros((80, 200))
    >>> uses[60:, 0], uses[60:63, 1], uses[:4, 1] = 1, 1, 1
    >>> np.flatnonzero(common_words(sp.csr_matrix(uses), np.repeat([0, 1], [60, 20]))).tolist()
    [0]
    """
    n_terms = terms.shape[1]
    present = np.unique(groups)
    if len(present) < 2:
        return np.zeros(n_terms, dtype=bool)
    uses, uses_where_common = np.zeros(n_terms), np.zeros(n_terms)
    for group in present:
        rows = np.flatnonzero(groups == group)
        uses_of_group = _uses(terms, rows)
        uses += uses_of_group
        if len(rows) >= _LEAST:
            is_common = uses_of_group > max(story_share * len(rows), FEW)
            n_common = int(vocabulary_share * np.count_nonzero(uses_of_group))
            is_common[np.argsort(-uses_of_group, kind="stable")[:n_common]] = True
            uses_where_common += np.where(is_common, uses_of_group, 0)
    return np.asarray(uses_where_common > 0.5 * uses)


def passing_words(terms: sp.csr_matrix, idf: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Mark the terms that stories use in passing, (v,): what a story is about recurs in it more often than most words.

    "Fell", "occurred" and "subsequent" are rare enough to weigh heavily, and yet say nothing of a story. Of the stories
    with such a word few use it again (Katz, 1996: topical words come in bursts).

    Parameters
    ----------
    terms : csr_matrix of float32, shape (n, v)
        TF-IDF rows of the whole texts.
    idf : ndarray of float32, shape (v,)

    Examples
    --------
    >>> times = np.ones((60, 4))
    >>> times[:12, 1:3], times[:40, 3] = 2, 2
    >>> idf = np.ones(4, np.float32)
    >>> np.flatnonzero(passing_words(sp.csr_matrix(1 + np.log(times)), idf)).tolist()
    [0, 1, 2]
    """
    n_terms = terms.shape[1]
    stories, recurring = np.zeros(n_terms, dtype=np.int64), np.zeros(n_terms, dtype=np.int64)
    for start in range(0, terms.shape[0], _BLOCK):
        block = terms[start : start + _BLOCK]
        stories += np.bincount(block.indices, minlength=n_terms)
        recurring += np.bincount(block.indices[times_used(block, idf) > 1], minlength=n_terms)
    is_known = stories >= _LEAST
    share = recurring[is_known] / stories[is_known]
    is_passing = np.zeros(n_terms, dtype=bool)
    is_passing[is_known] = share < _TOPICAL * np.median(share) if len(share) else False
    return is_passing


def stop_words(terms: pa.StringArray, languages: Iterable[str]) -> NDArray[np.bool_]:
    """Mark the terms that are stop words of some languages, (v,): a handful of stories does not show that they are.

    Parameters
    ----------
    terms : pyarrow.StringArray, length v
    languages : iterable of str
        Their codes, such as 'de'.

    Examples
    --------
    >>> stop_words(pa.array(["fähre", "nicht", "wir"]), ["de"]).tolist()
    [False, True, True]
    """
    names = {_STOP_WORDS[language] for language in languages if language in _STOP_WORDS}
    if not names:
        return np.zeros(len(terms), dtype=bool)
    from bm25s import stopwords

    words = sorted({word for name in names for word in getattr(stopwords, f"STOPWORDS_{name}")})
    return as_mask(pc.is_in(terms, pa.array(words, terms.type)))


def _uses(terms: sp.csr_matrix, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the stories of `rows` that use each term, (v,)."""
    counts = np.zeros(terms.shape[1], dtype=np.int64)
    for start in range(0, len(rows), _BLOCK):
        counts += np.bincount(terms[rows[start : start + _BLOCK]].indices, minlength=terms.shape[1])
    return counts
