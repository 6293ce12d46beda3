"""Mutual information: how much z says about x, I(X;Z) under q, as an interval with its ceiling log N."""

from __future__ import annotations

import math

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators import jackknife
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence


def mutual_information(evidence: Evidence) -> Estimate:
    """I(X;Z) under q as an interval of the population; see ``MutualInformation``."""
    aggregate, texts = evidence.aggregate, evidence.draws.texts
    uppers = {
        "rate": aggregate.rate,
        "leave_one_out": aggregate.information_others,
        "gaussian_marginal": aggregate.information_gaussian,
        "mixture_marginal": aggregate.information_mixture,
    }
    uppers = {name: bound for name, bound in uppers.items() if bound.isfinite().all()}
    low = max(0.0, jackknife.lower_end(aggregate.information))
    high = min(jackknife.upper_end(bound, candidates=len(uppers)) for bound in uppers.values())
    value = jackknife.value(aggregate.information)
    ceiling = aggregate.copies.entropy
    return Estimate(
        value=value,
        se=jackknife.standard_error(aggregate.information),
        unit="nats/text",
        kind="interval",
        n=texts,
        low=min(low, high, value) if value >= 0 else min(low, high),
        high=max(high, value),
        ceiling=ceiling,
        detail={
            "index_code": value,
            **{name: jackknife.value(bound) for name, bound in uppers.items()},
            "mixtures": aggregate.fitted.chosen,
        },
    )


class MutualInformation(Diagnostic):
    """The value is the information about *which of these N texts*; the interval is that of the population.

    I_self <= I <= min(R, I_loo, R_g) in expectation (Poole et al. 2019, Barber and Agakov 2003), with the ends widened
    by their errors. Above log N - 1 the lower end is pinned, and only the upper one says something.
    """

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``mutual_information``."""
        return {"mutual_information": mutual_information(evidence)}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge whether N texts can resolve the information, and whether the rate exceeds what N texts can hold."""
        draws = evidence.draws
        found = [_resolution(estimates["mutual_information"], draws, thresholds)]
        rate = draws.rates.mean().item()
        ceiling = evidence.draws.copies.entropy
        surplus = rate - ceiling
        if surplus > 0:
            message = f"rate {rate:.2f} exceeds log N = {ceiling:.2f} of these texts: at least "
            message += f"{surplus:.2f} nats of it cannot be information about which of them it is"
            found.append(Finding("surplus_rate", "WARN", message, "PASS if the rate is at most log N"))
        return found


def resolved(information: Estimate, thresholds: Thresholds) -> bool:
    """Return whether the interval of the information is narrow and away from the ceiling."""
    assert information.ceiling is not None
    width = information.high - information.low
    narrow = width <= thresholds.resolved_width or width <= thresholds.resolved_share * information.high
    return narrow and information.value <= information.ceiling - thresholds.saturation


def _resolution(information: Estimate, draws: Draws, thresholds: Thresholds) -> Finding:
    interval = f"[{information.low:.2f}, {information.high:.2f}]"
    rule = f"UNRESOLVED within {thresholds.saturation} of log N, or in an interval wider than "
    rule += f"{thresholds.resolved_width} nats and {thresholds.resolved_share:.0%}"
    if resolved(information, thresholds):
        return Finding("mutual_information", "PASS", f"information in {interval} nats", rule)
    message = f"information in {interval} nats; {draws.texts} texts can show at most log N = {information.ceiling:.2f}"
    needed = math.exp(min(information.high + thresholds.saturation, 700.0))
    step = f"about {needed:.1g} texts would settle it" if needed < 1e8 else "no corpus is large enough to settle it"
    return Finding("mutual_information", "UNRESOLVED", message, rule, step)
