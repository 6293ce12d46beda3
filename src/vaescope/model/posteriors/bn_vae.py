"""BN-VAE: batch normalisation gives the posterior means a fixed variance, so the rate cannot vanish."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import initialization as init
from typing_extensions import override

from vaescope.errors import UserError
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.posterior import Posterior

MOMENTUM = 0.1
"""Weight of a new batch in the running statistics."""
EPSILON = 1e-12
"""Added to the variance. With torch's default of 1e-5, training shrinks the means below it, and the rate vanishes."""


class BnVae(Posterior):
    r"""Means normalised over the texts of a micro-batch: :math:`\bar\mu = \gamma\,(\mu - m_B)/s_B + \beta`.

    ``gamma`` is fixed, beta is learned. So the means have the variance :math:`\gamma^2` in every unit, and the expected
    rate is at least :math:`D\gamma^2/2` nats under the prior N(0, I). None of it has to be information: the constraint
    is on moments of the aggregate. In evaluation, running averages replace :math:`m_B, s_B`, so q(z|x) is a function of
    x alone. The default is that of the paper for text.

    Reference: Zhu et al. 2020, "A Batch Normalized Inference Network Keeps the KL Vanishing Away", arXiv:2004.12585.
    """

    of_batch = True
    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, latent_size: int, *, gamma: float = 0.6) -> None:
        super().__init__(latent_size)
        if not gamma > 0:
            raise UserError(f"gamma of a normalised posterior must be positive, not {gamma}")
        self.gamma = float(gamma)
        self.shift = nn.Parameter(torch.zeros(latent_size))
        self.register_buffer("running_mean", torch.zeros(latent_size))
        self.register_buffer("running_variance", torch.ones(latent_size))

    @override
    def forward(self, mean_BD: Tensor, *log_variance_BD: Tensor) -> DiagonalGaussian:
        return DiagonalGaussian(self.normalised(mean_BD), (0.5 * log_variance_BD[0]).exp())

    @property
    def of_training(self) -> bool:
        """Whether batch statistics are used: in training, unless the encoder is frozen."""
        return self.training and self.shift.requires_grad

    @property
    def gain(self) -> Tensor | float:
        """The standard deviation of the normalised means."""
        return self.gamma

    def normalised(self, mean_BD: Tensor) -> Tensor:
        """Return the means with the standard deviation ``gain`` about ``shift``.

        Raises:
            UserError: one text alone in training.
        """
        if self.of_training:
            if len(mean_BD) < 2:
                raise UserError(
                    "a batch-normalised posterior needs at least 2 texts per micro-batch; raise training.batch_size"
                )
            centre_D, variance_D = mean_BD.mean(0), mean_BD.var(0, correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(centre_D, MOMENTUM)
                self.running_variance.lerp_(variance_D, MOMENTUM)
        else:
            centre_D, variance_D = self.running_mean, self.running_variance
        return self.gain * (mean_BD - centre_D) / (variance_D + EPSILON).sqrt() + self.shift

    @override
    def reset_parameters(self) -> None:
        init.zeros_(self.shift)
        init.zeros_(self.running_mean)
        init.ones_(self.running_variance)
