"""Marginal KL by unit: sum_d KL(q(z_d) || p(z_d)), each q(z_d) a kernel density of the batch's samples.

Estimates the same quantity as ``dimension_kl``, from S B samples alone: the density at each sample leaves that sample
out, and q(z|x) need not be known. Bias: downward by the smoothing (bandwidth by Scott's rule) and upward in the tails,
each of order (S B)^(-2/5) per unit. Cost O((S B)^2 D). No ceiling. Needs the prior N(0, I).
"""

from __future__ import annotations

import math

from torch import Tensor
from typing_extensions import override

from vaescope.errors import UserError
from vaescope.estimators.density import log_kernel_density
from vaescope.estimators.gaussian import standard_log_density
from vaescope.model.passes import Pass
from vaescope.objectives.term import Term, require_standard_prior


class MarginalKlKde(Term):
    """The mean over samples of sum_d log q_kde(z_d) - log p(z_d), in nats per text."""

    @override
    def __call__(self, pass_: Pass) -> Tensor:
        """Return the estimate, a scalar.

        Raises:
            UserError: a prior other than N(0, I), or a micro-batch of one sample.
        """
        require_standard_prior("marginal_kl_kde", pass_)
        z_ND = pass_.z.flatten(0, 1)
        if len(z_ND) < 2:
            raise UserError("marginal_kl_kde needs at least 2 samples per micro-batch; raise training.batch_size")
        return (log_kernel_density(z_ND) - standard_log_density(z_ND)).sum(-1).mean()

    @override
    def reach(self, dataset_size: int, batch_size: int) -> tuple[float, float]:
        return 0.0, math.inf
