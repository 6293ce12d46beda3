"""Latent use: the loss of the decoder if z comes from another text or from the prior, D_shuffled - D."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from matplotlib.figure import Figure
from torch import Tensor

from vaescope import plotting
from vaescope.assessment.diagnostic import Diagnostic, Estimates, Results
from vaescope.assessment.findings import Condition, Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators.copies import Copies
from vaescope.estimators.estimate import Estimate, mean_of
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence, need


class LatentUse(Diagnostic):
    """D_shuffled - D and D_prior - D, paired by text; zero for a decoder that ignores z, at any rate.

    Each text appears in two terms of D_shuffled, its own and that of the text that gets its z, so the error of the mean
    includes the covariance of such terms; if ``shuffled_from`` is unknown, its upper bound.
    """

    truths: ClassVar = {"latent_use": "latent_use", "latent_use_prior": "latent_use_prior"}

    def estimate(self, evidence: Evidence) -> Results:
        """Return ``latent_use`` and, where they were scored, ``latent_use_prior``."""
        draws = evidence.draws
        use = _mean_of_circle(_losses(draws), draws.shuffled_from, draws.clusters())
        if draws.log_p_x_z_prior is None:
            reason = Missing("no 'log_p_x_z_prior': score each text with a z of the prior")
            return {"latent_use": use, "latent_use_prior": reason}
        prior_N = -draws.log_p_x_z_prior.double() - draws.distortions
        return {"latent_use": use, "latent_use_prior": mean_of(prior_N, unit="nats/text", copies=draws.clusters())}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge whether the decoder reads z; the diagnostic ``rate`` judges whether z carries anything."""
        use, information = estimates["latent_use"], estimates.get("mutual_information")
        limit, rate = thresholds.latent_use, evidence.draws.rates.mean().item()
        little = max(limit, thresholds.use_share * rate)
        silent = information is None or information.high < limit
        rule = Rule(
            limit,
            limit if silent else -math.inf,
            "nats",
            good="above",
            subject="what the z of another text costs",
            seen=Condition(f"surely below {little:.2g}", use.high < little),
        )
        message = f"the z of another text costs {use.value:.3g} nats [{use.low:.3g}, {use.high:.3g}]"
        if use.high < limit:
            message += ": the decoder ignores z" if silent else ": the decoder ignores a z that says which text it is"
        step = "weaken the decoder (model.word_dropout), or let z reach it in another way (model.injection)"
        return [rule.judge("decoder_use", use, message, next_step=step)]

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Histogram of the cost of another text's z; the line is the mean."""
        draws = evidence.draws
        figure, (axes,) = plotting.axes(5, 3)
        plotting.histogram(axes, _losses(draws))
        axes.axvline(estimates["latent_use"].value, color=plotting.INK)
        axes.set(xlabel="D_shuffled - D of a text (nats)", ylabel="density")
        return figure


def _losses(draws: Draws) -> Tensor:
    """The cost of another text's z for each text, nats, ``[N]``."""
    remedy = "score each text with the z of another one"
    return -need(draws.log_p_x_z_shuffled, "'log_p_x_z_shuffled'", remedy).double() - draws.distortions


def _mean_of_circle(values_N: Tensor, from_N: Tensor | None, copies: Copies | None) -> Estimate:
    """The mean of terms that share a text with the terms at ``from_N``: its variance is (g_0 + 2 g_1)/N, g_1 <= g_0/2.

    If two texts exchange their z, both terms are the same pair and count once.
    """
    mean = mean_of(values_N, unit="nats/text", copies=copies)
    ratio = 2.0
    if from_N is not None and mean.se > 0:
        centred_N = values_N.double() - mean.value
        times_N = 2 - (from_N[from_N] == torch.arange(len(from_N))).double()
        shared = (times_N * centred_N * centred_N[from_N]).sum() / centred_N.square().sum()
        ratio = min(2.0, max(0.25, 1 + shared.item()))
    return Estimate(value=mean.value, se=mean.se * ratio**0.5, unit=mean.unit, kind=mean.kind, n=mean.n)
