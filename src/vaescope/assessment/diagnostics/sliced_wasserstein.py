"""Sliced Wasserstein: the transport distance from encodings to the prior along random directions, in latent units."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from vaescope.assessment.against_prior import RICHER_PRIOR, encodings, prior_samples
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators import goodness, jackknife
from vaescope.estimators.estimate import Estimate, quantile
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence
from vaescope.randomness import stream

DIRECTIONS, MOST, BLOCKS, NULLS, SPLITS = 64, 4000, 20, 400, 10
FEWEST = 3
"""Fewest texts for a comparison with samples of the prior: leaving one out must leave a variance."""


@dataclass(frozen=True)
class Distance:
    """The mean of W_2^2 over directions, and what bounds its root from above.

    Attributes:
        square: corrected for the noise of the sample.
        square_error: its standard error, by the jackknife over texts (and prior samples).
        plain: the root of the mean without the correction.
        plain_error: its standard error.
    """

    square: float
    square_error: float
    plain: float
    plain_error: float


def distance(draws: Draws) -> Distance:
    """The mean of W_2^2 over directions with its standard error, corrected and as it is.

    Along a direction W_2^2 = Var z + Var y + (E z - E y)^2 - 2 C, with C the covariance of the quantile functions of
    q(z) and p(z). Sorting adapts to the noise of a sample, so C comes out too small: of n samples of the prior itself
    by a known factor, which is divided out. That is right for every q(z) of the shape of the prior, wherever it lies
    and however wide it is: for N(0, I), for all Gaussian q(z). For other shapes it takes out too much. Without the
    correction the expectation is too large for every q(z), since W_2^2 is convex.
    """
    directions_DP = directions(draws.latent_size)
    z_NP = encodings(draws, most=MOST) @ directions_DP
    if draws.prior_z is None:
        return _with_errors(_replicates(z_NP, _to_normal))
    y_MP = prior_samples(draws, MOST, "sliced Wasserstein") @ directions_DP
    z_NP = z_NP[: len(y_MP) // 2]
    if len(z_NP) < FEWEST:
        raise Missing(
            f"{FEWEST} distinct texts and {2 * FEWEST} samples of the prior, without which no error can be computed: "
            "give more of both"
        )
    shares = {n: _shrinkage(y_MP, n) for n in {len(z_NP), *(len(z_NP) - size for size in _block_sizes(len(z_NP)))}}
    by_texts = _replicates(z_NP, lambda part_NP: _to_samples(part_NP, y_MP, shares[len(part_NP)]))
    by_samples = _replicates(y_MP, lambda part_MP: _to_samples(z_NP, part_MP, shares[len(z_NP)]))
    return _with_errors(by_texts, by_samples)


class SlicedWasserstein(Diagnostic):
    """sqrt(E W_2^2(theta'z, theta'z_prior)) over 64 directions theta, on at most 4,000 texts.

    For a Gaussian q(z) = N(m, S) the square is E_theta [(sqrt(theta'S theta) - 1)^2 + (theta'm)^2]. Bonneel et al.
    2015.
    A prior other than N(0, I) is given by samples, half or more of which are kept for the comparison.

    Raises:
        Missing: a prior that is given by samples, and fewer than 3 distinct texts or 6 samples.
    """

    no_truth: ClassVar[str] = "an average over its own directions; its coverage is checked along these"
    consistency = True

    @override
    def estimate(self, evidence: Evidence) -> Estimates:
        found = distance(evidence.draws)
        texts = len(encodings(evidence.draws, most=MOST))
        deviations = quantile(min(BLOCKS, texts))
        # the square is at least 0, so an estimate below it leaves the upper end as far above it as its error says
        centre, reach = max(0.0, found.square), deviations * found.square_error
        low, high = math.sqrt(max(0.0, found.square - reach)), math.sqrt(centre + reach)
        estimate = Estimate(
            value=math.sqrt(centre),
            se=(high - low) / (2 * deviations),
            unit="latent units",
            kind="interval",
            n=texts,
            low=low,
            high=max(high, found.plain + deviations * found.plain_error),
            detail={"squared": found.square, "without_correction": found.plain, "directions": DIRECTIONS},
        )
        return {"sliced_wasserstein": estimate}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the distance in standard deviations of the prior."""
        estimate = estimates["sliced_wasserstein"]
        message = f"encodings are {estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}] latent units from the "
        message += "prior along a random direction"
        rule = Rule(thresholds.wasserstein_pass, thresholds.wasserstein_fail, estimate.unit)
        return [rule.judge("sliced_wasserstein", estimate, message, next_step=RICHER_PRIOR)]


def directions(size: int) -> Tensor:
    """64 directions ``[D, P]`` (D, where there are more units) in orthonormal bases: squared shifts add up exactly."""
    generator = stream(0, "directions")
    bases = [
        torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64)).Q
        for _ in range(max(1, DIRECTIONS // size))
    ]
    return torch.cat(bases, 1)[:, :DIRECTIONS]


def _replicates(values_NP: Tensor, statistic: Callable[[Tensor], Tensor]) -> Tensor:
    """Replicates of the mean over directions of W_2^2, corrected and as it is, ``[1 + G, 2]``."""
    block_N = torch.arange(len(values_NP)) % min(BLOCKS, len(values_NP))
    parts = [values_NP, *(values_NP[block_N != block] for block in range(int(block_N.max()) + 1))]
    return torch.stack([statistic(part_NP).mean(1) for part_NP in parts])


def _with_errors(*samples: Tensor) -> Distance:
    """The distance with the errors of all samples that it depends on."""
    squares = [replicates[:, 0] for replicates in samples]
    plain = [replicates[:, 1].clamp_min(0).sqrt() for replicates in samples]
    return Distance(
        jackknife.value(squares[0]),
        math.hypot(*map(jackknife.standard_error, squares)),
        jackknife.value(plain[0]),
        math.hypot(*map(jackknife.standard_error, plain)),
    )


def _block_sizes(count: int) -> set[int]:
    return set(torch.bincount(torch.arange(count) % min(BLOCKS, count)).tolist())


def _to_normal(z_NP: Tensor) -> Tensor:
    """W_2^2 to N(0, 1) along each direction, corrected and as it is, ``[2, P]``."""
    covariance_P = (z_NP.sort(0).values * goodness.normal_quantiles(len(z_NP))[:, None]).mean(0)
    covariances_2P = torch.stack([covariance_P / _normal_shrinkage(len(z_NP)), covariance_P])
    return z_NP.square().mean(0) + 1 - 2 * covariances_2P


def _to_samples(z_NP: Tensor, y_MP: Tensor, share_P: Tensor) -> Tensor:
    """W_2^2 to the distribution of the samples y along each direction, corrected and as it is, ``[2, P]``."""
    n, m = len(z_NP), len(y_MP)
    variance_P, other_P = z_NP.var(0), y_MP.var(0)
    shift_P = (z_NP.mean(0) - y_MP.mean(0)).square() - variance_P / n - other_P / m
    covariance_P = _covariance(z_NP, y_MP[: m - n])
    return variance_P + other_P + shift_P - 2 * torch.stack([covariance_P / share_P, covariance_P])


def _covariance(z_NP: Tensor, y_RP: Tensor) -> Tensor:
    """The covariance of the quantile functions of two samples along each direction, ``[P]``."""
    sorted_NP, ordered_RP, n = z_NP.sort(0).values, y_RP.sort(0).values, len(z_NP)
    place_N = ((torch.arange(n, dtype=torch.float64) + 0.5) / n * len(y_RP) - 0.5).clamp(0, len(y_RP) - 1)
    below_N = place_N.floor().long()
    above_N = (below_N + 1).clamp_max(len(y_RP) - 1)
    quantiles_NP = torch.lerp(ordered_RP[below_N], ordered_RP[above_N], (place_N - below_N)[:, None])
    return ((sorted_NP - sorted_NP.mean(0)) * (quantiles_NP - quantiles_NP.mean(0))).mean(0)


@lru_cache(maxsize=64)
def _normal_shrinkage(n: int) -> float:
    """E of the mean product of n sorted samples of N(0, 1) with its quantiles: 1 - E W_2^2 / 2, simulated."""
    sample_NP = torch.randn(n, NULLS, generator=stream(0, "null of Wasserstein"), dtype=torch.float64)
    squares_P = goodness.squared_wasserstein(sample_NP.sort(0).values, goodness.normal_quantiles(n))
    return 1 - (squares_P.mean().item() + goodness.normal_quantile_spread(n)) / 2


def _shrinkage(y_MP: Tensor, n: int) -> Tensor:
    """The same for a prior given by samples: the covariance between n of them and the others, over the variance,
    ``[P]``."""
    generator, variance_P = stream(0, "parts of the prior"), y_MP.var(0)
    total_P = torch.zeros_like(variance_P)
    for _ in range(SPLITS):
        order_M = torch.randperm(len(y_MP), generator=generator)
        part_NP, rest_RP = y_MP[order_M[:n]], y_MP[order_M[n:]]
        # on average the variances of the parts equal that of all samples: subtracting their deviation reduces the noise
        total_P += _covariance(part_NP, rest_RP) - (part_NP.var(0) + rest_RP.var(0)) / 2 + variance_P
    return total_P / SPLITS / variance_P
