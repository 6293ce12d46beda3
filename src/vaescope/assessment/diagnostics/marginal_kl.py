"""Marginal KL: does the distribution of all encodings match the prior? KL(q(z) || p(z)) as an interval."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from vaescope.assessment.against_prior import refit_prior
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.diagnostics.mutual_information import bounds_in_words
from vaescope.assessment.findings import Condition, Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators import jackknife
from vaescope.estimators.estimate import Estimate
from vaescope.estimators.share import NORMAL
from vaescope.evidence.evidence import Evidence


def marginal_kl(evidence: Evidence) -> Estimate:
    """The mismatch of q(z) and p(z) as an interval of the population; see ``MarginalKl``."""
    aggregate, ends = evidence.aggregate, evidence.information_ends
    interval, (information, se), rate = ends.marginal_kl, ends.value, jackknife.value(aggregate.rate)
    index_code = rate - jackknife.value(aggregate.information)
    own = information == max(0.0, min(jackknife.value(aggregate.information), rate))
    lower = {f"rate_minus_{name}": bound for name, bound in ends.marginal_lower.items()}
    upper = {f"rate_minus_{name}": bound for name, bound in ends.marginal_upper.items()}
    value = rate - information
    error = jackknife.standard_error(aggregate.rate - aggregate.information) if own else se
    return Estimate(
        value=value,
        se=error or (interval.high - interval.low) / (2 * NORMAL),
        unit="nats/text",
        kind="interval",
        n=evidence.draws.texts,
        low=min(interval.low, max(0.0, value)),
        high=max(interval.high, value),
        detail={
            "index_code": index_code,
            "index_code_floor": rate - aggregate.copies.entropy,
            "low_by": interval.low_by,
            "high_by": interval.high_by,
            "upper_bounds": {name: jackknife.value(bound) for name, bound in upper.items()},
            **{name: jackknife.value(bound) for name, bound in lower.items()},
        },
    )


class MarginalKl(Diagnostic):
    """The value is the rate minus the value of the information: that of these N texts, R - I_self, or the upper end.

    The interval is that of the population: R - I with the bounds of I (``InformationEnds``), paired by text, each
    end widened by its error; ``low_by`` and ``high_by`` name these bounds. R - R_g is the gain of refitting the prior
    as the density g.
    """

    truths: ClassVar = {"marginal_kl": "marginal_kl"}
    consistency = True

    @override
    def estimate(self, evidence: Evidence) -> Estimates:
        return {"marginal_kl": marginal_kl(evidence)}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the mismatch between the aggregate posterior and the prior by the ends of the interval."""
        draws = evidence.draws
        estimate, rate = estimates["marginal_kl"], draws.rates.mean().item()
        message = f"marginal KL {bounds_in_words(estimate)}"
        narrow = estimate.high - estimate.low <= 0.5 * estimate.high
        words = "the interval is narrower than half its upper end"
        rule = Rule(*thresholds.marginal_kl_limits(rate), "nats", seen=Condition(words, narrow))
        step = f"{refit_prior(draws)}, or constrain the mmd"
        more = f"more texts than {draws.texts} (--components) would narrow the upper end"
        return [rule.judge("marginal_kl", estimate, message, next_step=step, more=more)]
