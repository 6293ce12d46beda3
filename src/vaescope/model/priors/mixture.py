"""Mixture: learned diagonal Gaussians with learned weights."""

from __future__ import annotations

import math

import torch
from torch import nn
from transformers import initialization as init
from typing_extensions import override

from vaescope.errors import UserError
from vaescope.estimators.distributions import DiagonalGaussian, GaussianMixture
from vaescope.model.prior import Prior


class Mixture(Prior):
    r"""Mixture prior: :math:`p(z) = \sum_k w_k N(z; \mu_k, \mathrm{diag}\,\sigma_k^2)`, all learned.

    ``components`` is K. It starts with the mean and variance of N(0, I), its means apart so that each component finds
    its own place. The rate has no closed form.

    >>> prior = Mixture(2, components=3)
    >>> prior.reset_parameters()
    >>> prior.log_prob(prior.sample(5)).shape
    torch.Size([5])
    """

    def __init__(self, latent_size: int, *, components: int = 16) -> None:
        super().__init__(latent_size)
        if components < 1:
            raise UserError(f"prior 'mixture': components must be at least 1, not {components}")
        self.logit = nn.Parameter(torch.zeros(components))
        self.mean = nn.Parameter(torch.zeros(components, latent_size))
        self.log_std = nn.Parameter(torch.zeros(components, latent_size))

    @override
    def forward(self) -> GaussianMixture:
        components = DiagonalGaussian(self.mean.float(), self.log_std.float().exp())
        return GaussianMixture(self.logit.float().log_softmax(0), components)

    @override
    def reset_parameters(self) -> None:
        # the unit variance is shared equally between the means and the components
        init.zeros_(self.logit)
        init.normal_(self.mean, std=math.sqrt(0.5))
        init.constant_(self.log_std, 0.5 * math.log(0.5))
