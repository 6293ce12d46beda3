"""Gaussian: mean and log-variance of each text are free."""

from __future__ import annotations

from torch import Tensor
from typing_extensions import override

from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.posterior import Posterior


class Gaussian(Posterior):
    r"""q(z|x) = N(mu, diag sigma^2), where mu and log sigma^2 are linear in the states of the encoder.

    Reference: Kingma & Welling 2014, "Auto-Encoding Variational Bayes", arXiv:1312.6114.
    """

    @override
    def forward(self, mean_BD: Tensor, *log_variance_BD: Tensor) -> DiagonalGaussian:
        return DiagonalGaussian(mean_BD, (0.5 * log_variance_BD[0]).exp())
