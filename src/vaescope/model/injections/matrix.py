"""Matrix: z changes the query, key and value matrices of every layer by a gated rank-one update."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers import initialization as init

from vaescope.model.backbone import key_value_shape, layers_of, projections_of
from vaescope.model.injection import Conditioning, Injection, hidden_states, with_hidden_states
from vaescope.model.kernels.packing import of_each_token

GATE_AT_START = -5.0
"""Logit of the gate at the start: g = 0.0067, so that a pre-trained decoder is all but unchanged."""


class Matrix(Injection):
    r"""Latent matrix: in layer l, each of queries, keys and values is :math:`h((1-g) W + g\,u a^\top) + b`.

    :math:`(\gamma_l, u_l)` is a linear function of z, :math:`g = \sigma(\gamma_l)`, and a is learned, one for each of
    the three. Computed as :math:`((1-g)h)W + g(h \cdot u)\,a + b`, so that no text has a matrix of its own. The gate
    has its own logit, which starts at ``GATE_AT_START``; a starts on the scale of a key, not at zero: gradients
    reach u and the gate. Where one projection makes queries, keys and values, a is their three vectors joined.

    Reference: Barkhof 2021, "Taking a step back: assessing the TransformerVAE as a latent variable model first", there
    with the gate read from the first entry of u and a started at zero.
    """

    def __init__(self, latent_size: int, decoder: PreTrainedConfig) -> None:
        super().__init__(latent_size, decoder)
        count, kv_heads, head_size = key_value_shape(decoder)
        widths = [decoder.num_attention_heads * head_size, kv_heads * head_size, kv_heads * head_size]
        self.scale = 1 / math.sqrt(decoder.hidden_size * latent_size)
        self.key_scale = decoder.initializer_range * math.sqrt(decoder.hidden_size)
        self.projection = nn.Linear(latent_size, count * (1 + decoder.hidden_size))
        self.layers = nn.ModuleList(RankOne(index, widths) for index in range(count))

    def attach(self, decoder: PreTrainedModel) -> None:
        """Scale the input of each layer's projections and add the rank-one update to their outputs."""
        for update, layer in zip(self._updates(), layers_of(decoder), strict=True):
            update.attach(layer)

    def forward(self, z_ND: Tensor) -> Conditioning:
        """Return ``matrix``, ``[N, L, 1 + h]``: the logit of the gate and u."""
        return {"matrix": self.projection(z_ND).unflatten(-1, (len(self.layers), -1))}

    def reset_parameters(self) -> None:
        """Start with h.u of unit scale under the prior, and the gate nearly closed."""
        init.normal_(self.projection.weight, std=self.scale)
        bias = torch.zeros_like(self.projection.bias).unflatten(0, (len(self.layers), -1))
        bias[:, 0] = GATE_AT_START
        init.copy_(self.projection.bias, bias.flatten())
        for update in self._updates():
            init.normal_(update.direction, std=self.key_scale)

    def _updates(self) -> list[RankOne]:
        return cast("list[RankOne]", list(self.layers))


class RankOne(nn.Module):
    """The update of one layer; ``direction`` is a, for queries, keys and values joined."""

    def __init__(self, index: int, widths: list[int]) -> None:
        super().__init__()
        self.index = index
        self.widths = widths
        self.direction = nn.Parameter(torch.empty(sum(widths)))

    def attach(self, layer: nn.Module) -> None:
        """Hook into the projections of a layer."""
        attention, projections = projections_of(layer)
        attention.register_forward_pre_hook(self.scale_input, with_kwargs=True)
        adds = [self.add_joined] if len(projections) == 1 else [self.add_query, self.add_key, self.add_value]
        for projection, add in zip(projections, adds, strict=True):
            projection.register_forward_hook(add)

    def scale_input(self, attention: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Replace the input h by (1-g)h, which carries g(h.u) to the projections."""
        latent_NL1h = (kwargs.get("latent") or {}).get("matrix")
        if latent_NL1h is None:
            return None
        states_NTh = hidden_states(args, kwargs)
        latent_N1h = of_each_token(latent_NL1h[:, self.index].to(states_NTh.dtype), kwargs)
        gate_N11, u_N1h = latent_N1h[..., :1].sigmoid(), latent_N1h[..., 1:]
        scaled = states_NTh * (1 - gate_N11)
        # rides on the tensor: nothing is kept in a module, so a recomputed layer cannot read what is out of date
        cast(Any, scaled).latent_scores = gate_N11 * (states_NTh * u_N1h).sum(-1, keepdim=True)
        return with_hidden_states(args, kwargs, scaled)

    def add_joined(self, projection: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """Add g(h.u)a to queries, keys and values in one."""
        return _add(args[0], output, self.direction)

    def add_query(self, projection: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """Add g(h.u)a to the queries."""
        return _add(args[0], output, self.direction.split(self.widths)[0])

    def add_key(self, projection: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """Add g(h.u)a to the keys."""
        return _add(args[0], output, self.direction.split(self.widths)[1])

    def add_value(self, projection: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """Add g(h.u)a to the values."""
        return _add(args[0], output, self.direction.split(self.widths)[2])


def _add(states_NTh: Tensor, output_NTw: Tensor, direction_w: Tensor) -> Tensor:
    scores_NT1 = getattr(states_NTh, "latent_scores", None)
    if scores_NT1 is None:
        return output_NTw
    return torch.addcmul(output_NTw, scores_NT1.to(output_NTw.dtype), direction_w.to(output_NTw.dtype))
