"""Standard: the Gaussian N(0, I), with the closed-form rate."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Independent

from vaescope.model.prior import Prior


class Standard(Prior):
    r"""p(z) = N(0, I), with :math:`KL_j = (\mu_j^2 + \sigma_j^2 - 1)/2 - \log\sigma_j` in nats.

    >>> prior = Standard(2)
    >>> prior.log_prob(torch.zeros(1, 2))
    tensor([-1.8379])
    """

    anchor: Tensor

    def __init__(self, latent_size: int) -> None:
        super().__init__(latent_size)
        # samples follow the device of the model
        self.register_buffer("anchor", torch.zeros(()), persistent=False)

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z), ``[..., D] -> [...]``."""
        z = z if z.dtype == torch.float64 else z.float()
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)

    def sample(self, n: int) -> Tensor:
        """Return n samples, ``[n, D]``."""
        return torch.randn(n, self.latent_size, device=self.anchor.device)

    def rate(self, posterior: Independent) -> Tensor:
        """Return KL(q(z|x) || p(z)) by latent unit, ``[B, D]``."""
        mean, std = posterior.base_dist.loc, posterior.base_dist.scale
        return 0.5 * (mean.square() + std.square() - 1) - std.log()
