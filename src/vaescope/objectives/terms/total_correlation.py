"""Total correlation TC = KL(q(z) || prod_d q(z_d)), the dependence between the latent units under q(z).

Estimates E log q(z) - sum_d E log q(z_d) with an estimator of both from the batch. Bias: that of the joint and of the D
marginals; upward by about I - log N where the information I exceeds log N, and by (D - 1) log N with ``weighted`` where
z carries nothing (a constant). Cost O(S B^2 D). No ceiling. Chen et al., Isolating Sources of Disentanglement in VAEs,
NeurIPS 2018.
"""

from __future__ import annotations

from torch import Tensor
from typing_extensions import override

from vaescope.model.passes import Pass
from vaescope.objectives.aggregate_term import AggregateTerm


class TotalCorrelation(AggregateTerm):
    """The mean of log q(z) - sum_d log q(z_d), in nats per text."""

    @override
    def __call__(self, pass_: Pass) -> Tensor:
        return (self.log_q_z(pass_) - self.log_q_units(pass_).sum(-1)).mean()
