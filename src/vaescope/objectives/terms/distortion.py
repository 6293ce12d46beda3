"""Distortion D = -E log p(x|z): nats that z leaves unsaid about a text.

Unbiased by the S samples of q(z|x) of the pass. Cost: S decoder passes, which all objectives need. At least 0. Alemi
et al., Fixing a Broken ELBO, ICML 2018.
"""

from __future__ import annotations

import math

from torch import Tensor

from vaescope.model.passes import Pass
from vaescope.objectives.term import Term


class Distortion(Term):
    """The batch mean of -E_q(z|x) log p(x|z), in nats per text."""

    def __call__(self, pass_: Pass) -> Tensor:
        """Return the mean distortion, a scalar."""
        return pass_.distortion.mean()

    def reach(self, dataset_size: int, batch_size: int) -> tuple[float, float]:
        """Return 0 as the smallest value."""
        return 0.0, math.inf
