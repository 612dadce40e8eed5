"""Terms of a reason: forms of one word and parts of one phrase are told once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from recommender.lists.shared_terms import _mask_repeated_forms, _mask_repeated_phrases

WORDS = ["ferry", "ferries", "art", "party", "parties", "é", "éa", "w" * 30, "w" * 25, "東京", "東京都", "京都", ""]
PHRASES = np.array([not word.isascii() for word in WORDS])
TERMS = st.lists(st.lists(st.integers(-1, len(WORDS) - 1), min_size=4, max_size=4), min_size=1, max_size=6)


def is_form(one: str, other: str) -> bool:
    one, other = one[:24], other[:24]
    shorter, longer = sorted((len(one), len(other)))
    alike = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), shorter)
    return alike >= 0.6 * longer and (alike == shorter or alike >= 4)


def overlaps(one: str, other: str) -> bool:
    is_phrase = PHRASES[WORDS.index(one)] or PHRASES[WORDS.index(other)]
    return bool(is_phrase) and (one in other or other in one)


@given(TERMS)
def test_what_repeats_an_earlier_term_is_marked_as_by_a_plain_loop(terms: list[list[int]]) -> None:
    names, array = pa.array(WORDS), np.array(terms)
    for mask, repeats in (
        (_mask_repeated_forms(names, array), is_form),
        (_mask_repeated_phrases(names, PHRASES, array), overlaps),
    ):
        expected = [
            [
                any(term >= 0 and other >= 0 and repeats(WORDS[term], WORDS[other]) for other in row[:place])
                for place, term in enumerate(row)
            ]
            for row in terms
        ]
        assert mask.tolist() == expected


def test_a_word_within_another_is_a_word_of_its_own() -> None:
    names, terms = pa.array(["party", "art", "partying"]), np.array([[0, 1, 2]])
    assert not _mask_repeated_phrases(names, np.zeros(3, dtype=bool), terms).any()
    assert _mask_repeated_forms(names, terms).tolist() == [[False, False, True]]
