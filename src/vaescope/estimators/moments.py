"""Moments of an aggregate of posteriors: the KL of the Gaussian that has them, and the skewness of squares."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def moments_kl_of_batch(mean_BD: Tensor, std_BD: Tensor) -> Tensor:
    r"""KL(N(m, S) || N(0, I)) with m = mean mu_i and S = V + Cov(mu), V = mean diag std_i^2, a scalar.

        1/2 [tr S + m'm - D - log|S|],    log|S| = log|V| + sum_k log(1 + s_k^2)

    with s_k the singular values of the centred means, scaled by V^-1/2 / sqrt(B - 1), which avoids cancellation for
    very narrow posteriors. a_k = s_k^2 / (1 + s_k^2) are the eigenvalues of S^-1 Cov(mu), which give the first-order
    bias of a finite batch: (sum a_k^2 + (sum a_k)^2) / (4 (B - 1)) from the determinant and tr Cov(mu) / (2 B) from the
    mean. After the correction the bias is of order (D / B)^2.

    >>> moments_kl_of_batch(torch.zeros(4, 2), torch.ones(4, 2)).item()
    0.0
    """
    texts = mean_BD.shape[0]
    mean_BD, variance_D = mean_BD.double(), std_BD.double().square().mean(0)
    m_D = mean_BD.mean(0)
    centred_BD = (mean_BD - m_D) / (texts - 1) ** 0.5
    spread = centred_BD.square().sum()
    squares_K = torch.linalg.svdvals(centred_BD * variance_D.rsqrt()).square()
    log_det = variance_D.log().sum() + squares_K.log1p().sum()
    share_K = squares_K / (1 + squares_K)
    bias = (share_K.square().sum() + share_K.sum().square()) / (4 * (texts - 1)) + spread / (2 * texts)
    return 0.5 * (variance_D.sum() + spread + m_D.square().sum() - m_D.numel() - log_det) - bias


def skewness_of_squares(values_ND: Tensor) -> float:
    """Skewness of |x|^2 for Gaussian x of the covariance of the values: of sum_d l_d e_d^2, e ~ N(0, I).

    sqrt(8) for one unit and less for more units. So are rates, which grow with the square of the posterior mean, where
    q(z) is Gaussian.

    >>> import torch
    >>> round(skewness_of_squares(torch.tensor([[1.0], [-1.0]])), 3), skewness_of_squares(torch.zeros(2, 1))
    (2.828, 0.0)
    """
    values_ND = values_ND.double()
    spread_D = torch.linalg.svdvals(values_ND - values_ND.mean(0)).square()
    if spread_D.max() == 0:
        return 0.0
    spread_D = spread_D / spread_D.max()
    return math.sqrt(8) * (spread_D.pow(3).sum() / spread_D.square().sum().pow(1.5)).item()
