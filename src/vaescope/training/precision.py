"""Precision: in what the Transformers compute; weights and log-densities stay float32."""

from __future__ import annotations

import torch


def autocast_dtype(precision: str, device: torch.device) -> torch.dtype | None:
    """Return the type of autocast for ``auto``, ``fp32`` or ``bf16`` on a device, None for none.

    ``auto`` is bfloat16 on accelerators that have it and on CPUs with AMX; other CPUs convert more than
    they gain.

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
        return torch.bfloat16 if torch.cpu.get_capabilities().get("amx_bf16", False) else None
    return None
