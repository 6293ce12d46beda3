"""Standard: the Gaussian N(0, I), with the closed-form rate."""

from __future__ import annotations

from typing_extensions import override

from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.prior import Prior


class Standard(Prior):
    r"""p(z) = N(0, I), with :math:`KL_j = (\mu_j^2 + \sigma_j^2 - 1)/2 - \log\sigma_j` in nats.

    >>> import torch
    >>> Standard(2).log_prob(torch.zeros(1, 2))
    tensor([-1.8379])
    """

    @override
    def forward(self) -> DiagonalGaussian:
        return DiagonalGaussian.standard(self.latent_size, self.device)
