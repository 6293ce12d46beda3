"""Gaussian: mean and log-variance of each text are free."""

from __future__ import annotations

from torch import Tensor
from typing_extensions import override

from vaescope.errors import UserError, unknown
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.posterior import Posterior

STARTS = ("prior", "whitened")
"""Where q(z|x) starts."""


class Gaussian(Posterior):
    r"""q(z|x) = N(mu, diag sigma^2), where mu and log sigma^2 are linear in the states of the encoder.

    ``start`` is where training begins. ``prior``: small means and unit variances. ``whitened``: the means are the
    leading principal components of the pooled states of the training texts, each of unit variance, and sigma is
    ``start_std``; a pre-trained encoder then says much of a text before the decoder has learned to read it.

    Reference: Kingma & Welling 2014, "Auto-Encoding Variational Bayes", arXiv:1312.6114.
    """

    def __init__(self, latent_size: int, *, start: str = "prior", start_std: float = 0.22) -> None:
        super().__init__(latent_size)
        if start not in STARTS:
            raise unknown("start of posterior 'gaussian'", start, STARTS)
        if not 0 < start_std <= 1:
            raise UserError(f"posterior 'gaussian': start_std must be above 0 and at most 1, not {start_std}")
        self.start_std = start_std if start == "whitened" else None

    @override
    def forward(self, mean_BD: Tensor, *log_variance_BD: Tensor) -> DiagonalGaussian:
        return DiagonalGaussian(mean_BD, (0.5 * log_variance_BD[0]).exp())
