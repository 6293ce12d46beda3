"""What every injection is: a module that turns z into what the decoder is conditioned on."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

Conditioning = dict[str, Tensor]
"""What reaches the decoder, by the place where it enters; N texts, L layers, H key-value heads of size d, width h.

``prefix`` [N, k, h] and ``embedding`` [N, h] join the input embeddings, ``first_layer`` [N, h] the first layer's input;
``memory`` [N, L, 2, H, k, d] and ``gate`` [N, L, H, d] the attention; ``cross_attention`` [N, L, H, d] and ``matrix``
[N, L, 1 + h] reach hooks inside the layers. Every layer is handed the whole as its keyword argument ``latent``, so
what a hook reads is there again when gradient checkpointing computes the layer a second time.
"""


class Injection(nn.Module):
    """A way in which z reaches the decoder: z -> ``Conditioning``, through parameters of its own.

    A choice is a file of ``injections/`` whose class takes the latent size, the decoder's configuration and its own
    options as keywords, and fills places of the conditioning that no other injection fills.
    """

    def __init__(self, latent_size: int, decoder: PreTrainedConfig) -> None:
        super().__init__()
        self.latent_size = latent_size

    def attach(self, decoder: PreTrainedModel) -> None:
        """Hook into the decoder's layers, where the injection acts there; called once, before any use.

        A hook is a method of a module: a copy of the model then has hooks with the parameters of the copy.
        """

    def forward(self, z_ND: Tensor) -> Conditioning:
        """Return the conditioning of N texts."""
        raise NotImplementedError

    def reset_parameters(self) -> None:
        """Draw the parameters anew; called once by the model, never for loaded weights."""
        raise NotImplementedError


def hidden_states(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Return the hidden states among the arguments of a layer or attention."""
    return args[0] if args else kwargs["hidden_states"]


def with_hidden_states(
    args: tuple[Any, ...], kwargs: dict[str, Any], states: Tensor
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments with other hidden states, as a forward pre-hook returns them."""
    return ((states, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": states})
