"""Marginal KL(q(z) || p(z)), the part of the rate that is no information, from the texts of a batch.

Estimates E log q(z) - E log p(z) = R - I by stratified or weighted sampling of q(z). Bias: that of the information
with the other sign, so R - log N is the least that ``stratified`` can show of a model of rate R, and -log N what
``weighted`` shows of one that matches its prior. Cost O(S B^2 D). No ceiling. Works with every prior. Hoffman and
Johnson, ELBO Surgery, 2016; Chen et al. 2018.
"""

from __future__ import annotations

from torch import Tensor

from vaescope.model.passes import Pass
from vaescope.objectives.aggregate import AggregateTerm


class MarginalKl(AggregateTerm):
    """The mean of log q(z) - log p(z), in nats per text."""

    def __call__(self, pass_: Pass) -> Tensor:
        """Return the estimate, a scalar."""
        return (self.log_q_z(pass_) - pass_.log_p_z).mean()
