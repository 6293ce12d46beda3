"""What every injection is: a module that turns z into what the decoder is conditioned on."""

from __future__ import annotations

from torch import Tensor, nn
from transformers import PreTrainedConfig

Conditioning = dict[str, Tensor]
"""What reaches the decoder, by the place where it enters: ``memory`` [N, L, 2, H, k, d], ``embedding`` [N, h]."""


class Injection(nn.Module):
    """A way in which z reaches the decoder: z -> ``Conditioning``, through parameters of its own.

    A choice is a file of ``injections/`` whose class takes the latent size, the decoder's configuration and its own
    options as keywords, and fills places of the conditioning that no other injection fills.
    """

    def __init__(self, latent_size: int, decoder: PreTrainedConfig) -> None:
        super().__init__()
        self.latent_size = latent_size

    def forward(self, z_ND: Tensor) -> Conditioning:
        """Return the conditioning of N texts."""
        raise NotImplementedError

    def reset_parameters(self) -> None:
        """Draw the parameters anew; called once by the model, never for loaded weights."""
        raise NotImplementedError
