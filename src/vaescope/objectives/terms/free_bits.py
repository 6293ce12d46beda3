"""Rate with free bits per latent unit on the batch mean: sum_j max(lambda, mean_B KL_j).

A unit may use up to lambda nats on average over the batch at no cost. Bias: upward, as an estimate of the maximum of
the expected rates, because the mean of a batch is noisy near lambda; with accumulation or several processes the maximum
is taken in each micro-batch. Cost O(B D). At least D lambda, no ceiling. Kingma et al., Improved Variational Inference
with Inverse Autoregressive Flow, NeurIPS 2016, equation 15.
"""

from __future__ import annotations

import math

from torch import Tensor
from typing_extensions import override

from vaescope.model.passes import Pass
from vaescope.objectives.term import Term, dimension_rate, non_negative


class FreeBits(Term):
    """sum_j max(rate / D, mean_B KL_j), in nats per text; ``rate`` is the free total of the D latent units."""

    def __init__(self, *, rate: float = 8.0) -> None:
        self.rate = self.target = non_negative("free_bits.rate", rate)

    @override
    def __call__(self, pass_: Pass) -> Tensor:
        rate_D = dimension_rate(pass_).mean(0)
        return rate_D.clamp(min=self.rate / rate_D.numel()).sum()

    @override
    def reach(self, dataset_size: int, batch_size: int) -> tuple[float, float]:
        return self.rate, math.inf
