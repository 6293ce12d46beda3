"""Mutual information: how much z says about x, I(X;Z) under q, as an interval of the population."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

from typing_extensions import override

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Check, Condition, Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators import jackknife
from vaescope.estimators.estimate import Estimate
from vaescope.estimators.share import NORMAL
from vaescope.evidence.evidence import Evidence

WORDS = {
    "self": "I_self",
    "known_entropy": "H(X) - D",
    "text_space": "texts drawn at z",
    "rate": "the rate",
    "entropy": "H(X)",
    "definition": "definition",
    "vocabulary": "tokens times log V",
    "language_model": "a language model",
    "leave_one_out": "leave-one-out",
    "gaussian_marginal": "a fitted Gaussian",
    "mixture_marginal": "a fitted mixture",
    "stacked_marginal": "a density of other texts' encodings",
}
"""The names of the bounds of ``InformationEnds`` in findings."""


def mutual_information(evidence: Evidence) -> Estimate:
    """I(X;Z) under q as an interval of the population; see ``MutualInformation``."""
    aggregate, ends = evidence.aggregate, evidence.information_ends
    interval, (value, se) = ends.information, ends.value
    return Estimate(
        value=value,
        se=se or (interval.high - interval.low) / (2 * NORMAL),
        unit="nats/text",
        kind="interval",
        n=evidence.draws.texts,
        low=min(interval.low, max(0.0, value)),
        high=max(interval.high, value),
        ceiling=evidence.draws.copies.entropy if interval.low_by == "self" else None,
        detail={
            "index_code": jackknife.value(aggregate.information),
            "low_by": interval.low_by,
            "high_by": interval.high_by,
            "lower_bounds": {name: jackknife.value(bound) for name, bound in ends.lower.items()},
            **{name: jackknife.value(bound) for name, bound in ends.upper.items()},
            "mixtures": aggregate.fitted.chosen,
            "stacked": ends.weights,
            "components": ends.components,
            **ends.text_space,
        },
    )


class MutualInformation(Diagnostic):
    """The interval is that of the population, from the best lower to the best upper bound that the evidence allows.

    Each end is widened by its error; ``low_by`` and ``high_by`` name these bounds (``InformationEnds``). The
    value is the information about *which of these N texts*, I_self; if another bound certifies more, it is the lower
    end.
    """

    truths: ClassVar = {"mutual_information": "information"}

    @override
    def estimate(self, evidence: Evidence) -> Estimates:
        return {"mutual_information": mutual_information(evidence)}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the information against the rate, and report a rate above log N."""
        draws = evidence.draws
        rate = draws.rates.mean().item()
        ceiling = draws.copies.entropy
        found = [_judged(estimates["mutual_information"], rate, thresholds)]
        surplus = rate - ceiling
        if surplus > 0:
            message = f"rate {rate:.2f} exceeds log N = {ceiling:.2f} of these texts: at least "
            message += f"{surplus:.2f} nats of it cannot be information about which of them it is"
            found.append(Check("the rate is at most log N").judge("surplus_rate", surplus <= 0, message))
        return found


def resolved(information: Estimate, thresholds: Thresholds) -> bool:
    """Return whether the interval of the information is narrow."""
    width = information.high - information.low
    return width <= thresholds.resolved_width or width <= thresholds.resolved_share * information.high


def bounds_in_words(estimate: Estimate) -> str:
    """Return the interval of a quantity with the names of the bounds at its ends."""
    low, high = WORDS[estimate.detail["low_by"]], WORDS[estimate.detail["high_by"]]
    return f"in [{estimate.low:.2f}, {estimate.high:.2f}] nats (at least by {low}, at most by {high})"


def _judged(information: Estimate, rate: float, thresholds: Thresholds) -> Finding:
    """Judge the share of the rate that is information, if the evidence can resolve it."""
    clear = resolved(information, thresholds)
    words = f"the interval is at most {thresholds.resolved_width:g} nats or {thresholds.resolved_share:.0%} wide"
    rule = Rule(
        thresholds.information_share_pass,
        thresholds.information_share_fail,
        "of the rate",
        good="above",
        subject="the information",
        needs=(Condition(words, clear),),
        seen=Condition(
            f"it is surely below {thresholds.information_share_pass:g} of the rate",
            clear and information.high < thresholds.information_share_pass * rate,
        ),
    )
    message = f"information {bounds_in_words(information)}"
    if rate < thresholds.latent_use:
        return rule.vacuous("mutual_information", f"{message}: the rate is negligible")
    message += f" at a rate of {rate:.2f}"
    more = ""
    if not clear:
        more = "a corpus with known probabilities bounds both ends at any rate"
        if information.ceiling is not None:
            message += f"; I_self of these texts is at most log N = {information.ceiling:.2f}"
            needed = math.exp(min(information.high + thresholds.saturation, 700.0))
            texts = f"about {needed:.1g} texts (--components)" if needed < 1e8 else "more texts than any corpus has"
            more = f"I_self would reach the upper end with {texts}; {more}"
    value, low, high = (number / rate for number in (information.value, information.low, information.high))
    share = replace(information, value=value, low=low, high=high, unit="of the rate")
    step = "look at marginal_kl: the rest of the rate pays for encodings unlike the prior"
    return rule.judge("mutual_information", share, message, next_step=step, more=more)
