"""Radius: are encodings as far from the origin as samples of the prior? The distribution of |z|^2."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from scipy import stats
from torch import Tensor

from vaescope import plotting
from vaescope.assessment.against_prior import encodings
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators import goodness
from vaescope.estimators.estimate import Estimate, at_least_zero, mean_of
from vaescope.estimators.moments import skewness_of_squares
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence


def squares(draws: Draws) -> tuple[Tensor, Tensor | None]:
    """|z - m|^2 of each text, ``[N]``, and of each sample of the prior, ``[M]``, around their mean m.

    For N(0, I) m is 0 and there are no samples.
    """
    z_ND = encodings(draws)
    if draws.prior_z is None:
        return z_ND.square().sum(1), None
    prior_MD = draws.prior_z.double()
    centre_D = prior_MD.mean(0)
    return (z_ND - centre_D).square().sum(1), (prior_MD - centre_D).square().sum(1)


def radius_squared(draws: Draws) -> Estimate:
    """E|z - m|^2 over that of the prior.

    For a sampled prior the error includes its M samples, which give the denominator and the centre m. Distances of the
    samples from their own mean are too small by the factor 1 - 1/M, and those of the encodings too large by 1/M; both
    are corrected.
    """
    squares_N, prior_M = squares(draws)
    if prior_M is None or draws.prior_z is None:
        mean = mean_of(squares_N / draws.latent_size, unit="of the prior's")
        return at_least_zero(mean, skewness_of_squares(encodings(draws)))
    m = len(prior_M)
    expected = prior_M.sum().item() / (m - 1)
    value = max(0.0, squares_N.mean().item() / expected - 1 / m)
    centred_MD = draws.prior_z.double() - draws.prior_z.double().mean(0)
    shift_D = encodings(draws).mean(0) - draws.prior_z.double().mean(0)
    influence_M = value * prior_M + 2 * centred_MD @ shift_D
    error = mean_of(squares_N, unit="of the prior's")
    se = math.hypot(error.se, influence_M.std().item() / m**0.5) / expected
    return at_least_zero(Estimate(value, se, "of the prior's", "consistent", min(error.n, m)))


class Radius(Diagnostic):
    """sup |F - F_prior| of |z|^2, which is chi-square with D degrees of freedom under N(0, I).

    One number per text adds up mismatches of scale that are too small to detect in any single unit. For another prior
    |z - m|^2 around the mean m of its samples, against the samples.
    """

    truths: ClassVar = {"radius_squared": "radius_squared"}
    consistency = True

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``radius`` (a distance) and ``radius_squared`` (the mean of |z|^2 over that of the prior)."""
        draws = evidence.draws
        squares_N, prior_M = squares(draws)
        distance, p = goodness.kolmogorov_smirnov(squares_N, prior_M, distribution="chi2", df=draws.latent_size)
        margin = goodness.distance_margin(len(squares_N))
        margin += 0.0 if prior_M is None else goodness.distance_margin(len(prior_M))
        estimate = Estimate(
            value=distance,
            se=0.5 / math.sqrt(len(squares_N)),
            unit="of probability",
            kind="consistent",
            n=len(squares_N),
            low=max(0.0, distance - margin),
            high=min(1.0, distance + margin),
            detail={"p_value": p},
        )
        return {"radius": estimate, "radius_squared": radius_squared(draws)}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the distance, and report whether encodings are too near or too far."""
        estimate, ratio = estimates["radius"], estimates["radius_squared"]
        message = f"|z|^2 is {ratio.value:.3f} of the prior's on average; its distribution differs by "
        message += f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}] of probability"
        message += f": encodings lie {'inside' if ratio.value < 1 else 'outside'} the shell of the prior"
        rule = Rule(thresholds.margin_distance_pass, thresholds.margin_distance_fail, estimate.unit)
        step = "train with a Gaussian prior of learned mean and scale (model.prior: gaussian)"
        return [rule.judge("radius", estimate, message, next_step=step)]

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Histogram of |z|^2 and its distribution under the prior."""
        draws = evidence.draws
        squares_N, prior_M = squares(draws)
        figure, (axes,) = plotting.axes(5, 3)
        plotting.histogram(axes, squares_N, label="encodings")
        if prior_M is None:
            grid = np.linspace(*axes.get_xlim(), 200)
            axes.plot(grid, stats.chi2.pdf(grid, draws.latent_size), color=plotting.INK, label="prior")
        else:
            plotting.histogram(axes, prior_M, filled=False, label="prior")
        axes.set(xlabel="|z|^2", ylabel="density")
        axes.legend(frameon=False)
        return figure
