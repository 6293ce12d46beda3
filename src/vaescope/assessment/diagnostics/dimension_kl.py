"""Dimension-wise KL: the mismatch of each latent unit separately, sum_d KL(q(z_d) || p(z_d))."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from vaescope.assessment.against_prior import standard_prior
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.estimators import jackknife
from vaescope.estimators.gaussian import standard_log_density
from vaescope.evidence.evidence import Evidence


class DimensionKl(Diagnostic):
    """The value is for these N texts; the interval is for the population, leaving each text out of its own mixture.

    Only for the prior N(0, I), which is a product over units.
    """

    truths: ClassVar = {"dimension_kl": "dimension_kl"}

    @override
    def estimate(self, evidence: Evidence) -> Estimates:
        draws = evidence.draws
        standard_prior(draws)
        marginals = evidence.aggregate.marginals
        prior_M = standard_log_density(draws.z[0][marginals.index].double()).sum(1)
        prior = marginals.means(prior_M)
        index_code, others = marginals.upper - prior, marginals.lower - prior
        low = jackknife.lower_end(others) if others.isfinite().all() else 0.0
        return {"dimension_kl": marginals.interval(index_code, low=low, high=jackknife.upper_end(index_code))}
