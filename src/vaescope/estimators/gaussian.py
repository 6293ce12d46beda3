"""Diagonal Gaussians: density, entropy and Kullback-Leibler divergence, per dimension, in nats.

Every function returns one number per dimension; ``.sum(-1)`` gives the quantity of the whole vector.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)


def log_density(z: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Log density of N(mean, std^2) at z, per dimension: -1/2 [((z - mean)/std)^2 + log 2 pi] - log std.

    >>> round(log_density(torch.zeros(1), torch.zeros(1), torch.ones(1)).item(), 4)
    -0.9189
    """
    return -0.5 * (((z - mean) / std).square() + LOG_2PI) - std.log()


def standard_log_density(z: Tensor) -> Tensor:
    """Log density of N(0, 1) at z, per dimension."""
    return -0.5 * (z.square() + LOG_2PI)


def entropy(std: Tensor) -> Tensor:
    """Differential entropy of N(., std^2), per dimension: 1/2 [log 2 pi + 1] + log std.

    >>> round(entropy(torch.ones(1)).item(), 4)
    1.4189
    """
    return 0.5 * (LOG_2PI + 1) + std.log()


def kl_to_standard(mean: Tensor, std: Tensor) -> Tensor:
    """KL(N(mean, std^2) || N(0, 1)), per dimension: 1/2 [mean^2 + std^2 - 1] - log std >= 0.

    >>> kl_to_standard(torch.tensor([1.0]), torch.tensor([1.0])).item()
    0.5
    """
    return 0.5 * (mean.square() + std.square() - 1) - std.log()


def kl_to_gaussian(mean_ND: Tensor, std_ND: Tensor, mean_D: Tensor, covariance_DD: Tensor) -> Tensor:
    """KL(N(mean_n, diag std_n^2) || N(mean, covariance)) of each n, ``[N]``.

    1/2 [tr(C^-1 V_n) + (mean_n - mean)' C^-1 (mean_n - mean) - D + log|C| - log|V_n|].

    >>> kl = kl_to_gaussian(torch.ones(1, 2), torch.ones(1, 2), torch.zeros(2), torch.eye(2))
    >>> kl.item()
    1.0
    """
    chol_DD = torch.linalg.cholesky(covariance_DD)
    inverse_diagonal_D = torch.cholesky_inverse(chol_DD).diagonal()
    whitened_DN = torch.linalg.solve_triangular(chol_DD, (mean_ND - mean_D).mT, upper=False)
    trace_N = std_ND.square() @ inverse_diagonal_D
    log_det_N = 2 * chol_DD.diagonal().log().sum() - 2 * std_ND.log().sum(-1)
    return 0.5 * (trace_N + whitened_DN.square().sum(0) - mean_D.numel() + log_det_N)


def moments_kl(mean_D: Tensor, covariance_DD: Tensor) -> float:
    """KL(N(mean, covariance) || N(0, I)) = 1/2 [tr S + m'm - D - log|S|].

    Among all distributions with these moments the Gaussian has the largest entropy, so this is a lower bound of their
    KL.

    >>> moments_kl(torch.tensor([1.0, 0.0]), torch.eye(2))
    0.5
    """
    log_det = 2 * torch.linalg.cholesky(covariance_DD).diagonal().log().sum()
    return 0.5 * (covariance_DD.trace() + mean_D.square().sum() - mean_D.numel() - log_det).item()
