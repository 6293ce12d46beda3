"""q(z|x): the states of the encoder, pooled over the real tokens and mapped to a diagonal Gaussian."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init

from vaescope.corpora.batch import Batch
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.backbone import accepts, position_offset
from vaescope.model.kernels.packing import Packing, packed_states, packs
from vaescope.model.kernels.shared_gradient import lookup
from vaescope.model.posterior import Posterior
from vaescope.model.vae_config import POOLINGS


def token_states(encoder: PreTrainedModel, batch: Batch) -> Tensor:
    """Return the encoder's last hidden states of a batch, ``[B, T, h]``; those at padding have no meaning."""
    texts, tokens = batch.input_ids.shape
    position_T = torch.arange(tokens, device=batch.input_ids.device)
    packing = Packing.of_tokens(batch)
    if packs(encoder) and packing.saves:
        embeddings = lookup(encoder.get_input_embeddings(), packing.pack(batch.input_ids))
        return packed_states(encoder, packing, embeddings, position_T)
    places = positions(encoder, texts, tokens)
    # a mask that hides nothing is left out: to find that out, transformers would wait for the device
    mask_BT = None if packs(encoder) else batch.attention_mask
    return encoder(input_ids=batch.input_ids, attention_mask=mask_BT, **places).last_hidden_state


def positions(encoder: PreTrainedModel, texts: int, tokens: int) -> dict[str, Tensor]:
    """Return the position ids of texts as an argument of the encoder, where it takes any.

    Without this argument the RoBERTa family derives positions from the ids, and skips a padding id inside a text.
    """
    if not accepts(encoder, "position_ids"):
        return {}
    position_T = torch.arange(tokens, device=encoder.device) + position_offset(encoder)
    return {"position_ids": position_T.expand(texts, -1)}


class PosteriorHead(nn.Module):
    r"""Pool the states of a text and map them to the parameters of q(z|x); ``family`` turns these into a distribution.

    ``first_last`` joins the states of the first and the last *real* token, ``first`` and ``last`` take one of them,
    ``mean`` averages over the real tokens: none reads padding. In a causal encoder the first token has not seen the
    text: use ``last`` or ``mean``. ``projection`` maps them to mean and log-variance, :math:`(\mu, \log\sigma^2) =
    W\,\mathrm{pool}(h) + b`.
    """

    def __init__(self, hidden_size: int, latent_size: int, pooling: str, family: Posterior) -> None:
        super().__init__()
        self.pooling = pooling
        self.family = family
        self.projection = nn.Linear(POOLINGS[pooling] * hidden_size, family.outputs * latent_size)

    def forward(self, pooled_BH: Tensor) -> DiagonalGaussian:
        """Return q(z|x) of B texts from their pooled states, event shape ``[D]``, in float32."""
        with torch.autocast(pooled_BH.device.type, enabled=False):
            # log-densities need float32: a bfloat16 mean has an error of up to 0.4%
            weight, bias = self.projection.weight.float(), self.projection.bias.float()
            outputs = nn.functional.linear(pooled_BH.float(), weight, bias)
            return self.family(*outputs.chunk(self.family.outputs, -1))

    def pool(self, states_BTH: Tensor, mask_BT: Tensor) -> Tensor:
        """Return the pooled states of each text, ``[B, H]``."""
        return getattr(self, f"_{self.pooling}")(states_BTH, mask_BT)

    def reset_parameters(self) -> None:
        """Initialise near the prior: small means, unit variances."""
        init.normal_(self.projection.weight, std=0.02)
        init.zeros_(self.projection.bias)

    def _first(self, states: Tensor, mask: Tensor) -> Tensor:
        return states[:, 0]

    def _last(self, states: Tensor, mask: Tensor) -> Tensor:
        rows = torch.arange(states.shape[0], device=states.device)
        return states[rows, mask.sum(1) - 1]

    def _first_last(self, states: Tensor, mask: Tensor) -> Tensor:
        return torch.cat([states[:, 0], self._last(states, mask)], -1)

    def _mean(self, states: Tensor, mask: Tensor) -> Tensor:
        weights = mask.unsqueeze(-1).to(torch.float32)
        return (states.float() * weights).sum(1) / weights.sum(1)
