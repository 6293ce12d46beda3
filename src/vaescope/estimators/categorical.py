"""Categorical distributions given by log-probabilities: divergences in nats."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def jensen_shannon(log_p: Tensor, log_q: Tensor) -> Tensor:
    """1/2 KL(p || m) + 1/2 KL(q || m), m = (p + q)/2, over the last dimension; in [0, log 2], float64.

    The mean stands in the *second* place of both divergences; the other way round they are unbounded.

    >>> p, q = torch.tensor([1.0, 0.0]).log(), torch.tensor([0.0, 1.0]).log()
    >>> round(jensen_shannon(p, q).item(), 4), jensen_shannon(p, p).item()
    (0.6931, 0.0)
    """
    log_p, log_q = log_p.double(), log_q.double()
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)
    divergence = 0.5 * (_relative(log_p, log_m) + _relative(log_q, log_m))
    return divergence.clamp(0, math.log(2))


def _relative(log_p: Tensor, log_m: Tensor) -> Tensor:
    """KL(p || m); where p is 0 there is no contribution."""
    difference = torch.where(log_p == -torch.inf, 0.0, log_p - log_m)
    return (log_p.exp() * difference).sum(-1)
