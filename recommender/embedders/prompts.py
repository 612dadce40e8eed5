"""What the files of a model say about its use: what it wants before each text, and how many dimensions it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from recommender.errors import EmbedderError

_FILE = "config_sentence_transformers.json"
_OF_DOCUMENTS = ("document", "passage", "corpus")  # names that sentence-transformers gives the prompt of what is found


def conventions(located: str) -> dict[str, Any]:
    """Read what a model says about its use: `prompts`, `default_prompt_name`, `truncate_dim`; empty = nothing.

    Parameters
    ----------
    located : str
        A folder, or the hub's name.

    Raises
    ------
    EmbedderError
        If the file is damaged, or the hub does not answer.
    """
    folder = Path(located)
    path = folder / _FILE if folder.is_dir() else _downloaded(located)
    if path is None or not path.exists():
        return {}
    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise EmbedderError(f"cannot read {path}: {error}; download the model again") from error
    return found if isinstance(found, dict) else {}


def prompt_of(said: Mapping[str, Any], wanted: str | None) -> str:
    """Find the text that stands before each story.

    Parameters
    ----------
    said : mapping
        See `conventions`.
    wanted : str, optional
        A name among the model's prompts, a text that ends with a blank, or 'auto': the model's default prompt, else
        the one of documents. None = no prompt.

    Raises
    ------
    EmbedderError
        If the model has no prompt of that name.

    Examples
    --------
    >>> e5 = {"prompts": {"query": "query: ", "passage": "passage: "}}
    >>> [prompt_of(e5, wanted) for wanted in ("auto", "query", "story: ", None)]
    ['passage: ', 'query: ', 'story: ', '']
    """
    if wanted is None or wanted[-1:].isspace():
        return wanted or ""
    prompts: dict[str, str | None] = said.get("prompts") or {}
    if wanted == "auto":
        names = [said["default_prompt_name"]] if said.get("default_prompt_name") else _OF_DOCUMENTS
        return next((text for name in names if (text := prompts.get(name))), "")
    if wanted not in prompts:
        has = f"has {', '.join(sorted(prompts))}" if prompts else "has none"
        raise EmbedderError(
            f"embedding.prompt is {wanted!r}, and the model {has}; a text of your own ends with a blank"
        )
    return prompts[wanted] or ""


def _downloaded(model: str) -> Path | None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError

    try:
        return Path(hf_hub_download(model, _FILE))
    except (EntryNotFoundError, HFValidationError):  # also where there is no connection: then nothing can be loaded
        return None
    except Exception as error:  # whatever a network raises
        raise EmbedderError(f"cannot look up the model {model!r}: {str(error).partition(chr(10))[0]}") from error
