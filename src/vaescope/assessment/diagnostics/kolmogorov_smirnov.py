"""Kolmogorov-Smirnov: does the distribution of each latent unit match the prior? The largest distance over units."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from matplotlib.figure import Figure
from typing_extensions import override

from vaescope import plotting
from vaescope.assessment.against_prior import RICHER_PRIOR, encodings
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators import goodness
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.evidence import Evidence


class KolmogorovSmirnov(Diagnostic):
    """max_d sup |F_d - F| of q(z_d) and p(z_d), in an interval that holds for all units together.

    Holm-adjusted p-values of the units show what N texts can detect; the verdict uses the distance. By Pinsker sum_d 2
    distance_d^2 <= sum_d KL(q(z_d) || p(z_d)).
    """

    no_truth: ClassVar[str] = "a maximum over units without a closed form; its coverage is checked against a grid"
    consistency = True

    @override
    def estimate(self, evidence: Evidence) -> Estimates:
        draws = evidence.draws
        z_ND = encodings(draws)
        reference = [None] * draws.latent_size if draws.prior_z is None else list(draws.prior_z.mT)
        pairs = [goodness.kolmogorov_smirnov(z_N, other) for z_N, other in zip(z_ND.mT, reference, strict=True)]
        distance_D, p_D = (torch.tensor(column, dtype=torch.float64) for column in zip(*pairs, strict=True))
        margin = goodness.distance_margin(len(z_ND), candidates=draws.latent_size)
        if draws.prior_z is not None:
            margin += goodness.distance_margin(len(draws.prior_z), candidates=draws.latent_size)
        adjusted_D = goodness.holm(p_D)
        value = distance_D.max().item()
        detail = {
            "distances": distance_D.tolist(),
            "p_values": p_D.tolist(),
            "rejected_units": (adjusted_D < 0.05).nonzero().squeeze(1).tolist(),
            "smallest_adjusted_p": adjusted_D.min().item(),
            "nats_at_least": sum(goodness.nats_from_distance(max(0.0, d - margin)) for d in distance_D.tolist()),
        }
        estimate = Estimate(
            value=value,
            se=0.5 / math.sqrt(len(z_ND)),
            unit="of probability",
            kind="consistent",
            n=len(z_ND),
            low=max(0.0, value - margin),
            high=min(1.0, value + margin),
            detail=detail,
        )
        return {"kolmogorov_smirnov": estimate}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the unit that is farthest from the prior."""
        draws = evidence.draws
        estimate = estimates["kolmogorov_smirnov"]
        detail = estimate.detail
        distances = detail["distances"]
        rejected, worst = len(detail["rejected_units"]), distances.index(max(distances))
        message = f"{rejected} of {draws.latent_size} units differ detectably from the prior; the farthest is unit "
        message += f"{worst} at {estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}] of probability"
        rule = Rule(thresholds.margin_distance_pass, thresholds.margin_distance_fail, estimate.unit)
        return [rule.judge("kolmogorov_smirnov", estimate, message, next_step=RICHER_PRIOR)]

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Distance of each unit; above the dashed line it is detectable at 5% for that unit alone."""
        draws = evidence.draws
        figure, (axes,) = plotting.axes(5, 3)
        axes.bar(
            range(draws.latent_size), estimates["kolmogorov_smirnov"].detail["distances"], color=plotting.PALETTE[0]
        )
        axes.axhline(goodness.distance_margin(len(encodings(draws))), color=plotting.INK, linestyle="--")
        axes.set(xlabel="latent unit", ylabel="distance to the prior (of probability)")
        return figure
