"""Importance weighting: the bound log mean w, effective sample sizes and the tail index of the weights.

Log weights are ``[S, N]``: S samples of each of N texts, log w = log p(x|z) + log p(z) - log q(z|x).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

CONSTANT_WEIGHTS = -1.0
"""The tail index reported for constant weights (their tail is bounded, and nothing can be fitted)."""


def log_mean_exp(log_w_SN: Tensor) -> Tensor:
    """The importance-weighted bound L_S = log 1/S sum_s w_s of each text, ``[N]``, float64; E L_S <= log p(x).

    Burda, Grosse, Salakhutdinov 2016.

    >>> log_mean_exp(torch.tensor([[0.0], [0.0]])).item()
    0.0
    """
    return log_w_SN.double().logsumexp(0) - math.log(log_w_SN.shape[0])


def effective_sample_size(log_w_SN: Tensor) -> Tensor:
    """(sum w)^2 / sum w^2 of each text, ``[N]``: S for equal weights, 1 where a single weight has all the mass.

    >>> effective_sample_size(torch.zeros(4, 1)).item()
    4.0
    """
    log_w_SN = log_w_SN.double()
    return (2 * log_w_SN.logsumexp(0) - (2 * log_w_SN).logsumexp(0)).exp()


def doubling_gain(log_w_SN: Tensor) -> Tensor:
    """L_S - L_{S/2} of each text, ``[N]``: how much the bound still increases; L_{S/2} averages the two halves.

    Near zero where the bound has converged; at S = 1 it is undefined and reported as infinite.
    """
    half = log_w_SN.shape[0] // 2
    if half == 0:
        return torch.full(log_w_SN.shape[1:], torch.inf, dtype=torch.float64)
    halves_2N = torch.stack([log_mean_exp(log_w_SN[:half]), log_mean_exp(log_w_SN[half : 2 * half])])
    return log_mean_exp(log_w_SN[: 2 * half]) - halves_2N.mean(0)


def pooled_gain(log_w_SN: Tensor) -> float:
    """What the bound would gain per text with the weights of all texts as samples of each, in nats.

    log 1/(SN) sum w/c_n - mean_n log 1/S sum_s w/c_n, with c_n the median weight of text n; at least 0. It is the
    shortfall of the bound if the weights of all texts have one shape, and finds weights so large and rare that most
    texts have seen none. Where the shapes differ it is larger than the shortfall.

    >>> rare_SN = torch.zeros(64, 1000)
    >>> rare_SN[0, :50] = 7.0  # of 64,000 weights 50 are 1,097 and the others 1
    >>> round(doubling_gain(rare_SN).mean().item(), 2), round(pooled_gain(rare_SN), 2)
    (0.06, 0.47)
    """
    centred_SN = log_w_SN.double() - log_w_SN.double().median(0).values
    return (log_mean_exp(centred_SN.reshape(-1, 1)) - log_mean_exp(centred_SN).mean()).item()


def doubling_curve(log_w_SN: Tensor) -> dict[str, float]:
    """The mean of L_K over texts for K = 1, 2, 4, ..., S, each the average over the S // K disjoint groups of K.

    >>> doubling_curve(torch.zeros(4, 1))
    {'1': 0.0, '2': 0.0, '4': 0.0}
    """
    samples, curve, size = len(log_w_SN), {}, 1
    while size <= samples:
        groups = log_w_SN[: samples // size * size].double().unflatten(0, (-1, size))
        curve[str(size)] = (groups.logsumexp(1) - math.log(size)).mean().item()
        size *= 2
    return curve


def good_tail_index(samples: int) -> float:
    """Largest tail index at which S samples are still reliable, min(1 - 1/log10 S, 0.7).

    Vehtari, Simpson, Gelman, Yao, Gabry 2024.

    >>> round(good_tail_index(64), 3), good_tail_index(10_000)
    (0.446, 0.7)
    """
    return min(1 - 1 / math.log10(samples), 0.7) if samples > 1 else -math.inf


def tail_index(log_w_SN: Tensor) -> Tensor:
    """Pareto k of the largest weights of each text, ``[N]``: the variance is finite for k < 1/2, the mean for k < 1.

    A generalised Pareto distribution is fitted to the upper min(S/5, 3 sqrt(S)) weights by the profile posterior
    mean of Zhang and Stephens 2009, with the weak prior of Vehtari et al. 2024 towards 1/2; all texts at once.
    ``CONSTANT_WEIGHTS`` if all weights are equal; infinite if S is too small for a tail of 5.
    """
    samples = log_w_SN.shape[0]
    tail = _tail_size(samples)
    if tail < 5:
        return torch.full(log_w_SN.shape[1:], torch.inf, dtype=torch.float64)
    sorted_SN = (log_w_SN.double() - log_w_SN.double().amax(0)).sort(0).values
    threshold_N = sorted_SN[-tail - 1].clamp_min(math.log(torch.finfo(torch.float64).tiny))
    exceedance_TN = sorted_SN[-tail:].exp() - threshold_N.exp()
    spread_N = exceedance_TN[-1]
    constant_N = spread_N < 1e-6
    safe_TN = torch.where(constant_N, torch.arange(1.0, tail + 1, dtype=torch.float64)[:, None], exceedance_TN)
    k_N = (tail * _pareto_shape(safe_TN) + 5) / (tail + 10)
    return torch.where(constant_N, CONSTANT_WEIGHTS, k_N)


def tail_index_error(k_N: Tensor, samples: int) -> Tensor:
    """Standard error of ``tail_index``, ``[N]``: (1 + k)/sqrt(T) of T tail weights, shrunk with k by T/(T + 10).

    Smith 1987, for k > -1/2. About 0.2 at S = 64.
    """
    tail = max(1, _tail_size(samples))
    return tail / (tail + 10) * (1 + k_N.clamp_min(-0.5)) / math.sqrt(tail)


def _tail_size(samples: int) -> int:
    return math.floor(min(samples / 5, 3 * math.sqrt(samples)))


def _pareto_shape(exceedance_TN: Tensor) -> Tensor:
    """Shape of the generalised Pareto fit to ascending exceedances (Zhang and Stephens 2009, equations 7 to 9)."""
    return torch.cat([_pareto_shape_of_few(part_TN) for part_TN in exceedance_TN.split(1000, dim=1)])


def _pareto_shape_of_few(exceedance_TN: Tensor) -> Tensor:
    tail = exceedance_TN.shape[0]
    points = 30 + math.isqrt(tail)
    grid_G1 = 1 - (points / (torch.arange(1, points + 1, dtype=torch.float64) - 0.5)).sqrt()[:, None]
    quartile_N = exceedance_TN[int(tail / 4 + 0.5) - 1].clamp_min(1e-300)
    theta_GN = grid_G1 / (3 * quartile_N) + 1 / exceedance_TN[-1]
    shape_GN = torch.log1p(-theta_GN[:, None] * exceedance_TN).mean(1)
    weight_GN = (tail * ((-theta_GN / shape_GN).log() - shape_GN - 1)).softmax(0)
    theta_N = (theta_GN * weight_GN).sum(0)
    return torch.log1p(-theta_N * exceedance_TN).mean(0)
