"""Rate: what a code costs, R = E KL(q(z|x) || p(z))."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators.estimate import mean_of
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class Rate(Diagnostic):
    """R by the closed form where the prior is N(0, I), else by the S samples; judges whether z is used at all."""

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
        return {"rate": mean_of(draws.rates, unit="nats/text", detail=detail)}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge latent use: a rate or information near zero is a collapsed model."""
        draws = evidence.draws
        rate, information = estimates["rate"], estimates.get("mutual_information")
        units = estimates.get("active_units")
        active = f", {units.value:.0f} of {draws.latent_size} active units" if units else ""
        limit = thresholds.latent_use
        rule = f"PASS if rate and information are above {limit} nats, FAIL if one is below, with their intervals"
        if draws.unit_rates is not None and not draws.unit_rates.any():
            message = "the rate of every text is exactly 0: a language model, the baseline that shows what z buys"
            return [Finding("latent_use", "VACUOUS", message, rule)]
        if rate.high < limit:
            message = f"rate {rate.value:.2g} nats{active}: collapsed, all texts are encoded alike and z says nothing"
            step = "train it again with a floor under the rate: objective=mdr"
            return [Finding("latent_use", "FAIL", message, rule, step)]
        if information is not None and information.high < limit:
            message = f"information {information.value:.2g} nats at rate {rate.value:.3g}{active}: z ignores x"
            return [Finding("latent_use", "FAIL", message, rule, "check that the encoder is trained; try mdr")]
        message = f"rate {rate.value:.3g} nats" + active
        if information is not None:
            message = f"rate {rate.value:.3g} nats, information at least {information.low:.2g}{active}"
        if rate.low > limit and (information is None or information.low > limit):
            return [Finding("latent_use", "PASS", message, rule)]
        return [Finding("latent_use", "WARN", message + ": barely used", rule, "assess more texts; try mdr")]

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Histogram of the rate of each text; the line is the mean."""
        draws = evidence.draws
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 3), layout="constrained")
        axes = figure.subplots()
        axes.hist(draws.rates.numpy(), bins=50, color="tab:blue")
        axes.axvline(estimates["rate"].value, color="black")
        axes.set(xlabel="rate of a text (nats)", ylabel="texts")
        return figure


def _correlation(draws: Draws) -> float | None:
    both_2N = torch.stack([draws.rates, draws.tokens.double()])
    if (both_2N.std(1) == 0).any():
        return None
    return torch.corrcoef(both_2N)[0, 1].item()
