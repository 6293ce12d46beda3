"""EncodedRegion: where texts are encoded, and which points of a path lie outside, in holes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.estimators.aggregate_density import log_aggregate, log_block_sums
from vaescope.randomness import stream

FEWEST = 20
"""Fewest texts whose encodings have an edge that can be known."""

LEVEL = 0.01
"""Share of the encodings that lie outside: the convention of the diagnostic ``holes``."""


@dataclass(frozen=True)
class EncodedRegion:
    r"""The region where :math:`-\log q_N(z)` is at most its 99% quantile at encodings, each without its own posterior.

    Attributes:
        mean: posterior means of N distinct texts, ``[N, D]``.
        std: their standard deviations, ``[N, D]``.
        cut: the quantile, nats.

    >>> mean = torch.randn(500, 2, generator=torch.Generator().manual_seed(0)) * 0.8
    >>> region = EncodedRegion.of(mean, torch.full_like(mean, 0.6))  # q(z) is about N(0, I)
    >>> region.holes(torch.tensor([[0.0, 0.0], [9.0, 0.0]]))
    tensor([False,  True])
    """

    mean: Tensor
    std: Tensor
    cut: float

    @classmethod
    def of(cls, mean_ND: Tensor, std_ND: Tensor, *, seed: int = 0) -> EncodedRegion:
        """Return the region of these posteriors, from one sample of each.

        Raises:
            ValueError: fewer than FEWEST texts.
        """
        count = len(mean_ND)
        if count < FEWEST:
            raise ValueError(f"at least {FEWEST} texts have a region, not {count}")
        noise_ND = torch.randn(mean_ND.shape, generator=stream(seed, "encoded region"))
        z_ND = mean_ND + std_ND * noise_ND
        sums_N = log_block_sums(z_ND, mean_ND, std_ND, own_M=torch.arange(count))[:, 0]
        surprise_N = math.log(count - 1) - sums_N
        return cls(mean_ND, std_ND, surprise_N[surprise_N.isfinite()].quantile(1 - LEVEL).item())

    def holes(self, z_MD: Tensor) -> Tensor:
        """Return which points lie outside the region, ``[M]``, bool."""
        return -log_aggregate(z_MD, self.mean, self.std) > self.cut
