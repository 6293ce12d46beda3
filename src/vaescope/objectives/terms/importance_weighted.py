"""Importance-weighted bound L_S = E log 1/S sum_s p(x, z_s) / q(z_s|x) <= log p(x), maximised if it has a weight.

Unbiased for L_S from the S samples of the pass (``training.samples``). As an estimate of log p(x) it is biased
downward, less so for larger S; at S = 1 it is the sampled ELBO. Cost: S decoder passes, O(1) on top. At most 0. The
signal-to-noise ratio of its gradient for q(z|x) falls as 1/sqrt(S); ``importance_weighted_dreg`` corrects that. Burda,
Grosse and Salakhutdinov, Importance Weighted Autoencoders, ICLR 2016.
"""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor
from typing_extensions import override

from vaescope.model.passes import Pass
from vaescope.objectives.term import Term


class ImportanceWeighted(Term):
    """The batch mean of log 1/S sum_s w_s with w_s = p(x|z_s) p(z_s) / q(z_s|x), in nats per text."""

    maximised: ClassVar[bool] = True

    @override
    def __call__(self, pass_: Pass) -> Tensor:
        log_w_SB = pass_.log_p_x_z + pass_.log_p_z - pass_.log_q_z_x
        return (log_w_SB.logsumexp(0) - math.log(len(log_w_SB))).mean()

    @override
    def reach(self, dataset_size: int, batch_size: int) -> tuple[float, float]:
        return -math.inf, 0.0
