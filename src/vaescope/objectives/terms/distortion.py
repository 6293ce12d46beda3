"""Distortion D = -E log p(x|z): nats of a text that z does not explain.

Unbiased by the S samples of q(z|x) of the pass. Cost: S decoder passes, which every objective needs. At least 0. Alemi
et al., Fixing a Broken ELBO, ICML 2018.
"""

from __future__ import annotations

import math

from torch import Tensor
from typing_extensions import override

from vaescope.model.passes import Pass
from vaescope.objectives.term import Term


class Distortion(Term):
    """The batch mean of -E_q(z|x) log p(x|z), in nats per text."""

    @override
    def __call__(self, pass_: Pass) -> Tensor:
        return pass_.distortion.mean()

    @override
    def reach(self, dataset_size: int, batch_size: int) -> tuple[float, float]:
        return 0.0, math.inf
