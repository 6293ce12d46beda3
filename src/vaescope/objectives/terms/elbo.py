"""Evidence lower bound ELBO = -D - R <= log p(x), maximised where it has a weight.

Unbiased, at the cost of distortion and rate. At most 0, since a text has a probability. Kingma and Welling,
Auto-Encoding Variational Bayes, ICLR 2014.
"""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor

from vaescope.model.passes import Pass
from vaescope.objectives.term import Term


class Elbo(Term):
    """The batch mean of -distortion - rate, in nats per text (a negative number)."""

    maximised: ClassVar[bool] = True

    def __call__(self, pass_: Pass) -> Tensor:
        """Return the mean ELBO, a scalar."""
        return -(pass_.distortion + pass_.rate).mean()

    def reach(self, dataset_size: int, batch_size: int) -> tuple[float, float]:
        """Return 0 as the largest value: a probability is at most 1."""
        return -math.inf, 0.0
