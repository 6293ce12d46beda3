"""Estimate q(z) of a data set of N texts from a batch of B texts, cheaply enough for training.

For z_i drawn from q(z|x_i), with all j of the batch as components,

    log q(z_i) ~ log sum_j w_ij q(z_i|x_j)

* ``stratified``: w_ii = 1/N, w_ij = (N - 1) / (N (B - 1)). The sum is an unbiased estimate of q_N(z_i) where the other
  texts are drawn without replacement: x_i is one of the N texts and has weight 1/N; the others represent the remaining
  N - 1. (Chen et al. 2018 give one of the others another weight, with the same sum; equal weights have a smaller
  variance.) The information estimate is at most log N.
* ``weighted``: w_ij = 1 / (N B). Chen et al. 2018, equation 6: a lower bound on E log q(z), so information is
  overestimated, by log N where z carries nothing; at most log(N B). Its gradient is that of a batch.
* ``batch``: w_ij = 1 / B. E log q(z) is overestimated, so this is a lower bound of the information, at most log B.
* ``others``: w_ii = 0, w_ij = 1 / (B - 1). This is an upper bound of the information, without a ceiling (Poole et al.
  2019, On Variational Bounds of Mutual Information, for both).

By Jensen the first two underestimate log q(z) on average, so information is overestimated well below the ceiling; near
the ceiling it is limited. Do not measure with them: ``estimators.aggregate_density`` has the sums over all N texts.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vaescope.errors import UserError
from vaescope.estimators.gaussian import log_density

LARGEST_TILE = 2**22
"""Number of entries of one tile of pairwise densities."""


def stratified_log_weights(texts: int, dataset_size: int) -> Tensor:
    """log w_ij of the stratified estimate, ``[B, B]``: 1/N on the diagonal, (N - 1) / (N (B - 1)) off it.

    Raises:
        UserError: a batch of a single text.

    >>> stratified_log_weights(3, 3).exp()
    tensor([[0.3333, 0.3333, 0.3333],
            [0.3333, 0.3333, 0.3333],
            [0.3333, 0.3333, 0.3333]])
    """
    if texts < 2:
        raise UserError("estimates of q(z) need at least 2 texts in each micro-batch; raise training.batch_size")
    others = max(dataset_size, texts) - 1
    log_w_BB = torch.full((texts, texts), math.log(others / (texts - 1)) - math.log(others + 1))
    return log_w_BB.fill_diagonal_(-math.log(others + 1))


def weighted_log_weights(texts: int, dataset_size: int) -> Tensor:
    """log w_ij = -log(N B) of the weighted estimate, ``[B, B]``."""
    return torch.full((texts, texts), -math.log(dataset_size * texts))


def batch_log_weights(texts: int, dataset_size: int) -> Tensor:
    """log w_ij = -log B, the batch without correction, ``[B, B]``."""
    return torch.full((texts, texts), -math.log(texts))


def others_log_weights(texts: int, dataset_size: int) -> Tensor:
    """log w_ij of only the other texts of the batch, ``[B, B]``: -log(B - 1) off the diagonal.

    Raises:
        UserError: a batch of a single text.
    """
    if texts < 2:
        raise UserError("estimates of q(z) need at least 2 texts in each micro-batch; raise training.batch_size")
    return torch.full((texts, texts), -math.log(texts - 1)).fill_diagonal_(-math.inf)


LOG_WEIGHTS: dict[str, Callable[[int, int], Tensor]] = {
    "stratified": stratified_log_weights,
    "weighted": weighted_log_weights,
    "batch": batch_log_weights,
    "others": others_log_weights,
}
"""The estimators by name."""


def log_aggregate(z_SBD: Tensor, mean_BD: Tensor, std_BD: Tensor, *, log_w_BB: Tensor, own_SB: Tensor) -> Tensor:
    """log sum_j w_ij q(z_i|x_j), ``[S, B]``, differentiable.

    ``own_SB`` is log q(z_i|x_i), computed exactly from the noise of z; recomputing it from z would lose precision.
    Cost O(S B^2 D).
    """
    own_BB = torch.eye(len(mean_BD), dtype=torch.bool, device=mean_BD.device)
    parts = []
    for rows in _rows(z_SBD):
        pairs_SRB = log_density(z_SBD[:, rows, None], mean_BD, std_BD).sum(-1)
        pairs_SRB = torch.where(own_BB[rows], own_SB[:, rows, None], pairs_SRB)
        parts.append((pairs_SRB + log_w_BB[rows].to(pairs_SRB)).logsumexp(-1))
    return torch.cat(parts, 1)


def log_marginal_aggregate(z_SBD: Tensor, mean_BD: Tensor, std_BD: Tensor, *, log_w_BB: Tensor) -> Tensor:
    """log sum_j w_ij q(z_id|x_j) of each latent unit separately, ``[S, B, D]``, differentiable; cost O(S B^2 D)."""
    parts = []
    for rows in _rows(z_SBD):
        pairs_SRBD = log_density(z_SBD[:, rows, None], mean_BD, std_BD)
        parts.append((pairs_SRBD + log_w_BB[rows, :, None].to(pairs_SRBD)).logsumexp(-2))
    return torch.cat(parts, 1)


def _rows(z_SBD: Tensor) -> list[Tensor]:
    at_once = max(1, LARGEST_TILE // (z_SBD.numel() or 1))
    return list(torch.arange(z_SBD.shape[1], device=z_SBD.device).split(at_once))
