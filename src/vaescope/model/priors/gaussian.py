"""Gaussian: a diagonal Gaussian with learned mean and scale, with the closed-form rate."""

from __future__ import annotations

import torch
from torch import nn
from transformers import initialization as init
from typing_extensions import override

from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.prior import Prior


class Gaussian(Prior):
    r"""Diagonal Gaussian prior: :math:`p(z) = N(z; m, \mathrm{diag}\,s^2)`, m and s learned.

    It starts as N(0, I). An affine change of each latent unit leaves rate and distortion as they are, so this prior
    helps only where the scales of encoder and decoder are limited. It is the cheapest test of whether N(0, I) is a
    limit.

    >>> prior = Gaussian(2)
    >>> prior.sample(5).shape
    torch.Size([5, 2])
    """

    def __init__(self, latent_size: int) -> None:
        super().__init__(latent_size)
        self.mean = nn.Parameter(torch.zeros(latent_size))
        self.log_std = nn.Parameter(torch.zeros(latent_size))

    @override
    def forward(self) -> DiagonalGaussian:
        return DiagonalGaussian(self.mean.float(), self.log_std.float().exp())

    @override
    def reset_parameters(self) -> None:
        init.zeros_(self.mean)
        init.zeros_(self.log_std)
