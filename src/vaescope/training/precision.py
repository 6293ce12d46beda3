"""Precision: in what the Transformers compute; weights and log-densities stay float32."""

from __future__ import annotations

import torch


def autocast_dtype(precision: str, device: torch.device) -> torch.dtype | None:
    """Return the type of autocast for ``auto``, ``fp32`` or ``bf16`` on a device, None for none.

    ``auto`` is bfloat16 on accelerators and CPUs that multiply it in hardware (AMX, AVX512-BF16): others convert more
    than they gain.

    >>> autocast_dtype("fp32", torch.device("cpu")) is None
    True
    """
    if precision == "bf16":
        return torch.bfloat16
    if precision == "fp32":
        return None
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else None
    if device.type == "cpu":
        known = torch.cpu.get_capabilities()
        return torch.bfloat16 if known.get("amx_bf16") or known.get("avx512_bf16") else None
    return None
