"""Find words that are common in their own language or section, however rare they are in the whole archive."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

COMMON = 0.02  # share of a vocabulary, the most frequent terms, that tells nothing
FREQUENT = 0.1  # share of the stories with a term above which it tells nothing
FEW = 3  # stories with a term, in an archive of any size, up to which it tells something
OF_SECTION = 0.5  # share of the stories of a section above which a term tells no more than the section does
_LEAST = 20  # stories of a language or section that tell its common words
_BLOCK = 1 << 16


def common_words(
    terms: sp.csr_matrix, groups: NDArray[np.int32], *, share: float = FREQUENT, most: float = COMMON
) -> NDArray[np.bool_]:
    """Tell which terms are common in the groups that use them most, (v,); of one group `Wording` tells it alone.

    Parameters
    ----------
    terms : csr_matrix, shape (n, v)
    groups : ndarray of int32, shape (n,)
        Such as languages, or sections.
    share, most : float
        A term is common in more than this share of the stories of a group, or among this share of its terms.

    Examples
    --------
    >>> uses = np.zeros((80, 200))
    >>> uses[60:, 0], uses[60:63, 1], uses[:4, 1] = 1, 1, 1
    >>> np.flatnonzero(common_words(sp.csr_matrix(uses), np.repeat([0, 1], [60, 20]))).tolist()
    [0]
    """
    size = terms.shape[1]
    stories = np.bincount(groups, minlength=1)
    common, total = np.zeros(size), np.zeros(size)
    several = np.flatnonzero(stories >= _LEAST)
    if len(np.flatnonzero(stories)) < 2:
        return np.zeros(size, dtype=bool)
    for group in np.flatnonzero(stories):
        rows = np.flatnonzero(groups == group)
        used = np.zeros(size, dtype=np.int64)
        for start in range(0, len(rows), _BLOCK):
            used += np.bincount(terms[rows[start : start + _BLOCK]].indices, minlength=size)
        total += used
        if group in several:
            often = used > max(share * len(rows), FEW)
            often[np.argsort(-used, kind="stable")[: int(most * np.count_nonzero(used))]] = True
            common += np.where(often, used, 0)
    return np.asarray(common > 0.5 * total)
