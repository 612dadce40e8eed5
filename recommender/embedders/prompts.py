"""Read from the files of a model how it is used: the prompt before each text, and the dimensions to keep."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from recommender.errors import EmbedderError

_FILE = "config_sentence_transformers.json"
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")  # names of the prompt of documents in sentence-transformers


def read_conventions(model: str) -> dict[str, Any]:
    """Read `prompts`, `default_prompt_name` and `truncate_dim` of the model in a folder or with a name of the hub.

    Raises `EmbedderError` if the file is damaged, or the hub does not answer.
    """
    folder = Path(model)
    path = folder / _FILE if folder.is_dir() else _download(model)
    if path is None or not path.exists():
        return {}
    try:
        conventions = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise EmbedderError(f"cannot read {path}: {error}; download the model again") from error
    return conventions if isinstance(conventions, dict) else {}


def choose_prompt(conventions: Mapping[str, Any], prompt: str | None) -> str:
    """Return the prompt that the model reads before each story.

    `prompt` is a name among the prompts of `read_conventions`, a text that ends with a blank, or 'auto': the model's
    default prompt, else its prompt of documents. None = no prompt.

    Raises `EmbedderError` if the model has no prompt of that name.

    Examples
    --------
    >>> e5 = {"prompts": {"query": "query: ", "passage": "passage: "}}
    >>> [choose_prompt(e5, prompt) for prompt in ("auto", "query", "story: ", None)]
    ['passage: ', 'query: ', 'story: ', '']
    """
    if prompt is None or prompt[-1:].isspace():
        return prompt or ""
    prompts: dict[str, str | None] = conventions.get("prompts") or {}
    if prompt == "auto":
        names = [conventions["default_prompt_name"]] if conventions.get("default_prompt_name") else _DOCUMENT_PROMPTS
        return next((text for name in names if (text := prompts.get(name))), "")
    if prompt not in prompts:
        available = f"has {', '.join(sorted(prompts))}" if prompts else "has none"
        raise EmbedderError(
            f"embedding.prompt is {prompt!r}, and the model {available}; a text of your own ends with a blank"
        )
    return prompts[prompt] or ""


def _download(model: str) -> Path | None:
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(model, _FILE))
    except LocalEntryNotFoundError as error:  # without a connection, or told not to use one
        names = (model, f"sentence-transformers/{model}") if "/" not in model else (model,)
        if any(isinstance(try_to_load_from_cache(name, "config.json"), str) for name in names):
            return None
        raise EmbedderError(
            f"there is no folder {model!r}, and a model of this name is neither on this machine nor can it be fetched; "
            "give a folder with a sentence-transformers model, or use --model tfidf"
        ) from error
    except (EntryNotFoundError, HFValidationError):
        return None
    except Exception as error:  # a network may raise anything
        raise EmbedderError(f"cannot look up the model {model!r}: {str(error).partition(chr(10))[0]}") from error
