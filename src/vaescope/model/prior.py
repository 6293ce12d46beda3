"""What every prior is: a density over z that can be scored, sampled and, where possible, compared in closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.distributions import Independent

if TYPE_CHECKING:
    from vaescope.model.vae import TransformerVAE


class Prior(nn.Module):
    """p(z) over R^D. Each is a file of ``priors/`` whose class takes the latent size and its options as keywords."""

    def __init__(self, latent_size: int) -> None:
        super().__init__()
        self.latent_size = latent_size

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z) in nats, ``[..., D] -> [...]``, in float32 or wider."""
        raise NotImplementedError

    def sample(self, n: int) -> Tensor:
        """Return n independent samples, ``[n, D]``, from the global random state."""
        raise NotImplementedError

    def rate(self, posterior: Independent) -> Tensor | None:
        """Return KL(q(z|x) || p(z)) by latent unit, ``[B, D]``, or None where there is no closed form."""
        return None

    def bind(self, model: TransformerVAE) -> None:
        """Take from the model what p(z) is defined through; called once, before weights are drawn or loaded.

        A prior may keep a method of the model, never the model itself, which would become its submodule.
        """

    def reset_parameters(self) -> None:
        """Draw the parameters anew; called once by the model, never for loaded weights."""
