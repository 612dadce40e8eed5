"""Set the precision of a model, and name the arithmetic that determines the bits of its vectors."""

from __future__ import annotations

import platform
from typing import Any, Literal

from recommender.compute.hardware import bfloat16_unit, mkl_uses_half_registers
from recommender.embedders.batches import BATCH_TOKENS
from recommender.embedders.devices import device_kind

Precision = Literal["float32", "bfloat16"]


def with_precision(transformer: Any, precision: Precision, device: str = "cpu") -> Any:
    """Convert a transformer to a precision; in float32 oneDNN multiplies where MKL would use half of the processor."""
    import torch

    transformer = transformer.to(getattr(torch, precision))
    if precision == "float32" and device == "cpu" and mkl_uses_half_registers():
        for name, module in list(transformer.eval().named_modules()):
            if type(module) is torch.nn.Linear:
                parent, _, attribute = name.rpartition(".")
                setattr(transformer.get_submodule(parent), attribute, _packed(module))
    return transformer


def _packed(linear: Any) -> Any:
    """Return a linear layer with the same input and output, whose weights are in the layout of oneDNN."""
    import torch

    class Packed(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.bias = linear.bias
            self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), BATCH_TOKENS)

        def forward(self, values: Any) -> Any:
            return torch.ops.mkldnn._linear_pointwise(values, self.weight, self.bias, "none", [], "")

    return Packed()


def arithmetic(precision: Precision, device: str = "cpu") -> str:
    """Name everything but model and text that determines the bits: precision, runtime, instruction set or GPU.

    Examples
    --------
    >>> arithmetic("float32").partition("|")[0], arithmetic("float32") == arithmetic("bfloat16")
    ('float32', False)
    """
    import torch

    kind = device_kind(device)
    if kind == "cuda":
        names = [kind, torch.version.cuda or torch.version.hip or "", torch.cuda.get_device_name(device)]
    elif kind != "cpu":
        names = [kind, platform.mac_ver()[0], platform.machine()]
    else:
        kernels = (
            bfloat16_unit() if precision == "bfloat16" else "onednn-packed" if mkl_uses_half_registers() else "mkl"
        )
        names = [torch.backends.cpu.get_cpu_capability(), kernels]
    return "|".join([precision, torch.__version__.partition("+")[0], *names])
