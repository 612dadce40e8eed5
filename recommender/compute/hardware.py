"""Units of the processor for matrix products, and how memory is returned to the system."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import pyarrow as pa

_LARGE = 1 << 22  # bytes: arrays of a batch of texts or a block of lists are smaller, and reuse their memory
_KEPT_FREE = 1 << 26  # bytes of freed memory that a heap keeps
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # numbers of malloc.h


def bfloat16_unit() -> Literal["amx", "avx512", ""]:
    """Return the processor's unit for bfloat16 products; empty = none that PyTorch uses.

    Every x86 processor with 16-bit floats of the other kind (AVX512-FP16, AMX-FP16) has one of these too.

    Examples
    --------
    >>> bfloat16_unit() in ("amx", "avx512", "")
    True
    """
    import torch

    capabilities = _capabilities()
    if not torch.backends.mkldnn.is_available():  # the library whose kernels use these units
        return ""
    return "amx" if capabilities.get("amx_bf16") else "avx512" if capabilities.get("avx512_bf16") else ""


@cache
def mkl_uses_half_registers() -> bool:
    """Check whether MKL, which PyTorch multiplies with, leaves half of the processor's wide registers idle.

    It uses AVX-512 on Intel's processors alone; oneDNN, which PyTorch has as well, wherever there is AVX-512.
    """
    import torch

    cpuinfo = Path("/proc/cpuinfo")
    is_not_intel = cpuinfo.exists() and "GenuineIntel" not in cpuinfo.read_text()
    return is_not_intel and torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() == "AVX512"


def _capabilities() -> Mapping[str, object]:
    """Return processor features by name; PyTorch before 2.11 has them as private functions, if at all."""
    import torch

    if hasattr(torch.cpu, "get_capabilities"):
        capabilities: Mapping[str, object] = torch.cpu.get_capabilities()
        return capabilities
    tests = {"amx_bf16": "_is_amx_tile_supported", "avx512_bf16": "_is_avx512_bf16_supported"}
    return {name: getattr(torch.cpu, test)() for name, test in tests.items() if hasattr(torch.cpu, test)}


def keep_apart_large_memory() -> None:
    """Have the process take every piece of memory above `_LARGE` from the system, and give it back when it is freed.

    By itself glibc soon keeps pieces of up to 32 MiB that were freed between small ones that stay: over a batch job
    that is more than all that is in use. And it returns the end of its heap whenever 128 KiB are free: every layer of
    a model then gets fresh pages, which takes a sixth of the time. Threads share a heap for each core. Nothing happens
    with another C library.
    """
    if (mallopt := _glibc("mallopt")) is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_FREE)
        mallopt(_M_ARENA_MAX, os.cpu_count() or 1)


def release_memory() -> None:
    """Return freed memory to the system.

    Allocators keep what a large step has freed for the next one, which asks for pieces of other sizes.
    """
    pa.default_memory_pool().release_unused()
    if (trim := _glibc("malloc_trim")) is not None:
        trim(0)


def _glibc(name: str) -> Callable[..., object] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
