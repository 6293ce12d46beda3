"""Marginal KL: do encodings, taken together, look like the prior? KL(q(z) || p(z)) as an interval."""

from __future__ import annotations

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding
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

    consistency = True

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``marginal_kl``."""
        return {"marginal_kl": marginal_kl(evidence)}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the mismatch of the aggregate posterior and the prior by the ends of the interval."""
        draws = evidence.draws
        estimate, rate = estimates["marginal_kl"], draws.rates.mean().item()
        passes = max(thresholds.marginal_kl_pass, thresholds.marginal_kl_pass_share * rate)
        fails = max(thresholds.marginal_kl_fail, thresholds.marginal_kl_fail_share * rate)
        rule = f"PASS if surely at most {passes:.2g} nats, FAIL if surely at least {fails:.2g}"
        message = f"marginal KL in [{estimate.low:.2f}, {estimate.high:.2f}] nats"
        if estimate.high <= passes:
            return [Finding("marginal_kl", "PASS", message, rule)]
        if estimate.low >= fails:
            step = "refit the prior (mixture, vamp, flow), or constrain the mmd"
            return [Finding("marginal_kl", "FAIL", message, rule, step)]
        pinned = draws.copies.entropy - jackknife.value(evidence.aggregate.information) < thresholds.saturation
        if pinned or estimate.high - estimate.low > 0.5 * estimate.high:
            step = f"more texts than {draws.texts} would narrow the upper end"
            return [Finding("marginal_kl", "UNRESOLVED", message, rule, step)]
        return [Finding("marginal_kl", "WARN", message, rule, "compare with a fitted prior (mixture, vamp, flow)")]
