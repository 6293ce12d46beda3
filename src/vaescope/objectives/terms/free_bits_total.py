"""Rate with free bits on the total: max(lambda, mean_B KL).

The units share the free nats in any way. Works with every prior. Bias: upward near lambda, by the noise of the mean of
a micro-batch. Cost O(B D). At least lambda, no ceiling. Pelsmaeker and Aziz, Effective Estimation of Deep Generative
Language Models, ACL 2020, section 4 (compares it with mdr).
"""

from __future__ import annotations

import math

from torch import Tensor
from typing_extensions import override

from vaescope.model.passes import Pass
from vaescope.objectives.term import Term, non_negative


class FreeBitsTotal(Term):
    """max(rate, mean_B KL(q(z|x) || p(z))), in nats per text."""

    def __init__(self, *, rate: float = 8.0) -> None:
        self.rate = self.target = non_negative("free_bits_total.rate", rate)

    @override
    def __call__(self, pass_: Pass) -> Tensor:
        return pass_.rate.mean().clamp(min=self.rate)

    @override
    def reach(self, dataset_size: int, batch_size: int) -> tuple[float, float]:
        return self.rate, math.inf
