"""Mutual information I(X;Z) = E log q(z|x) - E log q(z), what z says about x, from the texts of a batch.

Estimates the information of q(z|x) over the N training texts. Bias: with ``stratified`` upward while small and downward
near its ceiling of log N nats; with ``weighted`` log N upward, a constant; ``batch`` is a lower bound with the ceiling
log B, ``others`` an upper bound without one. So it can be steered but not measured: the assessment does that. Cost O(S
B^2 D), no decoder pass. Chen et al., Isolating Sources of Disentanglement in VAEs, NeurIPS 2018; Poole et al., On
Variational Bounds of Mutual Information, ICML 2019; McAllester and Stratos 2020 for the ceiling.
"""

from __future__ import annotations

import math

from torch import Tensor
from typing_extensions import override

from vaescope.model.passes import Pass
from vaescope.objectives.aggregate_term import AggregateTerm


class MutualInformation(AggregateTerm):
    """The mean of log q(z|x) - log q(z), in nats per text; the ceiling is that of the estimator of q(z)."""

    @override
    def __call__(self, pass_: Pass) -> Tensor:
        return (pass_.log_q_z_x - self.log_q_z(pass_)).mean()

    @override
    def reach(self, dataset_size: int, batch_size: int) -> tuple[float, float]:
        seen = {"stratified": dataset_size, "weighted": dataset_size * batch_size, "batch": batch_size}
        return 0.0, math.log(seen[self.estimator]) if self.estimator in seen else math.inf
