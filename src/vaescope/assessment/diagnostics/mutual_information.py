"""Mutual information: how much z says about x, I(X;Z) under q, as an interval with its ceiling log N."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Condition, Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators import jackknife
from vaescope.estimators.estimate import Estimate
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

    truths: ClassVar = {"mutual_information": "information"}

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``mutual_information``."""
        return {"mutual_information": mutual_information(evidence)}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the information against the rate, and say where the rate exceeds what N texts can show."""
        draws = evidence.draws
        rate = draws.rates.mean().item()
        ceiling = draws.copies.entropy
        found = [_judged(estimates["mutual_information"], rate, ceiling, thresholds)]
        surplus = rate - ceiling
        if surplus > 0:
            message = f"rate {rate:.2f} exceeds log N = {ceiling:.2f} of these texts: at least "
            message += f"{surplus:.2f} nats of it cannot be information about which of them it is"
            found.append(Finding("surplus_rate", "WARN", message, "PASS if the rate is at most log N"))
        return found


def resolved(information: Estimate, thresholds: Thresholds) -> bool:
    """Return whether the interval of the information is narrow and away from the ceiling."""
    width = information.high - information.low
    narrow = width <= thresholds.resolved_width or width <= thresholds.resolved_share * information.high
    ceiling = math.inf if information.ceiling is None else information.ceiling
    return narrow and information.value <= ceiling - thresholds.saturation


def _judged(information: Estimate, rate: float, ceiling: float, thresholds: Thresholds) -> Finding:
    """Judge which share of the rate is information, where N texts can resolve it."""
    clear = resolved(information, thresholds)
    words = f"the interval is at most {thresholds.resolved_width:g} nats or {thresholds.resolved_share:.0%} wide, "
    words += f"{thresholds.saturation:g} below log N"
    rule = Rule(
        thresholds.information_share_pass,
        thresholds.information_share_fail,
        "of the rate",
        good="above",
        subject="the information",
        needs=(Condition(words, clear),),
        seen=Condition(words, clear),
    )
    message = f"information in [{information.low:.2f}, {information.high:.2f}] nats"
    if rate < thresholds.latent_use:
        return Finding("mutual_information", "VACUOUS", f"{message}: the rate is negligible", str(rule))
    message += f" at a rate of {rate:.2f}"
    more = ""
    if not clear:
        message += f"; {information.n} texts can show at most log N = {ceiling:.2f}"
        needed = math.exp(min(information.high + thresholds.saturation, 700.0))
        more = f"about {needed:.1g} texts would settle it" if needed < 1e8 else "no corpus is large enough to settle it"
    value, low, high = (number / rate for number in (information.value, information.low, information.high))
    share = replace(information, value=value, low=low, high=high, unit="of the rate")
    step = "look at marginal_kl: the rest of the rate pays for encodings unlike the prior"
    return rule.judge("mutual_information", share, message, next_step=step, more=more)
