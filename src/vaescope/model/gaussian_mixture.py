"""Mixtures of diagonal Gaussians as functions of their parameters, for the priors that are such mixtures."""

from __future__ import annotations

import torch
from torch import Tensor

from vaescope.estimators import gaussian

TERMS_AT_ONCE = 2**24
"""Largest number of one-dimensional densities that exist at one time (64 MiB in float32)."""


def log_density(z: Tensor, log_weight_K: Tensor, mean_KD: Tensor, std_KD: Tensor) -> Tensor:
    r"""Return :math:`\log\sum_k w_k N(z; \mu_k, \mathrm{diag}\,\sigma_k^2)`, ``[..., D] -> [...]``.

    Differences are taken before squares, so that narrow components far from the origin lose no digits.

    >>> mean = torch.tensor([[-1.0], [1.0]])
    >>> log_density(torch.zeros(1), torch.full((2,), 0.5).log(), mean, torch.ones(2, 1))
    tensor(-1.4189)
    """
    points_ND = z.reshape(-1, 1, z.shape[-1])
    parts = points_ND.split(max(1, TERMS_AT_ONCE // mean_KD.numel()))
    log_p_N = torch.cat(
        [(log_weight_K + gaussian.log_density(part, mean_KD, std_KD).sum(-1)).logsumexp(-1) for part in parts]
    )
    return log_p_N.view(z.shape[:-1])


def sample(n: int, log_weight_K: Tensor, mean_KD: Tensor, std_KD: Tensor) -> Tensor:
    """Return n samples, ``[n, D]``: a component by its weight, then a point of it."""
    component_n = torch.multinomial(log_weight_K.exp(), n, replacement=True)
    mean_nD = mean_KD[component_n]
    return mean_nD + std_KD[component_n] * torch.randn_like(mean_nD)
