"""Whitened start: q(z|x) begins at the principal components of a pre-trained encoder's states."""

from __future__ import annotations

import math

import torch

from vaescope.corpora.tokenized import Tokenized
from vaescope.errors import UserError
from vaescope.model.encoder import token_states
from vaescope.model.vae import TransformerVAE

TEXTS = 3_000
"""Training texts whose states are taken."""

TOKENS_AT_ONCE = 8_192


@torch.no_grad()
def whiten(model: TransformerVAE, train: Tokenized) -> None:
    r"""Set the head of q(z|x) so that :math:`\mu = \Lambda^{-1/2} V^T (h - \bar h)` and sigma is ``start_std``.

    h are the pooled states of the first ``TEXTS`` training texts, V their D leading principal directions and
    :math:`\Lambda` the variances along them: the means have unit variance over texts, and are uncorrelated.

    Raises:
        UserError: there are fewer texts or pooled units than latent units.
    """
    head, size = model.posterior_head, model.config.latent_size
    some = train.select(torch.arange(min(len(train), TEXTS)))
    model.eval()
    parts = []
    for batch in some.by_length(torch.arange(len(some)), TOKENS_AT_ONCE):
        read = batch.to(model.device) if batch.encoder is None else batch.encoder.to(model.device)
        parts.append(head.pool(token_states(model.encoder, read), read.attention_mask).float())
    model.train()
    states_NH = torch.cat(parts)
    if min(len(states_NH) - 1, states_NH.shape[1]) < size:
        raise UserError(
            f"posterior start=whitened needs more texts and pooled units than the {size} latent units; there are "
            f"{states_NH.shape[0]} and {states_NH.shape[1]}"
        )
    mean_H = states_NH.mean(0)
    _, singular, directions = torch.linalg.svd(states_NH - mean_H, full_matrices=False)
    deviation_D = singular[:size] / math.sqrt(len(states_NH))
    weight_DH = directions[:size] / deviation_D.clamp_min(1e-6).unsqueeze(1)
    weight, bias = head.projection.weight, head.projection.bias
    weight[:size], bias[:size] = weight_DH, -(weight_DH @ mean_H)
    weight[size:], bias[size:] = 0.0, 2 * math.log(head.family.start_std or 1.0)
