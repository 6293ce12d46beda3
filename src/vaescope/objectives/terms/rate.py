"""Rate R = KL(q(z|x) || p(z)): the cost of z in nats.

In closed form if the prior has one, otherwise unbiased by the S samples. Cost O(B D), or that of the prior's density.
At least 0, no ceiling: it bounds the information, I <= R. Alemi et al., Fixing a Broken ELBO, ICML 2018.
"""

from __future__ import annotations

import math

from torch import Tensor
from typing_extensions import override

from vaescope.model.passes import Pass
from vaescope.objectives.term import Term


class Rate(Term):
    """The batch mean of KL(q(z|x) || p(z)), in nats per text."""

    @override
    def __call__(self, pass_: Pass) -> Tensor:
        return pass_.rate.mean()

    @override
    def reach(self, dataset_size: int, batch_size: int) -> tuple[float, float]:
        return 0.0, math.inf
