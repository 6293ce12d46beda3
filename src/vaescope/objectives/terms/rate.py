"""Rate R = KL(q(z|x) || p(z)): nats that it costs to send z.

The closed form where the prior has one, else unbiased by the S samples. Cost O(B D), or that of the prior's density. At
least 0, no ceiling: it bounds the information, I <= R. Alemi et al., Fixing a Broken ELBO, ICML 2018.
"""

from __future__ import annotations

import math

from torch import Tensor

from vaescope.model.passes import Pass
from vaescope.objectives.term import Term


class Rate(Term):
    """The batch mean of KL(q(z|x) || p(z)), in nats per text."""

    def __call__(self, pass_: Pass) -> Tensor:
        """Return the mean rate, a scalar."""
        return pass_.rate.mean()

    def reach(self, dataset_size: int, batch_size: int) -> tuple[float, float]:
        """Return 0 as the smallest value."""
        return 0.0, math.inf
