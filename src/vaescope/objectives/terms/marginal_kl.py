"""Marginal KL(q(z) || p(z)), the part of the rate that is not information, from the texts of a batch.

Estimates E log q(z) - E log p(z) = R - I with an estimator of q(z) from the batch. Bias: that of the information with
the opposite sign. So ``stratified`` is at least R - log N for a model of rate R, ``batch`` at least R - log B, and
``weighted`` is -log N for a model that matches its prior. Cost O(S B^2 D). No ceiling. Works with every prior. Hoffman
and Johnson, ELBO Surgery, 2016; Chen et al. 2018.
"""

from __future__ import annotations

from torch import Tensor
from typing_extensions import override

from vaescope.model.passes import Pass
from vaescope.objectives.aggregate_term import AggregateTerm


class MarginalKl(AggregateTerm):
    """The mean of log q(z) - log p(z), in nats per text."""

    @override
    def __call__(self, pass_: Pass) -> Tensor:
        return (self.log_q_z(pass_) - pass_.log_p_z).mean()
