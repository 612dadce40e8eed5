"""Which arithmetic a model runs in, and what decides the bits of its vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

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


def bfloat16_unit() -> Literal["amx", "avx512", ""]:
    """The processor's unit for bfloat16 products; empty = none that PyTorch uses.

    Every x86 processor with 16-bit floats of the other kind (AVX512-FP16, AMX-FP16) has one of these too.
    """
    import torch

    has = _capabilities()
    if not torch.backends.mkldnn.is_available():  # the library whose kernels use these units
        return ""
    return "amx" if has.get("amx_bf16") else "avx512" if has.get("avx512_bf16") else ""


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


def _capabilities() -> Mapping[str, object]:
    """Processor features by name; PyTorch before 2.11 has them as private functions, where it has them at all."""
    import torch

    if hasattr(torch.cpu, "get_capabilities"):
        found: Mapping[str, object] = torch.cpu.get_capabilities()
        return found
    tests = {"amx_bf16": "_is_amx_tile_supported", "avx512_bf16": "_is_avx512_bf16_supported"}
    return {name: getattr(torch.cpu, test)() for name, test in tests.items() if hasattr(torch.cpu, test)}
