"""Multiplier: the slope of the rate-distortion curve where training stopped, -dD/dR = 1 - lambda."""

from __future__ import annotations

from statistics import fmean, stdev
from typing import ClassVar

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.evidence import Evidence, need

CONSTRAINT = "rate>="


class Multiplier(Diagnostic):
    """lambda of the constraint ``rate >= r`` on D + R, from ``metadata["multipliers"]["rate>="]``.

    The Lagrangian D + R + lambda (r - R) is stationary where -dD/dR = 1 - lambda: at lambda = 0 the floor costs
    nothing, at 1 a nat of forced rate saves no distortion. Give one number, or the last ones of training (their spread
    gives the error; they must be far apart to be independent).
    """

    no_truth: ClassVar[str] = "it repeats a number of the training"

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``multiplier`` with the slope."""
        remedy = "only a model trained under a floor on its rate has one"
        values = need(evidence.facts.multipliers.get(CONSTRAINT), f"multiplier of '{CONSTRAINT}'", remedy)
        value, many = fmean(values), len(values) > 1
        estimate = Estimate(
            value=value,
            se=stdev(values) / len(values) ** 0.5 if many else 0.0,
            unit="nats/nat",
            kind="consistent" if many else "exact",
            n=len(values),
            detail={"slope": 1 - value},
        )
        return {"multiplier": estimate}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge how much distortion the forced rate saves."""
        estimate = estimates["multiplier"]
        message = (
            f"multiplier {estimate.value:.3f}: another nat of rate buys {1 - estimate.value:.3f} nats of distortion"
        )
        step = "lower the target rate: the last nat of it buys almost no distortion"
        rule = Rule(thresholds.multiplier_warn, thresholds.multiplier_fail, subject="the multiplier")
        return [rule.judge("rate_return", estimate, message, next_step=step)]
