"""p(x|z): a causal network conditioned on z, its log-likelihood of given texts."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import Cache, PreTrainedModel

from vaescope.corpora.batch import Batch
from vaescope.model.attention import by_layer
from vaescope.model.backbone import CACHE, accepts, position_offset
from vaescope.model.injection import Conditioning
from vaescope.model.kernels.packing import Packing, packed_states, packs
from vaescope.model.kernels.shared_gradient import lookup
from vaescope.model.kernels.vocabulary import token_log_probs


def conditioned_states(
    decoder: PreTrainedModel,
    input_ids_NT: Tensor,
    conditioning: Conditioning,
    *,
    start: int = 0,
    cache: Cache | None = None,
    packing: Packing | None = None,
    word_dropout: float = 0.0,
    **options: Any,
) -> Tensor:
    """Return the last hidden states of the decoder under the conditioning, ``[N, T, h]``.

    ``start`` is the number of tokens before these, which are in the ``cache``. With an ``attention_mask`` of all
    tokens so far, ``[N, start + T]``, texts may be padded on the left: positions count the real tokens. Position ids
    are always given: with embeddings as input the RoBERTa family would place them wrongly. ``word_dropout`` is the
    probability with which the embedding of an input token is dropped. With a ``packing``, and a decoder that can be
    packed, only its tokens are computed.
    """
    tokens = input_ids_NT.shape[1]
    embeddings = lookup(decoder.get_input_embeddings(), input_ids_NT)
    if word_dropout > 0:
        embeddings = embeddings * _kept_words(embeddings, word_dropout)
    if "embedding" in conditioning:
        embeddings = embeddings + conditioning["embedding"].to(embeddings.dtype).unsqueeze(1)
    positions = _positions(input_ids_NT, start, options.get("attention_mask"))
    if "prefix" in conditioning:
        prefix_Nkh = conditioning["prefix"].to(embeddings.dtype)
        # a mask is given even where it hides nothing: without one, transformers takes equal positions for packed texts
        mask = options.pop("attention_mask", None)
        mask = input_ids_NT.new_ones(len(input_ids_NT), start + tokens) if mask is None else mask
        options["attention_mask"] = F.pad(mask, (prefix_Nkh.shape[1], 0), value=1)
        if start == 0:
            embeddings = torch.cat([prefix_Nkh, embeddings], 1)
            positions = F.pad(positions, (prefix_Nkh.shape[1], 0))
    body, latent = cast(PreTrainedModel, decoder.base_model), by_layer(conditioning)
    if packing is not None and packing.saves and packs(decoder):
        whole = packing.after(embeddings.shape[1] - tokens)
        return packed_states(body, whole, whole.pack(embeddings), positions, latent=latent)[:, -tokens:]
    if accepts(body, "position_ids"):
        options["position_ids"] = (positions + position_offset(decoder)).expand(embeddings.shape[:2])
    states_NTH = body(
        inputs_embeds=embeddings,
        use_cache=cache is not None,
        latent=latent,
        **{CACHE: cache},
        **options,
    ).last_hidden_state
    return states_NTH[:, -tokens:]


def log_likelihood(
    decoder: PreTrainedModel,
    batch: Batch,
    conditioning: Conditioning,
    *,
    word_dropout: float = 0.0,
) -> Tensor:
    r"""Return :math:`\log p(x|z) = \sum_{t=1}^{T} \log p(x_t | x_{<t}, z)` of each text, ``[N]``, float32.

    The sum runs over every predicted token: EOS yes, BOS and padding no. Padding on the right needs no attention mask
    in a causal network, and its logits are never computed.
    """
    predictions = Packing.of_predictions(batch)
    states_NTH = conditioned_states(
        decoder, batch.input_ids[:, :-1], conditioning, packing=predictions, word_dropout=word_dropout
    )
    states_PH, targets_P = predictions.pack(states_NTH)[0], predictions.pack(batch.input_ids[:, 1:])[0]
    log_p_P = token_log_probs(decoder, states_PH, targets_P)
    return predictions.unpack(log_p_P.unsqueeze(0)).sum(1)


def _positions(input_ids_NT: Tensor, start: int, mask: Tensor | None) -> Tensor:
    """Return the positions of the tokens in their texts, ``[T]``, or with a mask ``[N, T]``."""
    tokens = input_ids_NT.shape[1]
    if mask is None:
        return torch.arange(start, start + tokens, device=input_ids_NT.device)
    return (mask.cumsum(1) - 1).clamp_min(0)[:, -tokens:]


def _kept_words(embeddings_NTh: Tensor, dropout: float) -> Tensor:
    """Return 0 for dropped words and 1 / (1 - p) for kept ones, ``[N, T, 1]``; BOS is kept as it is.

    The expectation of every input embedding is the embedding itself, as with any dropout.
    """
    scale_NT1 = F.dropout(torch.ones_like(embeddings_NTh[..., :1]), dropout)
    scale_NT1[:, 0] = 1
    return scale_NT1
