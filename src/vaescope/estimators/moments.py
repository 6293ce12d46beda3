"""KL of the Gaussian with the moments of an aggregate of posteriors, from a batch, robust and differentiable."""

from __future__ import annotations

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
