"""Base class of posteriors: how the outputs of the encoder's head become the Gaussian q(z|x)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from vaescope.estimators.distributions import DiagonalGaussian


class Posterior(nn.Module):
    """The outputs of the head -> q(z|x). A choice is a file of ``posteriors/``.

    Attributes:
        outputs: how many numbers the head computes for each latent unit.
        start_std: sigma of q(z|x) at the start, where the means start at the whitened states of the encoder; else None.
        of_batch: True if q(z|x) of a text depends, in training, on the other texts of the micro-batch.
    """

    outputs: ClassVar[int] = 2
    of_batch: ClassVar[bool] = False
    start_std: float | None = None

    def __init__(self, latent_size: int) -> None:
        super().__init__()
        self.latent_size = latent_size

    def forward(self, mean_BD: Tensor, *log_variance_BD: Tensor) -> DiagonalGaussian:
        """Return q(z|x) of B texts from float32 outputs: the mean, and the log-variance if there are two outputs."""
        raise NotImplementedError

    def reset_parameters(self) -> None:
        """Initialise the parameters; called once by the model, never for loaded weights."""
