"""Holes: how much of the prior lies where no text is encoded."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vaescope.assessment.against_prior import judged, prior_samples
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.evidence import Evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 2000
LEVEL = 0.01


class Holes(Diagnostic):
    """Share of prior samples at which log q_N(z) is below its 1% quantile at encodings (own posterior left out).

    0.01 where q(z) = p(z); near 1 where encodings fill a small part of the prior. ``holes_nats`` is the mean of
    the same, E_p[-log q_N(z)] - E_q[-log q_N(z)]: 0 where they are equal.
    """

    consistency = True

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``holes`` and ``holes_nats``."""
        surprise_N, surprise_M = (values[values.isfinite()] for values in _surprises(evidence))
        # copies of a text are no further evidence of where the encodings are
        n, m = evidence.draws.copies.effective, len(surprise_M)
        # the quantile is itself uncertain by the error of its level
        level_se = math.sqrt(LEVEL * (1 - LEVEL) / n)
        levels = torch.tensor([LEVEL, LEVEL - 1.96 * level_se, LEVEL + 1.96 * level_se], dtype=torch.float64)
        cuts = surprise_N.quantile(1 - levels.clamp(0, 1))
        share, fewer, more = ((surprise_M > cut).double().mean().item() for cut in cuts)
        if levels[1] <= 0:
            fewer = 0.0  # with so few texts the true quantile may lie beyond all of their encodings
        binomial = math.sqrt(max(share * (1 - share), 1 / m) / m)
        se = math.hypot(binomial, (more - fewer) / 3.92)
        low, high = max(0.0, share - 1.96 * se), min(1.0, share + 1.96 * se)
        holes = Estimate(share, se, "of the prior", "consistent", m, low=low, high=high, detail={"expected": LEVEL})
        difference = (surprise_M.mean() - surprise_N.mean()).item()
        error = math.sqrt((surprise_M.var() / m + surprise_N.var() / n).item())
        return {"holes": holes, "holes_nats": Estimate(difference, error, "nats", "consistent", m)}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the share."""
        holes = estimates["holes"]
        message = f"{holes.value:.1%} of the prior lies where fewer texts are encoded than at 99% of the encodings "
        message += f"[{holes.low:.1%}, {holes.high:.1%}] (1% is expected)"
        limits = {"passes": thresholds.holes_pass, "fails": thresholds.holes_fail}
        return [judged("holes", holes, message, **limits, next_step="sample from a prior refitted to the encodings")]

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Histograms of -log q_N(z) at encodings and at prior samples."""
        from matplotlib.figure import Figure

        surprise_N, surprise_M = (values[values.isfinite()] for values in _surprises(evidence))
        cut = surprise_N.quantile(1 - LEVEL).item()
        figure = Figure(figsize=(5, 3), layout="constrained")
        axes = figure.subplots()
        axes.hist(surprise_N.numpy(), bins=50, density=True, color="tab:blue", label="encodings")
        axes.hist(surprise_M.numpy(), bins=50, density=True, histtype="step", color="black", label="prior")
        axes.axvline(cut, color="black", linestyle="--")
        axes.set(xlabel="-log q(z) (nats)", ylabel="density")
        axes.legend()
        return figure


def _surprises(evidence: Evidence) -> tuple[Tensor, Tensor]:
    """-log q_N at each encoding, the posteriors of its own text left out, ``[N]``; and at prior samples, ``[M]``."""
    draws = evidence.draws
    prior_MD = prior_samples(draws, min(MOST, draws.texts))
    return evidence.aggregate.surprise, evidence.aggregate.surprise_at(prior_MD)
