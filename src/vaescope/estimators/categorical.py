"""Categorical distributions given by logits or log-probabilities: draws, and divergences in nats."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def jensen_shannon(log_p: Tensor, log_q: Tensor) -> Tensor:
    """1/2 KL(p || m) + 1/2 KL(q || m), m = (p + q)/2, over the last dimension; in [0, log 2], float64.

    The mean m is the *second* argument of both divergences; as the first argument the divergence is unbounded.

    >>> p, q = torch.tensor([1.0, 0.0]).log(), torch.tensor([0.0, 1.0]).log()
    >>> round(jensen_shannon(p, q).item(), 4), jensen_shannon(p, p).item()
    (0.6931, 0.0)
    """
    log_p, log_q = log_p.double(), log_q.double()
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)
    divergence = 0.5 * (_relative(log_p, log_m) + _relative(log_q, log_m))
    return divergence.clamp(0, math.log(2))


def draw_categorical(p_NV: Tensor, uniform_N: Tensor) -> Tensor:
    r"""Draw one category per row, with probabilities proportional to p, by inversion of one uniform number: ``[N]``.

    The category is the first j with :math:`\sum_{i \le j} p_i > u \sum_i p_i`, found first among blocks of about
    :math:`\sqrt V` categories and then inside one, to a relative 1e-6 of the probabilities (sums of float32). The cost
    is one pass over p; drawing V exponential numbers per row, as torch.multinomial does, costs as much as a
    Transformer.

    Args:
        p_NV: probabilities, up to a factor per row; 0 for categories that are never drawn.
        uniform_N: float64 numbers in [0, 1).

    >>> draw_categorical(torch.tensor([[1.0, 0.0, 1.0]]).expand(3, 3), torch.tensor([0.0, 0.49, 0.51]).double())
    tensor([0, 0, 2])
    """
    size = p_NV.shape[-1]
    width = max(1, math.isqrt(size))
    whole = size - size % width
    blocks_NB = p_NV[:, :whole].unflatten(-1, (-1, width)).sum(-1)
    if whole < size:
        blocks_NB = torch.cat([blocks_NB, p_NV[:, whole:].sum(-1, keepdim=True)], 1)
    blocks_NB = blocks_NB.cumsum(-1, dtype=torch.float64)
    mass_N1 = uniform_N.unsqueeze(-1) * blocks_NB[:, -1:]
    block_N1 = torch.searchsorted(blocks_NB, mass_N1, right=True).clamp_(max=blocks_NB.shape[1] - 1)
    before_N1 = F.pad(blocks_NB, (1, 0)).gather(1, block_N1)
    place_NW = block_N1 * width + torch.arange(width, device=p_NV.device)
    inside_NW = p_NV.gather(1, place_NW.clamp(max=size - 1)).masked_fill(place_NW >= size, 0)
    inside_NW = inside_NW.cumsum(-1, dtype=torch.float64)
    # where rounding leaves the mass at the end of the block, it is that of the last category that has any
    last_N1 = (inside_NW < inside_NW[:, -1:]).sum(-1, keepdim=True)
    place_N1 = torch.searchsorted(inside_NW, mass_N1 - before_N1, right=True).minimum(last_N1)
    return (block_N1 * width + place_N1).squeeze(-1)


def _relative(log_p: Tensor, log_m: Tensor) -> Tensor:
    """KL(p || m); where p is 0 there is no contribution."""
    difference = torch.where(log_p == -torch.inf, 0.0, log_p - log_m)
    return (log_p.exp() * difference).sum(-1)
