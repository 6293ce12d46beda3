"""One-dimensional kernel density estimates of the marginals of a sample."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaescope.estimators.gaussian import log_density

LARGEST_TILE = 2**22
"""Number of entries of one tile of pairwise densities."""


def log_kernel_density(z_ND: Tensor) -> Tensor:
    """Log density of each point under a kernel density estimate from the other points, by dimension, ``[N, D]``.

    Gaussian kernels of Scott's width h_d = std_d N^(-1/5), leaving the point itself out. Differentiable, including the
    widths. Cost O(N^2 D). Scott 1992.

    >>> z = torch.randn(2000, 1, generator=torch.Generator().manual_seed(0))
    >>> bool((log_kernel_density(z).mean() + 1.42).abs() < 0.05)  # minus the entropy of N(0, 1)
    True
    """
    points = z_ND.shape[0]
    # points that are equal up to rounding have no spread
    smallest_D = (torch.finfo(z_ND.dtype).eps * (1 + z_ND.detach().abs().amax(0))).square()
    width_D = z_ND.var(0).clamp_min(smallest_D).sqrt() * points ** (-0.2)
    index_N = torch.arange(points, device=z_ND.device)
    parts = []
    for rows in index_N.split(max(1, LARGEST_TILE // z_ND.numel())):
        pairs_RND = log_density(z_ND[rows, None], z_ND, width_D)
        own_RN1 = (rows[:, None] == index_N)[..., None]
        parts.append(pairs_RND.masked_fill(own_RN1, -torch.inf).logsumexp(1))
    return torch.cat(parts) - math.log(points - 1)
