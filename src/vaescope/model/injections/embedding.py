"""Embedding: a projection of z is added to every token's input embedding."""

from __future__ import annotations

import math

from torch import Tensor, nn
from transformers import PreTrainedConfig
from transformers import initialization as init

from vaescope.model.injection import Conditioning, Injection


class Embedding(Injection):
    r"""Latent embedding: :math:`e_t \leftarrow e_t + W z + b` for every input token t, before the network's own
    position embeddings and normalisation.

    Reference: Li et al. 2020, "Optimus", arXiv:2004.04092 (embedding scheme).
    """

    def __init__(self, latent_size: int, decoder: PreTrainedConfig) -> None:
        super().__init__(latent_size, decoder)
        self.scale = decoder.initializer_range / math.sqrt(latent_size)
        self.projection = nn.Linear(latent_size, decoder.hidden_size)

    def forward(self, z_ND: Tensor) -> Conditioning:
        """Return ``embedding``, ``[N, h]``."""
        return {"embedding": self.projection(z_ND)}

    def reset_parameters(self) -> None:
        """Give Wz the scale of a new token embedding under the prior."""
        init.normal_(self.projection.weight, std=self.scale)
        init.zeros_(self.projection.bias)
