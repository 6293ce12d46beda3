"""DU-VAE: batch-normalised means (diversity) and dropout of the variances (uncertainty)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import initialization as init
from typing_extensions import override

from vaescope.errors import UserError
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.posteriors.bn_vae import BnVae


class DuVae(BnVae):
    r"""Means as in ``bn_vae``, with a learned gain of root mean square ``gamma`` over the units, and variances

    .. math:: \bar\sigma^2 = g\,(\sigma^2 - v)/(1 - p) + v, \qquad \sigma^2 = e^a + v, \qquad v = \alpha/(2\pi e),

    where a is the output of the head and g is 0 with probability p = ``dropout`` in training, else 1 (in evaluation
    :math:`\bar\sigma = \sigma`). No posterior unit has an entropy below :math:`\log(\alpha)/2` nats. The defaults are
    those of the released code for text; there the weight of the rate starts at 0 for 10 epochs (objective ``linear``),
    and the dropout starts after them, here at once.

    Reference: Shen et al. 2021, "Regularizing Variational Autoencoder with Diversity and Uncertainty Awareness", WWW.
    """

    def __init__(self, latent_size: int, *, gamma: float = 0.5, dropout: float = 0.2, alpha: float = 1.0) -> None:
        super().__init__(latent_size, gamma=gamma)
        if not 0 <= dropout < 1:
            raise UserError(f"posterior 'du_vae': dropout must be in [0, 1), not {dropout}")
        if not alpha > 0:
            raise UserError(f"posterior 'du_vae': alpha must be positive, not {alpha}")
        self.dropout = dropout
        self.least = alpha / (2 * math.pi * math.e)
        self.direction = nn.Parameter(torch.ones(latent_size))

    @property
    @override
    def gain(self) -> Tensor:
        return self.gamma * self.direction / self.direction.square().mean().sqrt()

    @override
    def forward(self, mean_BD: Tensor, *log_variance_BD: Tensor) -> DiagonalGaussian:
        above_BD = F.dropout(log_variance_BD[0].exp(), self.dropout, self.of_training)
        return DiagonalGaussian(self.normalised(mean_BD), (above_BD + self.least).sqrt())

    @override
    def reset_parameters(self) -> None:
        super().reset_parameters()
        init.ones_(self.direction)
