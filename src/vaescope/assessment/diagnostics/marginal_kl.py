"""Marginal KL: do encodings, taken together, look like the prior? KL(q(z) || p(z)) as an interval."""

from __future__ import annotations

from typing import ClassVar

from vaescope.assessment.against_prior import refit_prior
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Condition, Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators import jackknife
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.evidence import Evidence


def marginal_kl(evidence: Evidence) -> Estimate:
    """The mismatch of q(z) and p(z) as an interval of the population; see ``MarginalKl``."""
    aggregate = evidence.aggregate
    lowers = {
        "rate_minus_gaussian_marginal": aggregate.rate - aggregate.information_gaussian,
        "rate_minus_mixture_marginal": aggregate.rate - aggregate.information_mixture,
        "rate_minus_leave_one_out": aggregate.rate - aggregate.information_others,
    }
    lowers = {name: bound for name, bound in lowers.items() if bound.isfinite().all()}
    ends = [jackknife.lower_end(bound, candidates=len(lowers)) for bound in lowers.values()]
    index_code = aggregate.rate - aggregate.information
    value, high = jackknife.value(index_code), jackknife.upper_end(index_code)
    return Estimate(
        value=value,
        se=jackknife.standard_error(index_code),
        unit="nats/text",
        kind="interval",
        n=evidence.draws.texts,
        low=min(max(0.0, *ends), high),
        high=high,
        detail={
            "index_code": value,
            "index_code_floor": jackknife.value(aggregate.rate) - aggregate.copies.entropy,
            **{name: jackknife.value(bound) for name, bound in lowers.items()},
        },
    )


class MarginalKl(Diagnostic):
    """The value is that of these N texts, R - I_self, so that rate = information + marginal KL; never below R - log N.

    The interval is that of the population: max(0, R - R_g, R - I_loo) <= KL <= R - I_self in expectation, with the
    ends widened by their errors. R - R_g is what refitting the prior as a Gaussian (or a mixture of them) would save.
    """

    truths: ClassVar = {"marginal_kl": "marginal_kl"}
    consistency = True

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``marginal_kl``."""
        return {"marginal_kl": marginal_kl(evidence)}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the mismatch of the aggregate posterior and the prior by the ends of the interval."""
        draws = evidence.draws
        estimate, rate = estimates["marginal_kl"], draws.rates.mean().item()
        message = f"marginal KL in [{estimate.low:.2f}, {estimate.high:.2f}] nats"
        free = draws.copies.entropy - jackknife.value(evidence.aggregate.information) >= thresholds.saturation
        narrow = estimate.high - estimate.low <= 0.5 * estimate.high
        words = f"the interval is narrower than half its upper end and log N exceeds I by {thresholds.saturation:g}"
        rule = Rule(*thresholds.marginal_kl_limits(rate), "nats", seen=Condition(words, free and narrow))
        step = f"{refit_prior(draws)}, or constrain the mmd"
        more = f"more texts than {draws.texts} would narrow the upper end"
        return [rule.judge("marginal_kl", estimate, message, next_step=step, more=more)]
