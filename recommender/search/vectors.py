"""What is searched: one vector of a story's meaning and words."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.features.vectors import quantise

SKETCH = 384  # components that stand for the words in a search vector
MEANING, WORDS = 0.3, 0.7  # what the two parts of a search vector weigh
_BLOCK = 8_192  # rows that search vectors are made of at a time


def search_vectors(vectors: NDArray[np.int16], terms: sp.csr_matrix, columns: sp.csr_matrix) -> NDArray[np.int16]:
    """Make vectors whose product looks at meaning and words together.

    Parameters
    ----------
    vectors : ndarray of int16, shape (n, d)
    terms : csr_matrix, shape (n, v)
        TF-IDF, unit rows.
    columns : csr_matrix, shape (v, w)
        See `tfidf.sketch_columns`.

    Returns
    -------
    ndarray of int16, shape (n, d + w)
        Unit vectors of the two parts, weighted by the roots of `MEANING` and `WORDS`, quantised. Where one part is
        empty the other has all the weight.
    """
    found = np.empty((len(vectors), vectors.shape[1] + columns.shape[1]), dtype=np.int16)
    for start in range(0, len(vectors), _BLOCK):
        part = slice(start, start + _BLOCK)
        dense, words = _unit(vectors[part].astype(np.float32)), _unit((terms[part] @ columns).toarray())
        weighted = np.sqrt(MEANING) * dense, np.sqrt(WORDS) * words
        found[part] = quantise(np.concatenate(weighted, axis=1))
    return found


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norm > 0, norm, 1), dtype=np.float32)
