"""Matrix: z changes the query, key and value matrices of every layer by a gated rank-one update."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers import initialization as init
from typing_extensions import override

from vaescope.model.backbone import initial_scale, key_value_shape, layers_of, projections_of
from vaescope.model.injection import Conditioning, Injection, hidden_states, latent_of, with_hidden_states

GATE_AT_START = -5.0
"""Initial logit of the gate: g = 0.0067, so that a pre-trained decoder is almost unchanged."""


class Matrix(Injection):
    r"""Latent matrix: in layer l, each of queries, keys and values is :math:`h((1-g) W + g\,u a^\top) + b`.

    :math:`(\gamma_l, u_l)` is a linear function of z, :math:`g = \sigma(\gamma_l)`, and a is learned, one for each of
    the three. Computed as :math:`((1-g)h)W + g(h \cdot u)\,a + b`, so no matrix is formed for a text. The logit of
    the gate starts at ``GATE_AT_START``; a starts on the scale of a key, not at zero, so gradients reach u and the
    gate. The scale at the start gives h.u unit variance under the prior. Where one projection makes queries, keys and
    values, a is their three vectors joined.

    Reference: Barkhof 2021, "Taking a step back: assessing the TransformerVAE as a latent variable model first", where
    the gate is the first entry of u, and a starts at zero.
    """

    def __init__(self, latent_size: int, decoder: PreTrainedConfig) -> None:
        count, kv_heads, head_size = key_value_shape(decoder)
        widths = [decoder.num_attention_heads * head_size, kv_heads * head_size, kv_heads * head_size]
        scale = 1 / math.sqrt(decoder.hidden_size * latent_size)
        super().__init__(latent_size, decoder, width=count * (1 + decoder.hidden_size), scale=scale)
        self.key_scale = initial_scale(decoder) * math.sqrt(decoder.hidden_size)
        self.layers = nn.ModuleList(RankOne(index, widths) for index in range(count))

    @override
    def attach(self, decoder: PreTrainedModel) -> None:
        for update, layer in zip(self._updates(), layers_of(decoder), strict=True):
            update.attach(layer)

    def forward(self, z_ND: Tensor) -> Conditioning:
        """Return ``matrix``, ``[N, L, 1 + h]``: the logit of the gate and u."""
        return {"matrix": self.project(z_ND).unflatten(-1, (len(self.layers), -1))}

    @override
    def reset_parameters(self) -> None:
        super().reset_parameters()
        bias = cast(nn.Linear, self.projection).bias
        start = torch.zeros_like(bias).unflatten(0, (len(self.layers), -1))
        start[:, 0] = GATE_AT_START
        init.copy_(bias, start.flatten())
        for update in self._updates():
            init.normal_(update.direction, std=self.key_scale)

    def _updates(self) -> list[RankOne]:
        return cast("list[RankOne]", list(self.layers))


class Scores:
    """Holds g(h.u) of the tokens, which one hook of a layer passes to the next; a copy of it is empty."""

    value: Tensor | None = None

    @override
    def __reduce__(self) -> tuple[type[Scores], tuple[()]]:
        return Scores, ()


class RankOne(nn.Module):
    """The update of one layer; ``direction`` is a, for queries, keys and values joined.

    The hook of the attention sets ``scores`` before the projections run. Gradient checkpointing runs that hook again
    when it computes the layer a second time, so the projections never read the scores of another pass.
    """

    def __init__(self, index: int, widths: list[int]) -> None:
        super().__init__()
        self.index = index
        self.widths = widths
        self.direction = nn.Parameter(torch.empty(sum(widths)))
        self.scores = Scores()

    def attach(self, layer: nn.Module) -> None:
        """Hook into the projections of a layer."""
        attention, projections = projections_of(layer)
        attention.register_forward_pre_hook(self.scale_input, with_kwargs=True)
        attention.register_forward_hook(self.forget)
        adds = [self.add_joined] if len(projections) == 1 else [self.add_query, self.add_key, self.add_value]
        for projection, add in zip(projections, adds, strict=True):
            projection.register_forward_hook(add)

    def scale_input(self, attention: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Replace the input h by (1-g)h, and keep g(h.u) for the projections."""
        self.scores.value = None
        states_NTh = hidden_states(args, kwargs)
        latent_N1h = latent_of(kwargs, "matrix", self.index)
        if latent_N1h is None:
            return None
        gate_N11, u_N1h = latent_N1h[..., :1].to(states_NTh.dtype).sigmoid(), latent_N1h[..., 1:].to(states_NTh.dtype)
        self.scores.value = gate_N11 * (states_NTh * u_N1h).sum(-1, keepdim=True)
        return with_hidden_states(args, kwargs, states_NTh * (1 - gate_N11))

    def forget(self, attention: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """Free the scores after the layer."""
        self.scores.value = None

    def add_joined(self, projection: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """Add g(h.u)a to the joined queries, keys and values."""
        return self._add(output, self.direction)

    def add_query(self, projection: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """Add g(h.u)a to the queries."""
        return self._add(output, self.direction.split(self.widths)[0])

    def add_key(self, projection: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """Add g(h.u)a to the keys."""
        return self._add(output, self.direction.split(self.widths)[1])

    def add_value(self, projection: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """Add g(h.u)a to the values."""
        return self._add(output, self.direction.split(self.widths)[2])

    def _add(self, output_NTw: Tensor, direction_w: Tensor) -> Tensor:
        scores_NT1 = self.scores.value
        if scores_NT1 is None:
            return output_NTw
        return torch.addcmul(output_NTw, scores_NT1.to(output_NTw.dtype), direction_w.to(output_NTw.dtype))
