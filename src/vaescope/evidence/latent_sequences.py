"""Several latents per text: K latents of D units each are kept as one vector of K D units, with K beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vaescope.errors import UserError

FLAT = {"posterior_mean": 2, "posterior_std": 2, "z": 3, "prior_z": 2}
"""Tensors with a dimension of units at their end, and their dimensions if a text has one latent."""


def joined(tensor: Tensor | None, dimensions: int) -> Tensor | None:
    """Return ``[..., K, D]`` as ``[..., K D]``; a tensor that has these dimensions already stays as it is.

    >>> joined(torch.zeros(5, 3, 2), 2).shape
    torch.Size([5, 6])
    """
    return tensor.flatten(-2) if tensor is not None and tensor.dim() == dimensions + 1 else tensor


def sequences(tensors: Mapping[str, Tensor | None]) -> tuple[dict[str, Tensor], int | None]:
    """Return the tensors of a sweep that have several latents per text, joined, and K; nothing if none has.

    Raises:
        UserError: not all of them have K latents of D units.
    """
    mean = tensors["posterior_mean"]
    if mean is None or mean.dim() != 3:
        return {}, None
    latents, size = mean.shape[1:]
    found = {}
    for name, dimensions in FLAT.items():
        tensor = tensors.get(name)
        if tensor is None:
            continue
        if tensor.dim() != dimensions + 1 or tuple(tensor.shape[-2:]) != (latents, size):
            shape = f"[..., {latents}, {size}], as 'posterior_mean' has {latents} latents of {size} units"
            raise UserError(f"'{name}': expected the shape {shape}, found {list(tensor.shape)}")
        found[name] = tensor.flatten(-2)
    return found, latents


def check_latents(metadata: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Check the number of latents, and log p of each of them.

    Raises:
        UserError: a number that does not divide the units, or log-densities that do not add up to log p(z).
    """
    given, size = metadata.get("latents", 1), tensors["posterior_mean"].shape[1]
    if isinstance(given, bool) or not isinstance(given, int) or given < 1 or size % given:
        raise UserError(
            f"metadata 'latents': expected a number of latents that divides the {size} units, found {given!r}"
        )
    each = tensors.get("log_p_z_latents")
    if each is None:
        return
    kept, texts = tensors["z"].shape[:2]
    if tuple(each.shape) != (kept, texts, given):
        raise UserError(f"'log_p_z_latents': expected the shape [{kept}, {texts}, {given}], found {list(each.shape)}")
    total_ZN, whole_ZN = each.double().sum(-1), tensors["log_p_z"][:kept].double()
    error_ZN = (total_ZN - whole_ZN).abs() - 1e-5 * each.double().abs().sum(-1)
    if error_ZN.max() > 0.05:
        sample, text = divmod(int(error_ZN.argmax()), texts)
        found, expected = total_ZN[sample, text].item(), whole_ZN[sample, text].item()
        raise UserError(
            f"'log_p_z_latents': expected log p of each latent, which add up to 'log_p_z', but in sample {sample} of "
            f"text {text} they add up to {found:.6g} instead of {expected:.6g} nats"
        )


def rates_of_latents(
    latents: int, unit_rates_NU: Tensor | None, log_q_ZNU: Tensor, log_p_ZNK: Tensor | None
) -> Tensor | None:
    """Return the rate of each latent given the ones before it, ``[N, K]``; None where the prior of each is not known.

    R_k = E [log q(z_k|x) - log p(z_k|z_1, ..., z_k-1)], in closed form for N(0, I), else over the samples.
    """
    if unit_rates_NU is not None:
        return unit_rates_NU.unflatten(1, (latents, -1)).sum(-1)
    if log_p_ZNK is None:
        return None
    log_q_ZNK = log_q_ZNU.unflatten(-1, (latents, -1)).sum(-1)
    return torch.mean(log_q_ZNK - log_p_ZNK.double(), 0)
