from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given as given_examples
from hypothesis import strategies as st

from recommender import (
    EmbedderError,
    GivenVectors,
    Recommender,
    SentenceTransformerEmbedder,
    Settings,
    SettingsError,
    TfidfSvdEmbedder,
    precompute,
)
from recommender.articles.article import Article, to_table
from recommender.embedders import Embedder, make_embedder
from recommender.embedders.protocol import vector_space
from recommender.embedders.sentence import DEFAULT_MODEL_SHA256, _locate
from recommender.features.vectors import SCALE, quantise
from recommender.ranking.ranker import Ranker, find_ranker
from recommender.reading.read import read_articles
from recommender.settings import EmbeddingSettings
from tests.conftest import NEWSROOM

TABLE = read_articles(NEWSROOM)[0].slice(0, 24)


def given() -> GivenVectors:
    rng = np.random.default_rng(0)
    return GivenVectors({article_id: rng.normal(size=12) for article_id in TABLE["id"].to_pylist()})


def aligned() -> GivenVectors:
    ids = TABLE["id"]
    return GivenVectors.aligned(ids, quantise(np.random.default_rng(0).normal(size=(len(ids), 12))))


EMBEDDERS: dict[str, Callable[[], Embedder]] = {
    "minilm-lead": lambda: SentenceTransformerEmbedder(EmbeddingSettings(tokens=32)),
    "minilm-chunks": lambda: SentenceTransformerEmbedder(
        EmbeddingSettings(text="chunks", chunk_words=60, chunk_stride=50)
    ),
    "tfidf": TfidfSvdEmbedder,
    "given": given,
    "aligned": aligned,
}


@pytest.fixture(scope="module", params=EMBEDDERS, name="embedder")
def embedder_(request: pytest.FixtureRequest) -> Embedder:
    made = EMBEDDERS[request.param]()
    made.fit(TABLE)
    return made


@pytest.fixture(scope="module")
def vectors(embedder: Embedder) -> np.ndarray:
    """Of all texts together."""
    return embedder.encode(embedder.prepare(TABLE))


class TestContract:
    """What holds for every embedder."""

    def test_one_unit_vector_a_text(self, vectors: np.ndarray) -> None:
        assert vectors.dtype == np.int16
        assert len(vectors) == len(TABLE)
        length = np.linalg.norm(vectors.astype(float), axis=1)
        assert np.all(np.abs(length - SCALE) < 0.5 * np.sqrt(vectors.shape[1]))

    def test_same_bits_alone_in_a_batch_and_in_any_order(self, embedder: Embedder, vectors: np.ndarray) -> None:
        texts = embedder.prepare(TABLE)
        for row in (0, 7, 23):
            assert np.array_equal(embedder.encode([texts[row]])[0], vectors[row])
        assert np.array_equal(embedder.encode(texts[::-1])[::-1], vectors)

    def test_no_text_no_vector(self, embedder: Embedder) -> None:
        assert embedder.encode([]).shape[0] == 0

    def test_preparation_does_not_depend_on_the_company(self, embedder: Embedder) -> None:
        assert embedder.prepare(TABLE.slice(3, 1)) == [embedder.prepare(TABLE)[3]]

    def test_what_was_learned_survives_a_round_trip(
        self, embedder: Embedder, vectors: np.ndarray, tmp_path: Path, request: pytest.FixtureRequest
    ) -> None:
        names = embedder.save(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == set(names)
        again = EMBEDDERS[request.node.callspec.params["embedder"]]()
        again.load(tmp_path)
        few = TABLE.slice(0, 4)  # each text has the same bits in any company, as another test says
        assert np.array_equal(again.encode(embedder.prepare(few)), vectors[:4])


def story(title: str = "T", body: str = "") -> pa.Table:
    return to_table([Article(id="x", title=title, body=body)])


def test_a_change_below_the_token_budget_leaves_the_text_alone() -> None:
    embedder = SentenceTransformerEmbedder(EmbeddingSettings(tokens=16))
    body = " ".join(f"word{i}" for i in range(400))
    assert embedder.prepare(story(body=body)) == embedder.prepare(story(body=body + " and more"))
    assert embedder.prepare(story(body=body)) != embedder.prepare(story(body="new " + body))


def test_minilm_is_the_model_and_agrees_with_the_library() -> None:
    from sentence_transformers import SentenceTransformer

    embedder = SentenceTransformerEmbedder(EmbeddingSettings(tokens=64))
    texts = embedder.prepare(TABLE)
    model = SentenceTransformer(_locate("all-MiniLM-L6-v2"), device="cpu")
    model.max_seq_length = 64
    expected = model.encode(texts, normalize_embeddings=True)
    found = embedder.encode(texts) / SCALE
    assert np.abs((found * expected).sum(axis=1) - 1).max() < 2e-3


def test_the_carried_weights_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = (Path(_locate("all-MiniLM-L6-v2")) / "model.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == DEFAULT_MODEL_SHA256
    monkeypatch.setattr("recommender.embedders.sentence.DEFAULT_MODEL_SHA256", "0" * 64)
    for ask in (lambda one: one.fingerprint, lambda one: one.calibration, lambda one: one.encode(["a ferry"])):
        with pytest.raises(EmbedderError, match=r"damaged.*reinstall"):
            ask(SentenceTransformerEmbedder())


def test_a_copied_folder_with_the_same_weights_shares_the_cache_key(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").symlink_to(Path(_locate("all-MiniLM-L6-v2")) / "model.safetensors")
    by_path = SentenceTransformerEmbedder(EmbeddingSettings(model=str(tmp_path)))
    assert by_path.fingerprint == SentenceTransformerEmbedder().fingerprint
    assert by_path.languages == {"en"}


def test_fingerprint_changes_with_the_preparation() -> None:
    settings = [EmbeddingSettings(), EmbeddingSettings(tokens=65), EmbeddingSettings(text="chunks")]
    assert len({SentenceTransformerEmbedder(one).fingerprint for one in settings}) == 3


def test_vectors_of_two_precisions_have_other_fingerprints() -> None:
    single, half = (
        SentenceTransformerEmbedder(EmbeddingSettings(precision=one)).fingerprint for one in ("float32", "bfloat16")
    )
    assert single != half


def test_kernels_round_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """With oneDNN and with MKL, whichever this processor would take."""
    found = []
    for lags in (False, True):
        monkeypatch.setattr("recommender.embedders.precision.mkl_uses_half_registers", lambda lags=lags: lags)
        embedder = SentenceTransformerEmbedder(EmbeddingSettings(tokens=32))
        found.append((embedder.fingerprint, embedder.encode(embedder.prepare(TABLE)).astype(int)))
    assert found[0][0] != found[1][0]
    assert np.abs(found[0][1] - found[1][1]).max() <= 2


def test_half_precision_keeps_the_direction_and_the_bits_in_any_company(monkeypatch: pytest.MonkeyPatch) -> None:
    """Emulated, in small batches since that is slow, where the processor has no bfloat16."""
    monkeypatch.setattr("recommender.embedders.batches.BATCH_TOKENS", 128)
    single, half = (
        SentenceTransformerEmbedder(EmbeddingSettings(tokens=16, precision=one)) for one in ("float32", "bfloat16")
    )
    texts = single.prepare(TABLE)
    exact, rounded = single.encode(texts).astype(float), half.encode(texts)
    assert np.abs(exact - rounded).max() > 1  # it is another arithmetic
    assert ((exact * rounded).sum(axis=1) / SCALE**2).min() > 0.998
    for row in (0, 7, 23):
        assert np.array_equal(half.encode([texts[row]])[0], rounded[row])


@pytest.mark.parametrize("model", ["/nowhere/model", "./nowhere"])
def test_a_missing_model_folder_is_named(model: str) -> None:
    with pytest.raises(EmbedderError, match="nowhere"):
        SentenceTransformerEmbedder(EmbeddingSettings(model=model))


def test_an_unreachable_hub_model_says_what_to_do_before_any_work() -> None:
    embedder = SentenceTransformerEmbedder(EmbeddingSettings(model="nobody/no-such-model"))
    with pytest.raises(EmbedderError, match=r"no-such-model.*tfidf"):
        embedder.encode(["text"])
    with pytest.raises(EmbedderError, match=r"no-such-model"):
        Recommender({"embedding": {"model": "nobody/no-such-model"}}).fit("no-such-file.jsonl")


def test_a_misspelt_model_is_refused_with_the_name_that_was_meant() -> None:
    with pytest.raises(EmbedderError, match=r"'tfidff', and there is no such folder; did you mean 'tfidf'\?"):
        make_embedder(EmbeddingSettings(model="tfidff"))


@pytest.mark.parametrize("run", [Recommender.fit, lambda rec, path: precompute(path, "no-such-lists", recommender=rec)])
def test_a_missing_ranker_is_told_before_any_work(run: Callable[..., object]) -> None:
    rec = Recommender({"embedding": {"model": "tfidf"}, "ranking": {"ranker": "no-such.json"}})
    with pytest.raises(SettingsError, match=r"cannot read the ranker no-such\.json"):
        run(rec, "no-such-file.jsonl")


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ({}, "no vectors"),
        ({"a": [1, 2], "b": [1]}, "one shape"),
        ({"a": [[1, 2]]}, "one shape"),
        ({"a": [1, 2], "b": [1, float("nan")]}, "'b' holds NaN"),
    ],
)
def test_unusable_given_vectors(vectors: dict[str, list[float]], message: str) -> None:
    with pytest.raises(EmbedderError, match=message):
        GivenVectors(vectors)


def test_an_article_without_a_given_vector_is_named() -> None:
    with pytest.raises(EmbedderError, match="1 articles, the first is 'b'"):
        GivenVectors({"a": [1.0]}).encode(["a", "b"])


@given_examples(
    st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1), min_size=1, unique=True)
)
def test_aligned_vectors_answer_as_given_ones_do(ids: list[str]) -> None:
    vectors = np.random.default_rng(0).normal(size=(len(ids), 3))
    by_order, by_id = GivenVectors.aligned(ids, quantise(vectors)), GivenVectors(dict(zip(ids, vectors, strict=True)))
    assert np.array_equal(by_order.encode(ids), quantise(vectors))
    assert np.array_equal(by_order.encode(ids[::-2]), by_id.encode(ids[::-2]))


CHUNKS = Settings.of({"embedding": {"text": "chunks"}})
WORDS_ALONE = "uses words only: `recommender learn` makes one that knows this model"


@pytest.mark.parametrize("kind", ["given", "chunks", "more tokens"])
def test_who_brings_other_vectors_hears_once_that_the_shipped_ranker_does_not_read_them(kind: str) -> None:
    own = {
        "given": lambda: Recommender(embedder=given()),
        "chunks": lambda: Recommender(CHUNKS),
        "more tokens": lambda: Recommender(Settings.of({"embedding": {"tokens": 96}})),
    }
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        rec = own[kind]().fit_table(TABLE)
    assert [WORDS_ALONE in str(one.message) for one in told if "ranker" in str(one.message)] == [True]
    shipped = rec.archive.ranker
    assert shipped is not None
    assert not shipped.embedder
    assert not any(name.startswith("embedding.") for name in shipped.features)
    Recommender(Settings.of({"ranking": {"ranker": "none"}}), embedder=given()).fit_table(TABLE)  # nothing to tell


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_default_embedder_takes_its_ranker_whatever_the_machine(precision: str) -> None:
    embedder = SentenceTransformerEmbedder(EmbeddingSettings(precision=precision))  # type: ignore[arg-type]
    ranker = find_ranker("auto", vector_space(embedder), embedder.fingerprint)
    assert ranker is not None
    assert ranker.name == "minilm-lead"
    assert ranker.embedder


def test_a_ranker_goes_with_the_vectors_that_it_was_learned_with(tmp_path: Path) -> None:
    lead, chunks = SentenceTransformerEmbedder(), SentenceTransformerEmbedder(EmbeddingSettings(text="chunks"))
    own = str(tmp_path / "own.json")
    for told in (lead.space, lead.fingerprint):  # files of earlier versions tell the fingerprint
        replace(Ranker.default("minilm-lead"), embedder=told).save(own)
        assert find_ranker(own, vector_space(lead), lead.fingerprint) is not None
        with pytest.raises(SettingsError, match=f"learned with the embedder {told}, this archive has {chunks.space}"):
            find_ranker(own, vector_space(chunks), chunks.fingerprint)
    spaces = [vector_space(one) for one in (lead, chunks, TfidfSvdEmbedder(), TfidfSvdEmbedder(64), given())]
    assert len(set(spaces)) == len(spaces)


UNIT = quantise(np.eye(2))


@pytest.mark.parametrize(
    ("ids", "vectors", "message"),
    [
        (["a"], UNIT, "1 ids and 2 vectors"),
        ([], UNIT[:0], "0 ids and 0 vectors"),
        (["a", "b"], np.eye(2), "float64 were given; expected int16"),
        (["a", "b"], UNIT[0], r"shape \(2,\)"),
        (["ä", "ä"], UNIT, "'ä' comes twice"),
    ],
)
def test_unusable_aligned_vectors(ids: list[str], vectors: np.ndarray, message: str) -> None:
    with pytest.raises(EmbedderError, match=message):
        GivenVectors.aligned(ids, vectors)


@pytest.mark.parametrize("texts", [["one"], ["a", "b", ""], ["same words"] * 3])
def test_tfidf_embeds_tiny_archives(texts: list[str]) -> None:
    table = to_table([Article(id=str(i), title=text) for i, text in enumerate(texts)])
    embedder = TfidfSvdEmbedder()
    embedder.fit(table)
    assert len(embedder.encode(embedder.prepare(table))) == len(texts)
