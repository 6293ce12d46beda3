"""Stacking: one density made of several, with weights that are fitted to samples that none of them has seen."""

from __future__ import annotations

import torch
from torch import Tensor

STEPS = 200
"""Steps of EM; the problem is concave, and later steps gain nothing that matters."""


def weights(log_density_NK: Tensor) -> Tensor:
    r"""Return the weights w of the mixture :math:`\sum_k w_k g_k` with the highest density of N samples, ``[K]``.

    EM from equal weights. Each density counts as one more sample (a Dirichlet prior of 2), so no weight is 0 and few
    samples do not decide alone. Any weights give a density; good ones give one that is nearly as good as the best of
    the K, or better. Reference: Smyth and Wolpert 1999, "Linearly combining density estimators via stacking".

    Args:
        log_density_NK: log g_k(z_i) at samples z_i that the K densities were not fitted to.

    >>> better, worse = torch.zeros(98), torch.full((98,), -50.0)
    >>> weights(torch.stack([better, worse], 1)).tolist()
    [0.99, 0.01]
    """
    log_density_NK = log_density_NK.double()
    texts, count = log_density_NK.shape
    found_K = torch.full((count,), 1 / count, dtype=torch.float64)
    for _ in range(STEPS):
        shares_NK = (log_density_NK + found_K.log()).softmax(1)
        found_K = (shares_NK.sum(0) + 1) / (texts + count)
    return found_K


def log_density(log_density_NK: Tensor, weights_K: Tensor) -> Tensor:
    """Log density of the mixture, ``[N]``.

    >>> log_density(torch.tensor([[0.0, 2.0]]), torch.tensor([1.0, 0.0])).item()
    0.0
    """
    return (log_density_NK.double() + weights_K.log()).logsumexp(1)
