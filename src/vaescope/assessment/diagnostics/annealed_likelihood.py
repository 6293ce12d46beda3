"""Annealed likelihood: log p(x) of texts drawn from the model, bounded from both sides (AIS and BDMC)."""

from __future__ import annotations

import math
from typing import ClassVar

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Check, Condition, Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators.estimate import Estimate, deviations, mean_of
from vaescope.evidence.evidence import Evidence, need


class AnnealedLikelihood(Diagnostic):
    """The width of the sandwich bounds the error of any estimate of log p(x) on the same texts.

    Grosse et al. 2015, arXiv:1511.02543; Wu et al. 2017, arXiv:1611.04273.
    """

    no_truth: ClassVar[str] = "it needs chains of a model; the estimator itself is checked on a linear-Gaussian one"
    blocked_by = ("identity_sampler",)
    suite = "full"

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``annealed_likelihood``, an interval, and the distance of the importance-weighted bound below it."""
        found = need(evidence.experiments.annealed, "annealed bounds", "assess with assessment.annealing_steps=STEPS")
        lower, upper = (mean_of(bound_P, unit="nats/text") for bound_P in (found.lower, found.upper))
        width = mean_of(found.upper - found.lower, unit="nats/text", kind="upper")
        short = mean_of(found.lower - found.importance, unit="nats/text", kind="lower")
        estimate = Estimate(
            value=(lower.value + upper.value) / 2,
            se=(lower.se + upper.se) / 2,
            unit="nats/text",
            kind="interval",
            n=lower.n,
            low=min(lower.low, upper.high),
            high=max(lower.low, upper.high),
            detail={"lower": lower.value, "upper": upper.value, "width": width.value, "accepted": found.accepted},
        )
        return {"annealed_likelihood": estimate, "annealed_likelihood_shortfall": short}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the importance-weighted bound by the annealed one."""
        detail, short = estimates["annealed_likelihood"].detail, estimates["annealed_likelihood_shortfall"]
        message = (
            f"on {short.n} drawn texts log p(x) is within {detail['width']:.2g} nats, and the importance-weighted "
        )
        message += f"bound is {short.value:.2g} [{short.low:.2g}, {short.high:.2g}] below the lower end"
        gain = thresholds.doubling_gain
        rule = Rule(
            gain,
            math.inf,
            "nats",
            subject="the distance of the bound below the annealed one",
            needs=(Condition("the annealed bounds are within 1 nat", detail["width"] <= 1),),
            seen=Condition(f"it is surely above {gain:.3g}", short.low > gain),
        )
        if detail["width"] < -deviations(thresholds.identity_sigmas, short.n) * short.se - gain:
            crossing = Check("the lower bound is not above the upper one", "FAIL")
            step = "the texts were not drawn from the z that they came with"
            return [crossing.judge("annealed_likelihood", False, f"the bounds cross: {message}", next_step=step)]
        step = "take more samples per text, or adapt the proposal (assessment.adapted_texts)"
        more = "anneal in more steps, or more texts"
        return [rule.judge("annealed_likelihood", short, message, next_step=step, more=more)]
