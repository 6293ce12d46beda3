"""Marginal KL by moments: KL(N(m, S) || N(0, I)) with m and S the mean and covariance of q(z) on the batch.

Estimates a lower bound on KL(q(z) || p(z)), since the Gaussian has the largest entropy of all distributions with its
moments; exact where q(z) is Gaussian, blind to any other mismatch. Bias: upward, of order (D / B)^2, after a correction
of the first order. z is not sampled. Cost O(B D min(B, D)). No ceiling. Needs the prior N(0, I).
"""

from __future__ import annotations

import math

from torch import Tensor
from typing_extensions import override

from vaescope.errors import UserError
from vaescope.estimators.moments import moments_kl_of_batch
from vaescope.model.passes import Pass
from vaescope.objectives.term import Term, require_standard_prior


class MarginalKlGaussian(Term):
    """1/2 [tr S + m'm - D - log|S|] minus the first-order bias, in nats per text."""

    @override
    def __call__(self, pass_: Pass) -> Tensor:
        """Return the estimate, a scalar.

        Raises:
            UserError: a prior other than N(0, I), or a micro-batch of one text, which has no covariance.
        """
        require_standard_prior("marginal_kl_gaussian", pass_)
        q = pass_.posterior
        if len(q.mean) < 2:
            raise UserError("marginal_kl_gaussian needs at least 2 texts per micro-batch; raise training.batch_size")
        return moments_kl_of_batch(q.mean, q.stddev).to(q.mean)

    @override
    def reach(self, dataset_size: int, batch_size: int) -> tuple[float, float]:
        return 0.0, math.inf
