"""Fixed scale: q(z|x) = N(mu(x), scale^2 I), so only the means carry information."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from vaescope.errors import UserError
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.posterior import Posterior


class FixedScale(Posterior):
    r"""Every posterior has the standard deviation ``scale``: the entropy h(Z|X) is a constant.

    Information and marginal KL then depend on the means alone: :math:`I = h(Z) - D[\log(2\pi e)/2 + \log s]`. With the
    prior N(0, I) the variance of the aggregate is one at a variance of the means of :math:`1 - s^2`. The rate is at
    least :math:`D[(s^2 - 1)/2 - \log s]` nats, which carries no information: 0.32 nats per unit at the default.

    The default is in the range of the fixed scales of latent language models; Sun et al. 2024, "Multimodal Latent
    Language Modeling with Next-Token Diffusion", arXiv:2412.08635, fix it so that the variance cannot collapse.
    """

    outputs = 1

    def __init__(self, latent_size: int, *, scale: float = 0.5) -> None:
        super().__init__(latent_size)
        if not scale > 0:
            raise UserError(f"posterior 'fixed_scale': scale must be positive, not {scale}")
        self.scale = float(scale)

    @override
    def forward(self, mean_BD: Tensor, *log_variance_BD: Tensor) -> DiagonalGaussian:
        return DiagonalGaussian(mean_BD, torch.full_like(mean_BD, self.scale))
