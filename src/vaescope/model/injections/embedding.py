"""Embedding: a projection of z is added to every token's input embedding."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from typing_extensions import override

from vaescope.errors import unknown
from vaescope.model.backbone import initial_scale, layers_of
from vaescope.model.injection import Conditioning, Injection, hidden_states, latent_of, with_hidden_states

PLACES = {"before_norm": "embedding", "after_norm": "first_layer"}
"""Where the projection is added, and the name of that place in the conditioning."""


class Embedding(Injection):
    r"""Latent embedding: :math:`e_t \leftarrow e_t + W z + b` for every input token t.

    ``placement`` is ``before_norm``, before the network's own position embeddings, normalisation and dropout, or
    ``after_norm``, at the input of the first layer: in BERT and RoBERTa after the LayerNorm and dropout of the
    embeddings; decoders without such a LayerNorm (GPT-2, Llama) differ at most by GPT-2's dropout.

    The scale at the start gives Wz that of a new token embedding under the prior.

    Reference: Li et al. 2020, "Optimus", arXiv:2004.04092 (embedding scheme).
    """

    def __init__(self, latent_size: int, decoder: PreTrainedConfig, *, placement: str = "before_norm") -> None:
        if placement not in PLACES:
            raise unknown("placement of injection 'embedding'", placement, PLACES)
        scale = initial_scale(decoder) / math.sqrt(latent_size)
        super().__init__(latent_size, decoder, width=decoder.hidden_size, scale=scale)
        self.place = PLACES[placement]

    @override
    def attach(self, decoder: PreTrainedModel) -> None:
        if self.place == "first_layer":
            layers_of(decoder)[0].register_forward_pre_hook(self._add, with_kwargs=True)

    def forward(self, z_ND: Tensor) -> Conditioning:
        """Return ``embedding`` or ``first_layer``, ``[N, h]``."""
        return {self.place: self.project(z_ND)}

    def _add(self, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        latent_N1h = latent_of(kwargs, self.place)
        if latent_N1h is None:
            return None
        return with_hidden_states(args, kwargs, hidden_states(args, kwargs) + latent_N1h)
