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
        (["Wet'suwet'en", "Wet'suwet'en", *["Wet\u2019suwet\u2019en"] * 2], "suwet", "Wet'suwet'en"),
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
    assert found == expected


def passing(times: np.ndarray) -> list[bool]:
    idf = np.linspace(1, 3, times.shape[1]).astype(np.float32)
    rows = (1 + np.log(times)) * idf
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return passing_words(sp.csr_matrix(rows.astype(np.float32)), idf).tolist()


def test_what_recurs_in_its_stories_is_topical() -> None:
    times = np.ones((40, 4))
    times[:30, 2] = 3
    assert passing(times) == [False] * 4  # most words never recur
    times[:4, :2] = 2
    assert passing(times) == [True, True, False, True]
    assert passing(np.tile(times, (500, 1))) == [True, True, False, True]  # more than are looked at together
    assert passing(times[:19]) == [False] * 4  # too few stories to tell
