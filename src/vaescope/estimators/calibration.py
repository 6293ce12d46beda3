"""Calibration: whether probability integral transforms are uniform, with bands that hold for the whole curve.

If q(z|x) is the model's posterior, the transform u = Phi((z - mean)/std) of the z that made a text is uniform
(simulation-based calibration: Talts et al. 2018, arXiv:1804.06788).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import stats

from vaescope.randomness import numpy_stream

LEVELS = (0.5, 0.8, 0.9, 0.95)
"""Nominal coverages that are reported."""
_POINTS = 100
_SIMULATIONS = 1_000


def gamma(values: np.ndarray) -> np.ndarray:
    r"""Largest deviation of the empirical distribution of M values from uniform, as a probability, ``[M, Q] -> [Q]``.

    With R(t) the number of values up to t, gamma = 2 min_t min{P(B <= R(t)), P(B >= R(t))}, B ~ Binomial(M, t): small
    if the curve is anywhere improbable under the binomial distribution (Säilynoja, Bürkner, Vehtari 2022,
    arXiv:2103.10522).
    """
    counts_PQ, grid_P1 = _counts(values)
    below = stats.binom.cdf(counts_PQ, len(values), grid_P1)
    above = stats.binom.sf(counts_PQ - 1, len(values), grid_P1)
    return 2 * np.minimum(below, above).min(0)


def uniformity(values: np.ndarray) -> np.ndarray:
    """P-value of each column against uniform, ``[M, Q] -> [Q]``, by simulating gamma under the null.

    >>> uniform = np.random.default_rng(0).uniform(size=(200, 1))
    >>> uniformity(uniform)[0] > 0.05, uniformity(uniform**2)[0] < 0.01
    (np.True_, np.True_)
    """
    null = _null(len(values))
    return (1 + (null[:, None] <= gamma(values)).sum(0)) / (1 + _SIMULATIONS)


def band(count: int, level: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grid, and a band that contains the whole empirical distribution of ``count`` uniform values."""
    critical = np.quantile(_null(count), 1 - level)
    grid = _grid()
    low = stats.binom.ppf(critical / 2, count, grid) / count
    high = stats.binom.ppf(1 - critical / 2, count, grid) / count
    return grid, low, high


def central_coverage(values: np.ndarray, level: float) -> np.ndarray:
    """Share of each row's values inside the central interval of a level, ``[M, Q] -> [M]``.

    For a Gaussian whose variance is r times the true one, the coverage is 2 Phi(z sqrt r) - 1.
    """
    return (np.abs(2 * values - 1) <= level).mean(1)


@cache
def _null(count: int) -> np.ndarray:
    """Gamma of ``_SIMULATIONS`` samples of ``count`` uniform values."""
    return gamma(numpy_stream(0, "null of calibration").uniform(size=(count, _SIMULATIONS)))


def _grid() -> np.ndarray:
    return np.arange(1, _POINTS) / _POINTS


def _counts(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    grid = _grid()
    ordered = np.sort(values, axis=0)
    counts = np.stack([np.searchsorted(column, grid, side="right") for column in ordered.T], 1)
    return counts, grid[:, None]
