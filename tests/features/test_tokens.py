"""Terms and their weights, with scikit-learn as the oracle: the same terms and the same bits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from recommender.articles.scripts import fold, is_letter, pair_characters
from recommender.features import tokens
from recommender.features.tfidf import Tfidf

LETTERS = st.one_of(
    st.sampled_from(list("abAB01_ .,'-\n\t\0İıßΣσςÉé²½东京、’\u0301\u00ad𝔘😀")),
    st.characters(exclude_categories=("Cs",)),
)


STOP_WORDS = CountVectorizer(stop_words="english").get_stop_words()


def analyzed(text: str) -> Counter[str]:
    """Terms by their definition."""
    folded = pair_characters(fold(text))
    words = "".join(one if one == "_" or is_letter(ord(one)) else " " for one in folded).split(" ")
    return Counter(word for word in words if len(word) > 1 and word not in STOP_WORDS)


def counted(texts: Iterable[Any], **options: int) -> list[Counter[str]]:
    found = []
    for block in tokens.count_terms(texts, **options):
        rows = [Counter[str]() for _ in block.lengths]
        for row, term, count in zip(block.row, block.term, block.count, strict=True):
            rows[row][block.terms[term]] += int(count)
        found += rows
    return found


@given(st.lists(st.text(LETTERS, max_size=40), max_size=6))
@settings(max_examples=100)
def test_terms_are_what_they_are_defined_to_be(texts: list[str]) -> None:
    assert counted(texts) == list(map(analyzed, texts))


@given(
    st.lists(
        st.text(st.one_of(st.sampled_from(list("abAB01_ .,'-\n’“”—…ÉéßÑЖжΩ½€")), st.characters(max_codepoint=127)))
    )
)
def test_texts_of_europe_have_the_terms_that_scikit_learn_finds(texts: list[str]) -> None:
    analyze = CountVectorizer(stop_words="english").build_analyzer()
    assert counted(texts) == [Counter(analyze(text)) for text in texts]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("市長選挙", ["市長", "長選", "選挙"]),
        ("東京 Tower", ["東京", "tower"]),
        ("カメラを売る", ["カメ", "メラ", "ラを", "を売", "売る"]),
        ("서울 시장 선거를", ["서울", "시장", "선거", "거를"]),
        ("猫", []),
        ("выборы мэра", ["выборы", "мэра"]),
    ],
)
def test_where_words_have_no_blanks_pairs_of_characters_are_terms(text: str, terms: list[str]) -> None:
    assert counted([text]) == [Counter(terms)]


def test_every_character_by_itself_and_inside_a_word() -> None:
    """Words beside each other in one block; every code point of Unicode but surrogates."""
    points = [point for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    texts = [" ".join(f"x{chr(p)}y" for p in points[start : start + 4096]) for start in range(0, len(points), 4096)]
    for text, found in zip(texts, counted(texts), strict=True):
        assert found == analyzed(text)


def test_blocks_follow_each_other() -> None:
    texts = [f"story number{number} of the archive" for number in range(50)]
    whole = counted(texts)
    assert counted(texts, block=7) == whole
    sliced = [pa.array(["cut off", *texts[:20]], pa.large_string()).slice(1), pa.array(texts[20:], pa.large_string())]
    assert [Counter(dict.fromkeys(row, 1)) for row in counted(iter(sliced))] == whole


@given(st.lists(st.text(st.sampled_from("ab cd é\n"), max_size=60), max_size=12))
@settings(max_examples=100)
def test_weights_have_the_bits_of_scikit_learn(texts: list[str]) -> None:
    vectorizer = TfidfVectorizer(sublinear_tf=True, stop_words="english", dtype=np.float32)
    model, found = Tfidf.fit(texts)
    try:
        wanted = vectorizer.fit_transform(texts).tocsr()
    except ValueError:  # not a single term
        assert model.terms == []
        assert found.shape == (len(texts), 0)
        return
    wanted.sort_indices()
    assert model.terms == vectorizer.get_feature_names_out().tolist()
    np.testing.assert_array_equal(model.idf, vectorizer.idf_)
    for matrix in (found, model.transform(texts)):
        assert matrix.dtype == np.float32
        assert matrix.has_sorted_indices
        for part in ("indptr", "indices", "data"):
            np.testing.assert_array_equal(getattr(matrix, part), getattr(wanted, part))
    unknown = model.transform(["zebra", *texts])
    assert unknown[0].nnz == 0
    np.testing.assert_array_equal(unknown[1:].toarray(), found.toarray())
