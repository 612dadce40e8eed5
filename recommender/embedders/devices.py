"""Where a model runs: on the processor, or on a GPU where there is one."""

from __future__ import annotations

import platform

from recommender.errors import EmbedderError


def chosen(wanted: str, *, substitute: bool = False) -> str:
    """Choose the device of a model, as PyTorch names it; 'auto' takes a GPU where there is one.

    Parameters
    ----------
    wanted : str
        As in `embedding.device`.
    substitute : bool, default False
        Take what there is in the place of a device that this machine lacks.

    Raises
    ------
    EmbedderError
        If the machine lacks it.

    Examples
    --------
    >>> chosen("cpu")
    'cpu'
    """
    if wanted == "cpu":
        return wanted
    import torch

    there = {
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }
    kind, _, number = wanted.partition(":")
    if int(number or 0) < there.get(kind, 0):
        return wanted
    if wanted == "auto" or substitute:
        return next((name for name, count in there.items() if count), "cpu")
    raise EmbedderError(
        f"embedding.device is {wanted!r}, and PyTorch finds {there[kind] or 'no'} such device here; "
        "'auto' takes what there is"
    )


def kind_of(device: str) -> str:
    """Tell the kind of a device, which any number of them share.

    Examples
    --------
    >>> kind_of("cuda:1")
    'cuda'
    """
    return device.partition(":")[0]


def hardware(device: str) -> list[str]:
    """Name what decides about the bits of products on a GPU, beside PyTorch."""
    import torch

    if kind_of(device) == "cuda":
        library = torch.version.cuda or torch.version.hip or ""
        return ["cuda", library, torch.cuda.get_device_name(device)]
    return [kind_of(device), platform.mac_ver()[0], platform.machine()]
