"""Which arithmetic a model runs in, and what decides the bits of its vectors."""

from __future__ import annotations

from typing import Literal

from recommender.hardware import bfloat16_unit

Precision = Literal["float32", "bfloat16"]


def choose_precision(wanted: Literal["auto", "float32", "bfloat16"]) -> Precision:
    """What is asked for; "auto" is bfloat16 where the processor multiplies it in hardware, else float32.

    It depends on the processor alone, never on a measured time, so that equal machines agree. Half precision
    keeps more than .995 of the nearest ten; eight-bit integers do not, and emulated half precision is slower.

    Examples
    --------
    >>> choose_precision("float32")
    'float32'
    """
    if wanted == "auto":
        return "bfloat16" if bfloat16_unit() else "float32"
    return wanted


def arithmetic(precision: Precision) -> str:
    """Everything beside model and text that decides about the bits: precision, runtime, instruction set.

    Examples
    --------
    >>> arithmetic("float32").partition("|")[0], arithmetic("float32") == arithmetic("bfloat16")
    ('float32', False)
    """
    import torch

    unit = bfloat16_unit() if precision == "bfloat16" else ""
    return "|".join([precision, torch.__version__.partition("+")[0], torch.backends.cpu.get_cpu_capability(), unit])
