"""Parts of compound words, and words that stories use in passing, say nothing in reasons."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp

from recommender.articles.article import Article, to_table
from recommender.features.common import passing_words
from recommender.features.compounds import compounds


def table(*bodies: str) -> pa.Table:
    return to_table([Article(id=str(number), title="", body=body) for number, body in enumerate(bodies)])


@pytest.mark.parametrize(
    ("bodies", "term", "expected"),
    [
        (["a rise of anti-Semitism", "Anti-Semitism", "on anti-Semitism"], "semitism", "anti-Semitism"),
        (["Wet'suwet'en chiefs", "the Wet\u2019suwet\u2019en", "Wet'suwet'en land"], "suwet", "Wet'suwet'en"),
        (["Chick-fil-A opens", "Chick\u2011fil\u2011A closes", "Chick-fil-A"], "fil", "Chick-fil-A"),
        (["anti-war", "anti-trust", "an anti-noise law"], "anti", ""),
        (["once in a well-being", "a day"], "being", ""),  # once is no habit
        (["Trump's rally", "Trump's plan", "Trump's"], "trump", None),
        (["a trade-off", "the trade", "free trade", "fair trade"], "trade", None),
        (["don't", "don't", "don't"], "don", None),
        (["all about the war", "war"], "war", None),
        ([], "war", None),
    ],
)
def test_the_compound_that_a_term_mostly_stands_in(bodies: list[str], term: str, expected: str | None) -> None:
    (found,) = compounds(table(*bodies), pa.array([term], pa.string())).to_pylist()
    assert expected == found or (expected is not None and found in {expected, expected.replace("'", "\u2019")})


def test_what_recurs_in_its_stories_is_topical() -> None:
    uses = np.ones((40, 3))
    uses[:30, 2] = 3
    matrix = sp.csr_matrix(uses)
    assert passing_words(matrix, matrix.data).tolist() == [False, False, False]  # most words never recur
    uses[:4, :2] = 2
    matrix = sp.csr_matrix(uses)
    assert passing_words(matrix, matrix.data).tolist() == [True, True, False]
    few = sp.csr_matrix(uses[:19])
    assert not passing_words(few, few.data).any()  # too few stories to tell
