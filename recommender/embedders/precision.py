"""Which arithmetic a model runs in, and what decides the bits of its vectors."""

from __future__ import annotations

from typing import Any, Literal

from recommender.hardware import bfloat16_unit, mkl_lags

Precision = Literal["float32", "bfloat16"]


def prepared(transformer: Any, precision: Precision) -> Any:
    """A transformer in a precision; in float32 oneDNN multiplies where MKL would use half of the processor."""
    import torch

    transformer = transformer.to(getattr(torch, precision))
    if precision == "float32" and mkl_lags():
        from torch.utils.mkldnn import to_mkldnn

        transformer = to_mkldnn(transformer.eval())
    return transformer


def arithmetic(precision: Precision) -> str:
    """Everything beside model and text that decides about the bits: precision, runtime, instruction set.

    Examples
    --------
    >>> arithmetic("float32").partition("|")[0], arithmetic("float32") == arithmetic("bfloat16")
    ('float32', False)
    """
    import torch

    kernels = bfloat16_unit() if precision == "bfloat16" else "onednn" if mkl_lags() else "mkl"
    runtime = torch.__version__.partition("+")[0], torch.backends.cpu.get_cpu_capability()
    return "|".join([precision, *runtime, kernels])
