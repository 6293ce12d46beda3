"""Gate: each head of each token chooses between the text that it attends to and a vector made from z."""

from __future__ import annotations

import math

from torch import Tensor
from transformers import PreTrainedConfig

from vaescope.model.backbone import initial_scale, key_value_shape
from vaescope.model.injection import Conditioning, Injection


class Gate(Injection):
    r"""Latent gate: in every layer and head, :math:`(1 - g_t)\,\mathrm{attend}(q_t, K, V) + g_t m` with
    :math:`g_t = \sigma(q_t \cdot m / \sqrt d)` and :math:`(m_1, ..., m_L) = W z + b`.

    The softmax is over the text alone, and the gate acts at every position, in generation as in scoring. Where several
    query heads share a key-value head they share m. A pre-trained decoder is *not* unchanged at the start: a gate is
    near 1/2 wherever m is small.

    The scale at the start gives m the scale of the values of the text.

    Reference: Barkhof 2021, "Taking a step back: assessing the TransformerVAE as a latent variable model first".
    """

    def __init__(self, latent_size: int, decoder: PreTrainedConfig) -> None:
        scale = initial_scale(decoder) * math.sqrt(decoder.hidden_size / latent_size)
        shape = key_value_shape(decoder)
        super().__init__(latent_size, decoder, width=math.prod(shape), scale=scale)
        self.shape = shape

    def forward(self, z_ND: Tensor) -> Conditioning:
        """Return ``gate``, ``[N, L, H, d]``."""
        return {"gate": self.project(z_ND).view(-1, *self.shape)}
