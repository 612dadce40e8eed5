"""Batches of fixed shapes, with a tokenizer and a model whose answers are known."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.compute.hardware import bfloat16_unit
from recommender.embedders import precision
from recommender.embedders.batches import BATCH_TOKENS, BUCKET, embed
from recommender.embedders.precision import arithmetic

TEXTS = st.lists(st.text("abc", max_size=40), max_size=300)


class Model:
    """One token a letter; the vector of a text is (sum, number) of its letters. Notes what it is given."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, int]] = []
        self.padded: list[set[bool]] = []
        self.tokenised: list[str] = []
        self.threads: set[int] = set()
        self.ahead = 0
        self._lock = threading.Lock()

    def tokenise(self, texts: list[str]) -> dict[str, Any]:
        with self._lock:
            self.tokenised += texts
            self.ahead = max(self.ahead, len(self.tokenised) - sum(rows for rows, _ in self.shapes))
        width = max(map(len, texts))
        ids = torch.tensor([[ord(letter) for letter in text] + [0] * (width - len(text)) for text in texts])
        ids = ids.reshape(len(texts), width).long()
        return {"input_ids": ids, "attention_mask": (ids > 0).long(), "modality": "text"}

    def forward(self, batch: dict[str, Any]) -> np.ndarray:
        ids, mask = batch["input_ids"], batch["attention_mask"]
        assert batch["modality"] == "text"
        with self._lock:
            self.shapes.append(tuple(ids.shape))
            self.padded.append(set((mask.sum(1) < mask.shape[1]).tolist()))
            self.threads.add(torch.get_num_threads())
        return torch.stack([(ids * mask).sum(1), mask.sum(1)], dim=1).float().numpy()

    def embed(self, texts: list[str]) -> np.ndarray:
        return embed(texts, self.tokenise, self.forward, 2)


@settings(deadline=None)
@given(TEXTS)
def test_each_text_gets_its_vector_from_batches_of_fixed_shapes(texts: list[str]) -> None:
    model = Model()
    found = model.embed(texts)
    assert found.tolist() == [[sum(map(ord, text)), len(text)] for text in texts]
    assert sorted(model.tokenised) == sorted(set(texts))
    assert all(rows == BATCH_TOKENS // length and length % BUCKET == 0 for rows, length in model.shapes)
    assert all(len(kinds) == 1 for kinds in model.padded), "masked and unmasked texts in one batch"


def test_a_text_longer_than_the_budget_passes_alone() -> None:
    model = Model()
    assert model.embed(["a" * (BATCH_TOKENS + 1)])[0, 1] == BATCH_TOKENS + 1
    assert model.shapes == [(1, BATCH_TOKENS + BUCKET)]


def test_texts_are_tokenised_as_they_are_needed() -> None:
    model = Model()
    model.embed([f"{number:b}".replace("0", "a").replace("1", "b").rjust(16, "c") for number in range(8000)])
    assert len(model.tokenised) == 8000
    assert model.ahead < 2000


def test_workers_have_one_thread_and_the_process_gets_its_threads_back() -> None:
    before = torch.get_num_threads()
    model = Model()
    model.embed(["a", "b"])
    assert model.threads == {1}
    assert torch.get_num_threads() == before

    def broken(batch: object) -> np.ndarray:
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        embed(["a"], model.tokenise, broken, 2)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("features", "unit"),
    [
        ({}, ""),
        ({"avx2": True, "avx512_f": True}, ""),
        ({"avx512_bf16": True}, "avx512"),
        ({"avx512_bf16": True, "amx_bf16": True, "amx_fp16": True}, "amx"),
    ],
)
@pytest.mark.parametrize("public", [True, False])
def test_the_unit_is_that_of_the_processor(
    features: Mapping[str, bool], unit: str, public: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    if public:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features, raising=False)
    else:  # as before the public function
        monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
        for name, test in (("amx_bf16", "_is_amx_tile_supported"), ("avx512_bf16", "_is_avx512_bf16_supported")):
            monkeypatch.setattr(torch.cpu, test, lambda name=name: features.get(name, False), raising=False)
    assert bfloat16_unit() == unit


def test_an_old_runtime_without_the_questions_has_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("get_capabilities", "_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert bfloat16_unit() == ""


def test_half_precision_of_another_unit_is_another_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    names = set()
    for unit in ("amx", "avx512", ""):
        monkeypatch.setattr(precision, "bfloat16_unit", lambda unit=unit: unit)
        names |= {arithmetic("bfloat16"), arithmetic("float32")}
    assert len(names) == 4  # float32 does not depend on it
