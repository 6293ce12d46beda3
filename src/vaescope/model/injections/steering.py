"""Steering: a projection of z is added to the input of every layer, the residual stream."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from typing_extensions import override

from vaescope.model.backbone import initial_scale, key_value_shape, layers_of
from vaescope.model.injection import Conditioning, Injection, hidden_states, latent_of, with_hidden_states


class Steering(Injection):
    r"""Latent steering: in layer l, :math:`h_t \leftarrow h_t + W_l z + b_l` for every token t.

    The last layers lead almost straight to the logits, so a decoder that is not trained reads z from the first steps
    on. It needs no attention: a layer costs one addition. The scale at the start is a hundredth of that of a token
    embedding, so that a pre-trained decoder is almost unchanged.

    Reference: Subramani et al. 2022, "Extracting Latent Steering Vectors from Pretrained Language Models",
    arXiv:2205.05124 (one vector per text and layer, not a function of z).
    """

    def __init__(self, latent_size: int, decoder: PreTrainedConfig) -> None:
        count, _, _ = key_value_shape(decoder)
        scale = 0.01 * initial_scale(decoder) / latent_size**0.5
        super().__init__(latent_size, decoder, width=count * decoder.hidden_size, scale=scale)
        self.layers = nn.ModuleList(_Shift(index) for index in range(count))

    @override
    def attach(self, decoder: PreTrainedModel) -> None:
        for shift, layer in zip(self.layers, layers_of(decoder), strict=True):
            layer.register_forward_pre_hook(cast(_Shift, shift).add, with_kwargs=True)

    def forward(self, z_ND: Tensor) -> Conditioning:
        """Return ``steering``, ``[N, L, h]``."""
        return {"steering": self.project(z_ND).unflatten(-1, (len(self.layers), -1))}


class _Shift(nn.Module):
    """The shift of one layer."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def add(self, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Add the shift to the input of the layer."""
        shift_N1h = latent_of(kwargs, "steering", self.index)
        if shift_N1h is None:
            return None
        states_NTh = hidden_states(args, kwargs)
        return with_hidden_states(args, kwargs, states_NTh + shift_N1h.to(states_NTh.dtype))
