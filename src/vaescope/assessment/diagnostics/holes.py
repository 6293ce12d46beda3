"""Holes: how much of the prior lies where no text is encoded."""

from __future__ import annotations

import math

import torch
from matplotlib.figure import Figure
from torch import Tensor

from vaescope import plotting
from vaescope.assessment.against_prior import prior_points, refit_prior
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators.estimate import Estimate, quantile
from vaescope.evidence.evidence import Evidence

POINTS = 2048
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
        reach = quantile(n)
        levels = torch.tensor([LEVEL, LEVEL - reach * level_se, LEVEL + reach * level_se], dtype=torch.float64)
        cuts = surprise_N.quantile(1 - levels.clamp(0, 1))
        share, fewer, more = ((surprise_M > cut).double().mean().item() for cut in cuts)
        if levels[1] <= 0:
            fewer = 0.0  # with so few texts the true quantile may lie beyond all of their encodings
        binomial = math.sqrt(max(share * (1 - share), 1 / m) / m)
        se = math.hypot(binomial, (more - fewer) / (2 * reach))
        low, high = max(0.0, share - reach * se), min(1.0, share + reach * se)
        holes = Estimate(share, se, "of the prior", "consistent", m, low=low, high=high, detail={"expected": LEVEL})
        difference = (surprise_M.mean() - surprise_N.mean()).item()
        error = math.sqrt((surprise_M.var() / m + surprise_N.var() / n).item())
        return {"holes": holes, "holes_nats": Estimate(difference, error, "nats", "consistent", m)}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the share."""
        holes = estimates["holes"]
        message = f"{holes.value:.1%} of the prior lies where fewer texts are encoded than at 99% of the encodings "
        message += f"[{holes.low:.1%}, {holes.high:.1%}] (1% is expected)"
        rule = Rule(thresholds.holes_pass, thresholds.holes_fail, holes.unit)
        return [rule.judge("holes", holes, message, next_step=refit_prior(evidence.draws))]

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Histograms of -log q_N(z) at encodings and at prior samples."""
        surprise_N, surprise_M = (values[values.isfinite()] for values in _surprises(evidence))
        cut = surprise_N.quantile(1 - LEVEL).item()
        figure, (axes,) = plotting.axes(5, 3)
        plotting.histogram(axes, surprise_N, label="encodings")
        plotting.histogram(axes, surprise_M, filled=False, label="prior")
        axes.axvline(cut, color=plotting.INK, linestyle="--")
        axes.set(xlabel="-log q(z) (nats)", ylabel="density")
        axes.legend(frameon=False)
        return figure


def _surprises(evidence: Evidence) -> tuple[Tensor, Tensor]:
    """-log q_N at each encoding, the posteriors of its own text left out, ``[N]``; and at prior samples, ``[M]``."""
    draws = evidence.draws
    prior_MD = prior_points(draws, POINTS)
    return evidence.aggregate.surprise, evidence.aggregate.surprise_at(prior_MD)
