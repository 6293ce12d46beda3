"""Precision: the number format of the Transformers; weights and log-densities stay float32."""

from __future__ import annotations

import math

import torch

BREAK_EVEN = 1e9
"""FLOPs of a training step above which bfloat16 is faster on a CPU; below, conversions cost more than products save.

Measured with ``benchmarks/precision.py`` on an AMD EPYC with AVX512-BF16, 1 thread.
"""


def step_flops(parameters: int, tokens: float) -> float:
    """Estimate the FLOPs of a training step: 2 per weight and token forward, 4 backward."""
    return 6.0 * parameters * tokens


def autocast_dtype(precision: str, device: torch.device, *, flops: float = math.inf) -> torch.dtype | None:
    """Return the type of autocast for ``auto``, ``fp32`` or ``bf16`` on a device, None for none.

    ``auto`` is bfloat16 on accelerators that multiply it in hardware, and on CPUs that do (AMX, AVX512-BF16) where a
    step has at least ``BREAK_EVEN`` FLOPs. The choice depends on the configuration, the data and the kind of hardware,
    never on a timing.

    >>> autocast_dtype("fp32", torch.device("cpu")) is None
    True
    >>> autocast_dtype("auto", torch.device("cpu"), flops=1e6) is None
    True
    """
    if precision == "bf16":
        return torch.bfloat16
    if precision == "fp32":
        return None
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else None
    if device.type == "cpu" and flops >= BREAK_EVEN:
        known = torch.cpu.get_capabilities()
        return torch.bfloat16 if known.get("amx_bf16") or known.get("avx512_bf16") else None
    return None
