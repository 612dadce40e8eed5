"""Choose the device that a model runs on: the processor, or a GPU."""

from __future__ import annotations

from recommender.errors import EmbedderError


def choose_device(device: str, *, substitute: bool = False) -> str:
    """Return the device of a model, as PyTorch names it; 'auto' is a GPU where there is one.

    With `substitute` an available device replaces one that this machine lacks.

    Raises `EmbedderError` if the machine lacks the device.

    Examples
    --------
    >>> choose_device("cpu")
    'cpu'
    """
    if device == "cpu":
        return device
    import torch

    counts = {
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }
    kind, _, number = device.partition(":")
    if int(number or 0) < counts.get(kind, 0):
        return device
    if device == "auto" or substitute:
        return next((name for name, count in counts.items() if count), "cpu")
    raise EmbedderError(
        f"embedding.device is {device!r}, and PyTorch finds {counts[kind] or 'no'} such device here; "
        "'auto' takes what there is"
    )


def device_kind(device: str) -> str:
    """Return the kind of a device, without its number.

    Examples
    --------
    >>> device_kind("cuda:1")
    'cuda'
    """
    return device.partition(":")[0]
