"""Base class of priors: a module whose ``forward`` returns the distribution p(z)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vaescope.estimators.distributions import DiagonalGaussian

if TYPE_CHECKING:
    from vaescope.model.vae import TransformerVAE


class Prior(nn.Module):
    """p(z) over R^D. A choice is a file of ``priors/``; ``forward`` is the only method that it must write.

    The constructor takes the latent size D, and the options of the prior as keywords. Density, samples and rate follow
    from the distribution: a prior that returns a ``DiagonalGaussian`` has the closed-form rate.

    >>> class Wide(Prior):
    ...     def forward(self):
    ...         return DiagonalGaussian(torch.zeros(self.latent_size), torch.full((self.latent_size,), 2.0))
    >>> Wide(3).rate(DiagonalGaussian.standard(3))
    tensor([0.3181, 0.3181, 0.3181])
    """

    _place: Tensor

    def __init__(self, latent_size: int) -> None:
        super().__init__()
        self.latent_size = latent_size
        # a prior without parameters follows the model to its device, too
        self.register_buffer("_place", torch.zeros(()), persistent=False)

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return self._place.device

    def forward(self) -> Distribution:
        """Return p(z), event shape ``[D]``, with parameters in float32 on ``device``."""
        raise NotImplementedError

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z) in nats, ``[..., D] -> [...]``, in float32 or wider."""
        distribution = self()
        with torch.autocast(z.device.type, enabled=False):
            return distribution.log_prob(z if z.dtype == torch.float64 else z.float())

    def sample(self, n: int) -> Tensor:
        """Return n independent samples, ``[n, D]``, from the global random state; reparameterised where p(z) allows."""
        distribution = self()
        with torch.autocast(self.device.type, enabled=False):
            return distribution.rsample((n,)) if distribution.has_rsample else distribution.sample((n,))

    def rate(self, posterior: DiagonalGaussian) -> Tensor | None:
        """Return KL(q(z|x) || p(z)) by latent unit, ``[B, D]``, or None if p(z) is not a diagonal Gaussian."""
        distribution = self()
        return posterior.unit_kl(distribution) if isinstance(distribution, DiagonalGaussian) else None

    @property
    def is_standard(self) -> bool:
        """Whether p(z) is N(0, I), whatever the parameters: ask this before using a formula that holds for N(0, I)
        only."""
        distribution = self()
        return isinstance(distribution, DiagonalGaussian) and distribution.is_standard

    def bind(self, model: TransformerVAE) -> None:
        """Take what p(z) needs from the model; called once, before weights are initialised or loaded.

        A prior may keep a method of the model, but never the model itself: that would become its submodule.
        """

    def reset_parameters(self) -> None:
        """Initialise the parameters; called once by the model, never for loaded weights."""
