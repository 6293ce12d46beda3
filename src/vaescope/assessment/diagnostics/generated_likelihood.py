"""Generated likelihood: are texts drawn from the model as probable under it as the data are, by equal samples?"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import torch
from matplotlib.figure import Figure
from scipy import stats
from torch import Tensor

from vaescope import plotting
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding, Rule
from vaescope.assessment.string_statistics import null_quantile
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators.copies import Copies
from vaescope.estimators.estimate import Estimate, mean_of
from vaescope.estimators.importance import log_mean_exp
from vaescope.evidence.evidence import Evidence, need


class GeneratedLikelihood(Diagnostic):
    """Mean log p(x) of drawn texts minus that of the data, both by the bound with the same number of samples.

    With unequal numbers the two bounds would be low by different amounts, and models of high rate would seem to
    generate texts that they did not learn. The detail has the Wasserstein distance of the two distributions, and its
    95% quantile between halves of the data.
    """

    no_truth: ClassVar[str] = (
        "0 for a model on the data that it generates, else no closed form; its coverage is checked there"
    )
    blocked_by = ("identity_sampler",)
    suite = "full"

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``generated_likelihood``: the difference of the means."""
        observed_N, generated_M, samples = _bounds(evidence)
        copies = evidence.draws.clusters() or Copies.of(torch.arange(len(observed_N)))
        means = [mean_of(observed_N, unit="nats/text", copies=copies), mean_of(generated_M, unit="nats/text")]
        detail = {
            "observed": means[0].value,
            "generated": means[1].value,
            "samples": samples,
            "wasserstein": float(stats.wasserstein_distance(observed_N.numpy(), generated_M.numpy())),
            "wasserstein_null_p95": null_quantile(observed_N.numpy(), len(generated_M), copies),
        }
        estimate = Estimate(
            value=means[1].value - means[0].value,
            se=math.hypot(means[0].se, means[1].se),
            unit="nats/text",
            kind="consistent",
            n=min(means[0].n, means[1].n),
            detail=detail,
        )
        return {"generated_likelihood": estimate}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Compare the distance of the two distributions with that between halves of the data."""
        estimate = estimates["generated_likelihood"]
        detail = estimate.detail
        multiple = detail["wasserstein"] / max(detail["wasserstein_null_p95"], 1e-12)
        message = f"log p of drawn texts is {abs(estimate.value):.2f} ± {estimate.se:.2f} nats "
        message += f"{'above' if estimate.value > 0 else 'below'} that of the data; the "
        message += f"distributions are {multiple:.1f} times as far apart as halves of the data can be"
        rule = Rule(thresholds.null_multiple_pass, thresholds.null_multiple_fail, "times", sure=False)
        step = "compare the lengths (text_length) and the fit of q(z) to the prior (marginal_kl)"
        return [rule.judge("generated_likelihood", replace(estimate, value=multiple), message, next_step=step)]

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Histograms of the log-likelihoods of data and of drawn texts."""
        figure, (axes,) = plotting.axes(5, 3)
        data_N, drawn_M, _ = _bounds(evidence)
        for bound, label, colour in ((data_N, "data", plotting.INK), (drawn_M, "drawn", plotting.PALETTE[0])):
            plotting.histogram(axes, bound, bins=40, filled=False, color=colour, label=label)
        axes.set(xlabel="bound on log p(x) of a text (nats)", ylabel="density")
        axes.legend(frameon=False)
        return figure


def _bounds(evidence: Evidence) -> tuple[Tensor, Tensor, int]:
    """The bounds for texts of the data and of the model, and the number S of samples of both."""
    draws, drawn = evidence.draws, need(evidence.simulations, "drawn texts", "assess with suite=full").draws
    count = min(draws.samples, drawn.samples)
    return log_mean_exp(draws.log_weights[:count]), log_mean_exp(drawn.log_weights[:count]), count
