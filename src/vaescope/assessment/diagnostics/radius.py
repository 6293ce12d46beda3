"""Radius: are encodings as far from the origin as samples of the prior? The distribution of |z|^2."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from vaescope.assessment.against_prior import encodings, judged, prior_samples
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators import goodness
from vaescope.estimators.estimate import Estimate, mean_of
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Radius(Diagnostic):
    """sup |F - F_prior| of |z|^2, which is chi-square with D degrees of freedom under N(0, I).

    One number per text that adds up a mismatch of scale too small to see in any unit. For another prior |z - m|^2
    around the mean m of its samples, against the samples.
    """

    consistency = True

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``radius`` (a distance) and ``radius_squared`` (the mean of |z|^2 over that of the prior)."""
        draws = evidence.draws
        squares_N, prior_M = _squares(draws)
        distance, p = goodness.kolmogorov_smirnov(squares_N, prior_M, law="chi2", df=draws.latent_size)
        margin = goodness.distance_margin(draws.texts)
        margin += 0.0 if prior_M is None else goodness.distance_margin(len(prior_M))
        mean = float(draws.latent_size) if prior_M is None else prior_M.mean().item()
        estimate = Estimate(
            value=distance,
            se=0.5 / math.sqrt(draws.texts),
            unit="of probability",
            kind="consistent",
            n=draws.texts,
            low=max(0.0, distance - margin),
            high=min(1.0, distance + margin),
            detail={"p_value": p},
        )
        kind = "unbiased" if prior_M is None else "consistent"
        return {"radius": estimate, "radius_squared": mean_of(squares_N / mean, unit="of the prior's", kind=kind)}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the distance, and say on which side the encodings are."""
        estimate, ratio = estimates["radius"], estimates["radius_squared"]
        message = f"|z|^2 is {ratio.value:.3f} of the prior's on average; its distribution differs by "
        message += f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}] of probability"
        limits = {"passes": thresholds.margin_distance_pass, "fails": thresholds.margin_distance_fail}
        side = "inside" if ratio.value < 1 else "outside"
        return [judged("radius", estimate, message, **limits, next_step=f"encodings lie {side} the prior's shell")]

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Histogram of |z|^2 and the law of the prior."""
        draws = evidence.draws
        from matplotlib.figure import Figure

        squares_N, prior_M = _squares(draws)
        figure = Figure(figsize=(5, 3), layout="constrained")
        axes = figure.subplots()
        axes.hist(squares_N.numpy(), bins=50, density=True, color="tab:blue", label="encodings")
        if prior_M is None:
            grid = np.linspace(*axes.get_xlim(), 200)
            axes.plot(grid, stats.chi2.pdf(grid, draws.latent_size), color="black", label="prior")
        else:
            axes.hist(prior_M.numpy(), bins=50, density=True, histtype="step", color="black", label="prior")
        axes.set(xlabel="|z|^2", ylabel="density")
        axes.legend()
        return figure


def _squares(draws: Draws) -> tuple[Tensor, Tensor | None]:
    z_ND = encodings(draws)
    if draws.prior_z is None:
        return z_ND.square().sum(1), None
    prior_MD = prior_samples(draws, len(draws.prior_z))
    centre_D = prior_MD.mean(0)
    return torch.sum((z_ND - centre_D).square(), 1), (prior_MD - centre_D).square().sum(1)
