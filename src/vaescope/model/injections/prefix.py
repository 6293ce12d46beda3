"""Prefix: z becomes k soft tokens before the text."""

from __future__ import annotations

import math

from torch import Tensor
from transformers import PreTrainedConfig

from vaescope.errors import UserError
from vaescope.model.backbone import initial_scale
from vaescope.model.injection import Conditioning, Injection


class Prefix(Injection):
    r"""Latent prefix: the decoder reads :math:`[p_1, ..., p_k, e_1, ..., e_T]` with :math:`(p_1, ..., p_k) = W z + b`.

    ``tokens`` is k. The text keeps its own positions, so positions of a pre-trained decoder do not shift and no text
    becomes shorter; all soft tokens have the position of the first token. Their outputs predict nothing and are
    dropped.

    The scale at the start gives a soft token that of a new token embedding under the prior.

    Reference: Li and Liang 2021, "Prefix-Tuning", arXiv:2101.00190 (here at the input, and a function of z).
    """

    def __init__(self, latent_size: int, decoder: PreTrainedConfig, *, tokens: int = 1) -> None:
        if tokens < 1:
            raise UserError(f"injection 'prefix': tokens must be at least 1, not {tokens}")
        scale = initial_scale(decoder) / math.sqrt(latent_size)
        super().__init__(latent_size, decoder, width=tokens * decoder.hidden_size, scale=scale)
        self.tokens = tokens

    def forward(self, z_ND: Tensor) -> Conditioning:
        """Return ``prefix``, ``[N, k, h]``."""
        return {"prefix": self.project(z_ND).unflatten(-1, (self.tokens, -1))}
