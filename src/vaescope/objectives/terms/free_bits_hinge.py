"""Rate with free bits per text and latent unit: mean_B sum_j KL_ij where KL_ij > lambda, else 0.

The form of Li et al., A Surprisingly Effective Fix for Deep Latent Variable Modeling of Text, EMNLP 2019, up to a
constant, and of the reference system. It is discontinuous at lambda: a rate below lambda counts as 0, so the rate tends
to end below its target. It is a mean over texts, so it is unbiased: accumulation and processes do not change it. Cost
O(B D). At least 0, no ceiling.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from typing_extensions import override

from vaescope.model.passes import Pass
from vaescope.objectives.term import Term, dimension_rate, non_negative


class FreeBitsHinge(Term):
    """mean_B sum_j 1[KL_ij > rate / D] KL_ij, in nats per text; ``rate`` is the free total of the D units."""

    def __init__(self, *, rate: float = 8.0) -> None:
        self.rate = self.target = non_negative("free_bits_hinge.rate", rate)

    @override
    def __call__(self, pass_: Pass) -> Tensor:
        rate_BD = dimension_rate(pass_)
        threshold = self.rate / rate_BD.shape[1]
        return torch.where(rate_BD > threshold, rate_BD, torch.zeros_like(rate_BD)).sum(1).mean()

    @override
    def reach(self, dataset_size: int, batch_size: int) -> tuple[float, float]:
        return 0.0, math.inf
