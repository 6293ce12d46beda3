"""Distances of a sample from a one-dimensional distribution, with p-values that are uniform under the null."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import stats
from torch import Tensor


def holm(p_values: Tensor) -> Tensor:
    """Holm's step-down adjustment: the smallest family-wise level at which each hypothesis is rejected.

    >>> holm(torch.tensor([0.01, 0.5, 0.02]))
    tensor([0.0300, 0.5000, 0.0400])
    """
    ordered, order = p_values.sort()
    count = len(p_values)
    adjusted = (ordered * torch.arange(count, 0, -1)).cummax(0).values.clamp_max(1)
    return torch.empty_like(adjusted).scatter(0, order, adjusted)


def kolmogorov_smirnov(
    values_N: Tensor, reference_M: Tensor | None = None, *, distribution: str = "norm", **shape: float
) -> tuple[float, float]:
    """Return distance sup |F_n - F| and p-value, against a distribution of scipy or against a second sample."""
    values = values_N.double().numpy()
    if reference_M is not None:
        result = stats.ks_2samp(values, reference_M.double().numpy())
    else:
        result = stats.ks_1samp(values, getattr(stats, distribution)(**shape).cdf)
    return float(result.statistic), float(result.pvalue)


def distance_margin(n: int, *, candidates: int = 1, level: float = 0.05) -> float:
    """Half-width of a band that holds sup |F_n - F| with probability 1 - level, whatever F is.

    Dvoretzky, Kiefer and Wolfowitz 1956, with the constant of Massart 1990; ``candidates`` is the number of bands
    that hold together (Bonferroni).

    >>> round(distance_margin(1000), 4)
    0.0429
    """
    return math.sqrt(math.log(2 * candidates / level) / (2 * n))


def nats_from_distance(distance: float) -> float:
    """KL >= 2 TV^2 >= 2 sup |F - G|^2 (Pinsker): the least KL in nats at a Kolmogorov-Smirnov distance."""
    return 2 * distance**2


def squared_wasserstein(sorted_NP: Tensor, quantiles_N: Tensor) -> Tensor:
    """Squared 2-Wasserstein distance of each sorted column to a distribution by its N mid-quantiles, ``[P]``."""
    return (sorted_NP - quantiles_N[:, None]).square().mean(0)


def normal_quantiles(n: int) -> Tensor:
    """Means of N(0, 1) in each of n cells of equal probability, ``[n]``, float64.

    With these means the squared distance misses only the variance of the distribution inside the cells;
    ``normal_quantile_spread`` returns it.
    """
    edges = stats.norm.ppf(np.linspace(0, 1, n + 1))
    density = stats.norm.pdf(edges)
    return torch.from_numpy(n * (density[:-1] - density[1:]))


def normal_quantile_spread(n: int) -> float:
    """Mean variance of N(0, 1) inside its n cells of equal probability: 1 - mean of the squared cell means."""
    return 1 - normal_quantiles(n).square().mean().item()
