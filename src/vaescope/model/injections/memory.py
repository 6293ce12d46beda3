"""Memory: z becomes k extra key-value slots of every layer's self-attention, which every token can attend to."""

from __future__ import annotations

import math

from torch import Tensor
from transformers import PreTrainedConfig

from vaescope.errors import UserError
from vaescope.model.backbone import initial_scale, key_value_shape
from vaescope.model.injection import Conditioning, Injection


class Memory(Injection):
    r"""Latent memory: in layer l, :math:`K = [m_l; W_K H], V = [m_l; W_V H]` with :math:`(m_1, ..., m_L) = W z + b`.

    The key and the value of a slot are the same vector, without a further projection; a slot has no position and is
    visible to every token. ``slots`` is k, the number of such vectors in each layer.

    The scale at the start gives a slot the scale of the keys and values of the text.

    Reference: Li et al. 2020, "Optimus", arXiv:2004.04092 (memory scheme).
    """

    def __init__(self, latent_size: int, decoder: PreTrainedConfig, *, slots: int = 1) -> None:
        if slots < 1:
            raise UserError(f"injection 'memory': slots must be at least 1, not {slots}")
        layers, heads, head_size = key_value_shape(decoder)
        scale = initial_scale(decoder) * math.sqrt(decoder.hidden_size / latent_size)
        super().__init__(latent_size, decoder, width=layers * slots * heads * head_size, scale=scale)
        self.shape = (layers, slots, heads, head_size)

    def forward(self, z_ND: Tensor) -> Conditioning:
        """Return ``memory``, ``[N, L, 2, H, k, d]``: keys and values of the slots."""
        slots = self.project(z_ND).view(-1, *self.shape)
        slots = slots.transpose(2, 3).unsqueeze(2)
        return {"memory": slots.expand(-1, -1, 2, -1, -1, -1)}
