"""Base class of injections: modules that map z to what the decoder is conditioned on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers import initialization as init

from vaescope.model.kernels.packing import of_each_token

Conditioning = dict[str, Tensor]
"""What the decoder reads from z, by the place where it enters; N texts, L layers, H key-value heads of size d, width h.

``prefix`` [N, k, h] and ``embedding`` [N, h] join the input embeddings, ``first_layer`` [N, h] the input of the first
layer; ``memory`` [N, L, 2, H, k, d] and ``gate`` [N, L, H, d] the attention; ``cross_attention`` [N, L, H, d] and
``matrix`` [N, L, 1 + h] reach hooks inside the layers. An injection that registers hooks may add a place under any
other name. Every layer receives the whole conditioning as its keyword argument ``latent``, so a hook reads the same
values when gradient checkpointing computes the layer a second time.
"""


class Injection(nn.Module):
    """A way in which z reaches the decoder: z -> ``Conditioning``.

    A choice is a file of ``injections/``. Its constructor takes the latent size, the configuration of the decoder and
    its own options as keywords. ``forward`` fills places of the conditioning that no other injection fills, and
    ``attach`` registers hooks, if the decoder does not know these places.

    Args:
        latent_size: D.
        decoder: the configuration of the decoder.
        width: outputs of ``projection``; 0 for an injection without one.
        scale: standard deviation of the weights of ``projection`` at the start.

    Attributes:
        projection: the linear map of z, from which ``forward`` makes the conditioning; None if ``width`` is 0.
        scale: as given.

    An injection by a hook, which adds Wz to the input of the last layer:

    >>> from vaescope.model.backbone import layers_of
    >>> class LastLayer(Injection):
    ...     def __init__(self, latent_size, decoder):
    ...         super().__init__(latent_size, decoder, width=decoder.hidden_size, scale=0.02)
    ...     def forward(self, z_ND):
    ...         return {"last_layer": self.projection(z_ND)}
    ...     def attach(self, decoder):
    ...         layers_of(decoder)[-1].register_forward_pre_hook(self.add, with_kwargs=True)
    ...     def add(self, layer, args, kwargs):
    ...         shift = latent_of(kwargs, "last_layer")
    ...         return None if shift is None else with_hidden_states(args, kwargs, hidden_states(args, kwargs) + shift)
    """

    def __init__(self, latent_size: int, decoder: PreTrainedConfig, *, width: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.projection = nn.Linear(latent_size, width) if width else None

    def project(self, z_ND: Tensor) -> Tensor:
        """Return ``projection`` of z, ``[N, width]``."""
        if self.projection is None:
            raise TypeError(f"{type(self).__name__} has width 0, so it has no projection")
        return self.projection(z_ND)

    def attach(self, decoder: PreTrainedModel) -> None:
        """Register hooks in the layers of the decoder; called once, before any use.

        A hook must be a method of a module: then a copy of the model has hooks with the parameters of the copy.
        ``latent_of``, ``hidden_states`` and ``with_hidden_states`` read and change the arguments of a layer.
        """

    def forward(self, z_ND: Tensor) -> Conditioning:
        """Return the conditioning of N texts."""
        raise NotImplementedError

    def reset_parameters(self) -> None:
        """Initialise the parameters; called once by the model, never for loaded weights.

        This draws ``projection``. An injection with more parameters draws those after ``super().reset_parameters()``.
        """
        if self.projection is not None:
            init.normal_(self.projection.weight, std=self.scale)
            init.zeros_(self.projection.bias)


def latent_of(kwargs: Mapping[str, Any], place: str, layer: int | None = None) -> Tensor | None:
    """Return what the conditioning holds at a place, for each token of a layer called with ``kwargs``.

    ``[N, ...]`` becomes ``[N, 1, ...]``, or ``[1, P, ...]`` if the P tokens are packed: it broadcasts with the hidden
    states. With ``layer`` the values are those of that layer, of ``[N, L, ...]``. None if the decoder runs without z.
    """
    values_N = (kwargs.get("latent") or {}).get(place)
    if values_N is None:
        return None
    return of_each_token(values_N if layer is None else values_N[:, layer], kwargs)


def hidden_states(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor:
    """Return the hidden states among the arguments of a layer or attention."""
    return args[0] if args else kwargs["hidden_states"]


def with_hidden_states(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], states: Tensor
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments with other hidden states, as a forward pre-hook returns them."""
    return ((states, *args[1:]), dict(kwargs)) if args else (args, {**kwargs, "hidden_states": states})
