"""What stands before a text, how many dimensions are kept, and where a model runs."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from recommender import EmbedderError, SentenceTransformerEmbedder, Settings, SettingsError
from recommender.embedders.devices import choose_device
from recommender.embedders.prompts import choose_prompt
from recommender.embedders.sentence import _locate
from recommender.features.vectors import SCALE
from recommender.reading.read import read_articles
from recommender.settings import EmbeddingSettings
from tests.conftest import NEWSROOM

TABLE = read_articles(NEWSROOM)[0].slice(0, 24)
CONVENTIONS = "config_sentence_transformers.json"
EMBEDDER = SentenceTransformerEmbedder()


def folder_of_model(at: Path, says: object) -> str:
    """Make a folder of the default model whose own files say something about its use."""
    at.mkdir()
    for path in Path(_locate("all-MiniLM-L6-v2")).iterdir():
        if path.name != CONVENTIONS:
            (at / path.name).symlink_to(path)
    (at / CONVENTIONS).write_text(says if isinstance(says, str) else json.dumps(says))
    return str(at)


def test_a_model_reads_its_own_prompt_before_each_story(tmp_path: Path) -> None:
    model = folder_of_model(tmp_path / "e5", {"prompts": {"query": "query: ", "passage": "passage: "}})
    plain = SentenceTransformerEmbedder(EmbeddingSettings(model=model, prompt=None))
    texts = plain.prepare(TABLE.slice(0, 4))
    made = {}
    for prompt, text in (("auto", "passage: "), ("query", "query: "), ("tell: ", "tell: ")):
        embedder = SentenceTransformerEmbedder(EmbeddingSettings(model=model, prompt=prompt, tokens=128))
        by_hand = SentenceTransformerEmbedder(EmbeddingSettings(model=model, prompt=None, tokens=160))
        made[embedder.fingerprint] = embedder.encode(texts)
        assert np.array_equal(made[embedder.fingerprint], by_hand.encode([text + one for one in texts]))
        assert embedder.space != plain.space
        assert not embedder.calibration
    assert len(made) == 3
    assert (plain.fingerprint, plain.space) == (EMBEDDER.fingerprint, EMBEDDER.space)
    assert np.array_equal(plain.encode(texts), EMBEDDER.encode(texts))


def test_a_prompt_takes_no_token_from_the_story(tmp_path: Path) -> None:
    prompt = "a long line about what is wanted of the story that follows: "
    model = folder_of_model(tmp_path / "long", {"prompts": {"say": prompt}, "default_prompt_name": "say"})
    embedder = SentenceTransformerEmbedder(EmbeddingSettings(model=model, tokens=8))
    with_end, without = embedder.encode(["one two three four five six", "one two three four five"])
    assert not np.array_equal(with_end, without)


def test_the_library_encodes_with_the_default_prompt_and_dimensions_alike(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    says = {"prompts": {"query": "query: "}, "default_prompt_name": "query", "truncate_dim": 64}
    model = folder_of_model(tmp_path / "both", says)
    embedder = SentenceTransformerEmbedder(EmbeddingSettings(model=model))
    texts = [text[:80] for text in embedder.prepare(TABLE)]
    expected = SentenceTransformer(model, device="cpu").encode(texts, normalize_embeddings=True)
    found = embedder.encode(texts) / SCALE
    assert found.shape == expected.shape == (len(texts), 64)
    assert np.abs((found * expected).sum(axis=1) - 1).max() < 2e-3


@pytest.mark.parametrize("text", ["lead", "chunks"])
def test_the_first_dimensions_are_kept_and_are_unit_vectors_of_another_space(text: Literal["lead", "chunks"]) -> None:
    whole = SentenceTransformerEmbedder(EmbeddingSettings(text=text))
    short = SentenceTransformerEmbedder(EmbeddingSettings(text=text, truncate_dim=32))
    texts = [one.split("\x1f")[0] for one in whole.prepare(TABLE)]
    cut = whole.encode(texts).astype(float)[:, :32]
    assert np.abs(short.encode(texts) - SCALE * cut / np.linalg.norm(cut, axis=1, keepdims=True)).max() < 4
    assert short.fingerprint != whole.fingerprint
    assert short.space != whole.space
    assert whole.calibration
    assert not short.calibration


def test_a_prompt_that_the_model_has_not_is_named_with_those_that_it_has(tmp_path: Path) -> None:
    model = folder_of_model(tmp_path / "e5", {"prompts": {"query": "query: ", "passage": "passage: "}})
    with pytest.raises(EmbedderError, match="'passsage', and the model has passage, query"):
        _ = SentenceTransformerEmbedder(EmbeddingSettings(model=model, prompt="passsage")).fingerprint
    with pytest.raises(EmbedderError, match="'query', and the model has none"):
        _ = SentenceTransformerEmbedder(EmbeddingSettings(prompt="query")).space
    with pytest.raises(EmbedderError, match=f"{CONVENTIONS}.*download"):
        _ = SentenceTransformerEmbedder(EmbeddingSettings(model=folder_of_model(tmp_path / "torn", '{"prom'))).space


@pytest.mark.parametrize(
    ("said", "wanted", "found"),
    [
        ({"prompts": {"query": "q: ", "passage": "p: "}, "default_prompt_name": "query"}, "auto", "q: "),
        ({"prompts": {"query": "q: ", "document": "", "passage": "p: "}}, "auto", "p: "),  # as the library saves e5
        ({"prompts": {"query": "q: ", "document": None}}, "auto", ""),
        ({"prompts": {"query": "q: "}}, "auto", ""),
        ({"prompts": {"query": None}}, "query", ""),
        ({"prompts": None}, "auto", ""),
        ({}, "auto", ""),
        ({}, None, ""),
        ({}, "own: ", "own: "),
    ],
)
def test_the_prompt_is_the_default_or_that_of_documents(said: dict[str, Any], wanted: str | None, found: str) -> None:
    assert choose_prompt(said, wanted) == found


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let PyTorch find GPUs, without any arithmetic of theirs."""

    def have(cuda: int = 0, mps: bool = False, name: str = "G1") -> None:
        monkeypatch.setattr("torch.cuda.is_available", lambda: cuda > 0)
        monkeypatch.setattr("torch.cuda.device_count", lambda: cuda)
        monkeypatch.setattr("torch.cuda.get_device_name", lambda device: name)
        monkeypatch.setattr("torch.backends.mps.is_available", lambda: mps)

    return have


def test_a_gpu_is_taken_where_there_is_one(gpus: Callable[..., None]) -> None:
    gpus()
    assert choose_device("auto") == "cpu"
    gpus(cuda=2)
    assert [choose_device(wanted) for wanted in ("auto", "cuda", "cuda:1", "cpu")] == ["cuda", "cuda", "cuda:1", "cpu"]
    with pytest.raises(EmbedderError, match=r"'cuda:2', and PyTorch finds 2 such"):
        choose_device("cuda:2")
    gpus(mps=True)
    assert [choose_device("auto"), choose_device("mps"), choose_device("cuda", substitute=True)] == [
        "mps",
        "mps",
        "mps",
    ]
    with pytest.raises(EmbedderError, match=r"'cuda', and PyTorch finds no such.*'auto'"):
        _ = SentenceTransformerEmbedder(EmbeddingSettings(device="cuda")).fingerprint


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "mps:1", ""])
def test_a_device_is_one_that_pytorch_may_have(device: str) -> None:
    with pytest.raises(SettingsError, match=r"embedding\.device"):
        Settings.of({"embedding": {"device": device}})


def test_vectors_of_two_devices_have_other_fingerprints_and_one_space(gpus: Callable[..., None]) -> None:
    made = []
    for has in ({}, {"cuda": 1}, {"cuda": 1, "name": "G2"}, {"mps": True}):
        gpus(**has)
        made.append(SentenceTransformerEmbedder())
        assert made[-1].fingerprint
    assert len({one.fingerprint for one in made}) == 4
    assert len({one.space for one in made}) == 1
    gpus(cuda=1)
    assert SentenceTransformerEmbedder(EmbeddingSettings(device="cpu")).fingerprint == made[0].fingerprint


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_draft_is_embedded_on_another_device_than_its_archive_with_one_warning(
    device: str, gpus: Callable[..., None], tmp_path: Path
) -> None:
    gpus(cuda=1)
    settings = EmbeddingSettings(device=device)
    assert SentenceTransformerEmbedder(settings).save(tmp_path) == ["embedder.json"]
    gpus()
    embedder = SentenceTransformerEmbedder(settings)
    embedder.load(tmp_path)
    with pytest.warns(UserWarning, match="archive was embedded on cuda, and stories are embedded on cpu"):
        embedder.encode(["a ferry"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embedder.encode(["a train"])
    (tmp_path / "again").mkdir()
    embedder.save(tmp_path / "again")
    assert (tmp_path / "again" / "embedder.json").read_bytes() == (tmp_path / "embedder.json").read_bytes()


def test_who_embeds_on_the_device_of_the_archive_hears_nothing(gpus: Callable[..., None], tmp_path: Path) -> None:
    gpus()
    embedder = SentenceTransformerEmbedder()
    embedder.load(tmp_path)  # saved by an earlier version: on the processor
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embedder.encode(["a ferry"])
