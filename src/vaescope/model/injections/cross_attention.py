"""Cross attention: each layer gains a block in which every token attends to exactly z and itself."""

from __future__ import annotations

import math
from typing import Any, cast

from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers import initialization as init
from typing_extensions import override

from vaescope.model.backbone import attention_of, initial_scale, layers_of
from vaescope.model.injection import Conditioning, Injection, latent_of


class CrossAttention(Injection):
    r"""Latent-or-self attention, added to the output a of each layer's self-attention:
    :math:`a_t \leftarrow a_t + O c_t`.

    :math:`c_t` is the softmax attention of query :math:`Q a_t` over two slots, :math:`(m_l, m_l)` from z and
    :math:`(K a_t, V a_t)` from the token itself; over two slots the softmax is a sigmoid:
    :math:`c_t = V a_t + w_t (m_l - V a_t)` with :math:`w_t = \sigma(Q a_t \cdot (m_l - K a_t) / \sqrt d)` per head.
    O starts at zero, so a pre-trained decoder is unchanged at first; Q, K, V and m get a gradient from step 2 on.
    The scale at the start gives m the scale of the keys and values of the token itself.

    Reference: Barkhof 2021, "Taking a step back: assessing the TransformerVAE as a latent variable model first", where
    the block has its own LayerNorm and does not start as the identity.
    """

    def __init__(self, latent_size: int, decoder: PreTrainedConfig) -> None:
        heads, count = decoder.num_attention_heads, decoder.num_hidden_layers
        head_size = getattr(decoder, "head_dim", None) or decoder.hidden_size // heads
        width = heads * head_size
        scale = initial_scale(decoder) * math.sqrt(decoder.hidden_size / latent_size)
        super().__init__(latent_size, decoder, width=count * width, scale=scale)
        self.shape = (count, heads, head_size)
        self.layers = nn.ModuleList(LatentOrSelf(index, decoder.hidden_size, width) for index in range(count))
        self.std = initial_scale(decoder)

    @override
    def attach(self, decoder: PreTrainedModel) -> None:
        for block, layer in zip(self._blocks(), layers_of(decoder), strict=True):
            attention_of(layer).register_forward_hook(block.add, with_kwargs=True)

    def forward(self, z_ND: Tensor) -> Conditioning:
        """Return ``cross_attention``, ``[N, L, H, d]``."""
        return {"cross_attention": self.project(z_ND).view(-1, *self.shape)}

    @override
    def reset_parameters(self) -> None:
        super().reset_parameters()
        for block in self._blocks():
            init.normal_(block.query_key_value.weight, std=self.std)
            init.zeros_(block.query_key_value.bias)
            init.zeros_(block.out.weight)
            init.zeros_(block.out.bias)

    def _blocks(self) -> list[LatentOrSelf]:
        return cast("list[LatentOrSelf]", list(self.layers))


class LatentOrSelf(nn.Module):
    """The block of one layer."""

    def __init__(self, index: int, hidden_size: int, width: int) -> None:
        super().__init__()
        self.index = index
        self.query_key_value = nn.Linear(hidden_size, 3 * width)
        self.out = nn.Linear(width, hidden_size)

    def forward(self, states_NTh: Tensor, latent_N1Hd: Tensor) -> Tensor:
        """Return what is added to the states, ``[N, T, h]``."""
        heads_NTHd = (*states_NTh.shape[:2], *latent_N1Hd.shape[2:])
        query, key, value = (part.view(heads_NTHd) for part in self.query_key_value(states_NTh).chunk(3, -1))
        latent_N1Hd = latent_N1Hd.to(query.dtype)
        weight = ((query * (latent_N1Hd - key)).sum(-1, keepdim=True) / math.sqrt(query.shape[-1])).sigmoid()
        return self.out((value + weight * (latent_N1Hd - value)).flatten(2))

    def add(self, attention: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """Add the block to the output of a self-attention; without a latent it is unchanged."""
        latent_N1Hd = latent_of(kwargs, "cross_attention", self.index)
        if latent_N1Hd is None:
            return output
        states, *rest = output
        return (states + self(states, latent_N1Hd), *rest)
