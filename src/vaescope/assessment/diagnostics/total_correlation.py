"""Total correlation: how much the latent units depend on each other in q(z), KL(q(z) || prod_d q(z_d))."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.diagnostics.mutual_information import mutual_information, resolved
from vaescope.assessment.findings import Check, Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators import jackknife
from vaescope.evidence.evidence import Evidence


class TotalCorrelation(Diagnostic):
    """The value is for these N texts, by exact sums; as an estimate for the population it includes the error of I_self.

    The interval is for the population: E log q(z) = E log q(z|x) - I with the interval of I, minus the marginals with
    and without the text itself. It depends on the coordinates of z.
    """

    truths: ClassVar = {"total_correlation": "total_correlation"}
    consistency = True

    @override
    def estimate(self, evidence: Evidence) -> Estimates:
        aggregate, marginals = evidence.aggregate, evidence.aggregate.marginals
        index_code = marginals.joint - marginals.upper
        own = aggregate.means(aggregate.own)
        uppers = evidence.information_ends.upper
        lower = {name: own - bound - marginals.upper for name, bound in uppers.items()}
        low, _ = jackknife.highest_lower_end(lower)
        # with two texts no text can be left out, and only TC <= KL(q(z) || p(z)) <= R is known
        widest = own - aggregate.information - marginals.lower
        high = jackknife.upper_end(widest if widest.isfinite().all() else aggregate.rate)
        return {"total_correlation": marginals.interval(index_code, low=low, high=high)}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge whether it can be read as a property of the population."""
        information = estimates.get("mutual_information") or mutual_information(evidence)
        estimate = estimates["total_correlation"]
        message = f"total correlation in [{estimate.low:.2f}, {estimate.high:.2f}] nats"
        check, holds = Check("the mutual information is resolved", "UNRESOLVED"), resolved(information, thresholds)
        if not holds:
            message += f"; the index-code value {estimate.value:.2f} counts the unresolved information as dependence"
        step = "read dimension_kl and marginal_kl instead"
        return [check.judge("total_correlation", holds, message, next_step=step)]
