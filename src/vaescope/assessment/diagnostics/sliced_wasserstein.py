"""Sliced Wasserstein: how far encodings must be moved to be the prior, along random directions, in latent units."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaescope.assessment.against_prior import encodings, judged, prior_samples
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators import goodness, jackknife
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence

DIRECTIONS, MOST, BLOCKS, NULLS = 64, 4000, 20, 200


class SlicedWasserstein(Diagnostic):
    """sqrt(E W_2^2(theta'z, theta'z_prior)) over 64 directions theta, on at most 4,000 texts.

    One-sample: against the exact quantiles of N(0, 1), of which every projection of N(0, I) is a copy. The mean of
    W_2^2 under the null, simulated, is subtracted. For a Gaussian q(z) = N(m, S) the square is
    E_theta [(sqrt(theta'S theta) - 1)^2 + (theta'm)^2]. Bonneel et al. 2015. Another prior is given by its samples.
    """

    consistency = True

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``sliced_wasserstein``."""
        draws = evidence.draws
        z_ND = encodings(draws, most=MOST)
        directions_DP = _directions(draws.latent_size)
        projected_NP, blocks = z_ND @ directions_DP, min(BLOCKS, len(z_ND))
        block_N = torch.arange(len(z_ND)) % blocks
        left_out = [projected_NP[block_N != block] for block in range(blocks)]
        squares_RP = torch.stack([_squared(part, draws, directions_DP) for part in (projected_NP, *left_out)])
        se = jackknife.standard_error(squares_RP.mean(1))
        square = squares_RP[0].mean().item() - _null_mean(len(z_ND), draws)
        low, value, high = (math.sqrt(max(0.0, square + step * se)) for step in (-1.96, 0.0, 1.96))
        estimate = Estimate(
            value=value,
            se=(high - low) / 3.92,
            unit="latent units",
            kind="consistent",
            n=len(z_ND),
            low=low,
            high=high,
            detail={"squared": square, "directions": squares_RP.shape[1], "largest": squares_RP[0].max().sqrt().item()},
        )
        return {"sliced_wasserstein": estimate}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the distance in standard deviations of the prior."""
        estimate = estimates["sliced_wasserstein"]
        message = f"encodings are {estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}] latent units from the "
        message += "prior along a random direction"
        limits = {"passes": thresholds.wasserstein_pass, "fails": thresholds.wasserstein_fail}
        return [judged("sliced_wasserstein", estimate, message, **limits, next_step="look at moments and radius")]


def _directions(size: int) -> Tensor:
    """At most 64 directions ``[D, P]`` in orthonormal bases, whose squared projections of a shift add up exactly."""
    generator = torch.Generator().manual_seed(0)
    bases = [
        torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64)).Q
        for _ in range(max(1, DIRECTIONS // size))
    ]
    return torch.cat(bases, 1)[:, :DIRECTIONS]


def _squared(projected_NP: Tensor, draws: Draws, directions_DP: Tensor) -> Tensor:
    """W_2^2 along each direction, ``[P]``."""
    sorted_NP = projected_NP.sort(0).values
    n = len(sorted_NP)
    if draws.prior_z is None:
        return goodness.squared_wasserstein(sorted_NP, goodness.normal_quantiles(n)) + goodness.normal_quantile_spread(
            n
        )
    levels_N = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    prior_NP = (prior_samples(draws, MOST) @ directions_DP).quantile(levels_N, dim=0)
    return (sorted_NP - prior_NP).square().mean(0)


def _null_mean(n: int, draws: Draws) -> float:
    """Mean of W_2^2 of n samples of N(0, 1) to it; 0 for another prior, whose null is not known."""
    if draws.prior_z is not None:
        return 0.0
    sample_NP = torch.randn(n, NULLS, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    squares_P = goodness.squared_wasserstein(sample_NP.sort(0).values, goodness.normal_quantiles(n))
    return squares_P.mean().item() + goodness.normal_quantile_spread(n)
