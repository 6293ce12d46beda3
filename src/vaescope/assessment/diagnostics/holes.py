"""Holes: the share of the prior where no text is encoded."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from matplotlib.figure import Figure
from scipy import stats
from torch import Tensor
from typing_extensions import override

from vaescope import plotting
from vaescope.assessment.against_prior import prior_points, refit_prior
from vaescope.assessment.diagnostic import Diagnostic, Estimates, Results
from vaescope.assessment.findings import Condition, Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators import jackknife
from vaescope.estimators.estimate import Estimate, quantile
from vaescope.evidence.aggregate_posterior import AggregatePosterior
from vaescope.evidence.evidence import Evidence

POINTS = 2048
FEWEST = 20
LEVEL = 0.01


class Holes(Diagnostic):
    """Share of prior samples at which log q_N(z) is below its 1% quantile at encodings (own posterior left out).

    0.01 where q(z) = p(z); near 1 where encodings fill a small part of the prior. ``holes_nats`` is the difference of
    the means, E_p[-log q_N(z)] - E_q[-log q_N(z)]: 0 where they are equal.
    """

    no_truth: ClassVar[str] = "0.01 where q(z) = p(z), else no closed form; its null rate is checked"
    consistency = True

    @override
    def estimate(self, evidence: Evidence) -> Results:
        copies = evidence.draws.clusters()
        # copies of a text add no information about the place of the encodings
        texts = evidence.draws.texts if copies is None else int(copies.effective)
        if texts < FEWEST:
            raise Missing(f"{FEWEST} texts, without which the edge of the encodings is unknown: assess more")
        prior_RM = evidence.aggregate.surprise_at(prior_points(evidence.draws, POINTS))
        encoded_N, prior_M = evidence.aggregate.surprise, prior_RM[0]
        share = hole_share(encoded_N[encoded_N.isfinite()], prior_M[prior_M.isfinite()], texts)
        return {"holes": share, "holes_nats": _difference(evidence.aggregate, prior_RM)}

    @override
    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        holes = estimates["holes"]
        message = f"{holes.value:.1%} of the prior lies where fewer texts are encoded than at 99% of the encodings "
        message += f"[{holes.low:.1%}, {holes.high:.1%}] (1% is expected)"
        seen = Condition(f"surely above the expected {LEVEL:g}", holes.low > LEVEL)
        rule = Rule(thresholds.holes_pass, thresholds.holes_fail, holes.unit, seen=seen)
        return [rule.judge("holes", holes, message, next_step=refit_prior(evidence.draws))]

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Histograms of -log q_N(z) at encodings and at prior samples."""
        encoded_N = evidence.aggregate.surprise
        prior_M = evidence.aggregate.surprise_at(prior_points(evidence.draws, POINTS))[0]
        figure, (axes,) = plotting.axes(5, 3)
        plotting.histogram(axes, encoded_N, label="encodings")
        plotting.histogram(axes, prior_M, filled=False, label="prior")
        axes.axvline(encoded_N[encoded_N.isfinite()].quantile(1 - LEVEL).item(), color=plotting.INK, linestyle="--")
        axes.set(xlabel="-log q(z) (nats)", ylabel="density")
        axes.legend(frameon=False)
        return figure


def hole_share(encoded_N: Tensor, prior_M: Tensor, texts: int) -> Estimate:
    """The share of ``prior_M`` above the quantile 1 - LEVEL of ``encoded_N``, with the error of both.

    The number of texts above the true quantile is binomial. The ends of its 95% range give two other cuts, and the cuts
    the interval. Where q(z) = p(z) the share above the r-th largest of n texts is Beta(r, n + 1 - r): with few texts it
    is often large, and then says nothing.
    """
    few, many = (int(stats.binom.ppf(end, texts, LEVEL)) for end in (0.025, 0.975))
    # a new value exceeds the r-th largest of n with probability r/(n + 1)
    value, more = (_share_above(encoded_N, prior_M, rank / (texts + 1)) for rank in (LEVEL * (texts + 1), many + 1))
    fewer = _share_above(encoded_N, prior_M, few / (texts + 1)) if few else 0.0
    m, reach = len(prior_M), quantile(texts)
    se = math.hypot(math.sqrt(max(value * (1 - value), 1 / m) / m), (more - fewer) / (2 * reach))
    low, high = max(0.0, value - reach * se), min(1.0, max(value + reach * se, more))
    rank = max(1, math.floor(LEVEL * (texts + 1)))
    if value <= stats.beta.ppf(0.975, rank, texts + 1 - rank):
        low = min(low, LEVEL)
    return Estimate(value, se, "of the prior", "consistent", m, low=low, high=high, detail={"expected": LEVEL})


def _share_above(encoded_N: Tensor, prior_M: Tensor, chance: float) -> float:
    """The share of the prior above the cut that a text exceeds with a given probability (at most the largest text)."""
    place = len(encoded_N) - chance * (len(encoded_N) + 1)
    ordered_N = encoded_N.sort().values
    below = min(max(0, math.floor(place)), len(ordered_N) - 1)
    above = min(below + 1, len(ordered_N) - 1)
    cut = torch.lerp(ordered_N[below], ordered_N[above], min(1.0, max(0.0, place - below)))
    return (prior_M > cut).double().mean().item()


def _difference(aggregate: AggregatePosterior, prior_RM: Tensor) -> Estimate | Missing:
    """E_p[-log q_N] - E_q[-log q_N] with the jackknife error, which accounts for the use of the encodings in q_N."""
    encoded_R = aggregate.information_others - aggregate.means(aggregate.own)
    replicates = prior_RM.mean(1) - encoded_R
    if not replicates.isfinite().all():
        return Missing("holes_nats: too few distinct texts to leave one out: assess at least 3")
    error = math.hypot(jackknife.standard_error(replicates), prior_RM[0].std().item() / prior_RM.shape[1] ** 0.5)
    return Estimate(jackknife.value(replicates), error, "nats", "consistent", aggregate.blocks)
