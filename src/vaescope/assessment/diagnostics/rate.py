"""Rate: the cost of the code z, R = E KL(q(z|x) || p(z))."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
from matplotlib.figure import Figure

from vaescope import plotting
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Check, Condition, Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators.estimate import Estimate, at_least_zero, mean_of
from vaescope.estimators.moments import skewness_of_squares
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
FAR = 20
"""Interquartile ranges above the median beyond which the rate of a text is an outlier."""

WIDE = 10
"""Multiple of the limit of latent use: a wider interval cannot show that z is barely used."""


class Rate(Diagnostic):
    """R by the closed form where the prior is N(0, I), else by the S samples; judges whether z is used at all."""

    truths: ClassVar = {"rate": "rate"}

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``rate`` with its quantiles over texts and its parts per unit."""
        draws = evidence.draws
        detail = {
            "closed_form": draws.unit_rates is not None,
            "quantiles": dict(
                zip(map(str, QUANTILES), draws.rates.quantile(draws.rates.new_tensor(QUANTILES)).tolist(), strict=True)
            ),
            "correlation_with_tokens": _correlation(draws),
        }
        if draws.unit_rates is not None:
            detail["per_unit"] = draws.unit_rates.mean(0).tolist()
        rate = mean_of(draws.rates, unit="nats/text", detail=detail, copies=draws.clusters())
        return {"rate": at_least_zero(rate, skewness_of_squares(draws.posterior_mean))}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge latent use by the information in z, which is at most the rate, and by its share of the rate."""
        rate, limit = estimates["rate"], thresholds.latent_use
        information = estimates.get("mutual_information")
        used = rate if information is None else _enclosed(rate, information)
        share = thresholds.information_share_fail
        rule = Rule(
            limit,
            limit,
            "nats",
            good="above",
            subject="the information in z (at most the rate)",
            needs=(Condition(f"it may be {share:.0%} of the rate", used.high > share * rate.value, "WARN"),),
            seen=Condition(f"surely below {WIDE * limit:g}", used.high < WIDE * limit),
        )
        message = f"rate {rate.value:.3g} nats"
        if information is not None:
            message += f", information in [{used.low:.2g}, {used.high:.2g}]"
        if (units := estimates.get("active_units")) is not None:
            message += f", {units.value:.0f} of {evidence.draws.latent_size} active units"
        if evidence.draws.unit_rates is not None and not evidence.draws.unit_rates.any():
            message = "the rate of every text is exactly 0: a language model, the baseline that shows what z buys"
            return [rule.vacuous("latent_use", message)]
        if rate.high < limit:
            message += ": collapsed, all texts are encoded alike and z says nothing"
            step = "train it again with a floor under the rate: objective=mdr"
        elif used.high < limit:
            message, step = (
                f"{message}: z ignores x",
                "check that the encoder is trained (model.freeze, training.steps)",
            )
        elif used.high < share * rate.value:
            message += ": most of the rate says nothing about the text"
            step = "look at marginal_kl: the rate pays for encodings unlike the prior"
        else:
            step = "assess more texts"
        return [rule.judge("latent_use", used, message, next_step=step), *_outlying(evidence.draws)]

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Histogram of the rate of each text; the line is the mean."""
        draws = evidence.draws
        figure, (axes,) = plotting.axes(5, 3)
        plotting.histogram(axes, draws.rates)
        axes.axvline(estimates["rate"].value, color=plotting.INK)
        axes.set(xlabel="rate of a text (nats)", ylabel="density")
        return figure


def _enclosed(rate: Estimate, information: Estimate) -> Estimate:
    """The interval of the information, limited by that of the rate."""
    high = min(information.high, max(rate.high, information.low))
    return replace(information, kind="interval", low=max(0.0, information.low), high=max(0.0, high))


def _correlation(draws: Draws) -> float | None:
    both_2N = torch.stack([draws.rates, draws.tokens.double()])
    if (both_2N.std(1) == 0).any():
        return None
    return torch.corrcoef(both_2N)[0, 1].item()


def _outlying(draws: Draws) -> list[Finding]:
    """Report texts whose rate is far above all others: a few of them can dominate the mean."""
    low, middle, high = draws.rates.quantile(draws.rates.new_tensor((0.25, 0.5, 0.75)))
    cut = (middle + FAR * (high - low)).item()
    far_N = draws.rates > cut
    if high <= low or not far_N.any():
        return []
    share = (draws.rates[far_N].sum() / draws.rates.sum()).item()
    message = (
        f"{int(far_N.sum())} of {draws.texts} texts have a rate above {cut:.3g} nats, where half of the texts have "
    )
    message += f"{low:.3g} to {high:.3g}: they make {share:.0%} of the mean rate, text {int(draws.rates.argmax())} most"
    check = Check(f"no rate is more than {FAR} interquartile ranges above the median")
    step = "read these texts; assess without them to see the others"
    return [check.judge("outlying_texts", not far_N.any(), message, next_step=step)]
