"""Dimension-wise KL: the mismatch of each latent unit alone, sum_d KL(q(z_d) || p(z_d))."""

from __future__ import annotations

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.estimators import jackknife
from vaescope.estimators.gaussian import standard_log_density
from vaescope.evidence.draws import Draws


class DimensionKl(Diagnostic):
    """The value is that of these N texts; the interval, with each text left out of its own mixture, the population's.

    Only for the prior N(0, I), which is a product over units.
    """

    def missing(self, draws: Draws) -> str:
        """Say so where the prior is not a product."""
        return "" if draws.prior_z is None else "the prior is no product over units with known densities"

    def estimate(self, draws: Draws) -> Estimates:
        """Return ``dimension_kl``."""
        marginals = draws.aggregate.marginals
        prior_M = standard_log_density(draws.z[0][marginals.index].double()).sum(1)
        prior = jackknife.means(prior_M, draws.aggregate.blocks, index_N=marginals.index)
        index_code, others = marginals.upper - prior, marginals.lower - prior
        low = jackknife.lower_end(others) if others.isfinite().all() else 0.0
        return {"dimension_kl": marginals.interval(index_code, low=low, high=jackknife.upper_end(index_code))}
