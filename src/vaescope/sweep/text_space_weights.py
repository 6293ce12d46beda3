"""Texts drawn at the z of each text, with weights whose mean is q(z) (``estimators.text_space_density``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaescope.corpora.tokenized import Tokenized
from vaescope.estimators.copies import Copies
from vaescope.estimators.gaussian import log_density
from vaescope.evidence.draws import Draws
from vaescope.model.vae import TransformerVAE
from vaescope.randomness import seed_of
from vaescope.sweep.encode import encode
from vaescope.sweep.scoring import Progress
from vaescope.sweep.simulate import as_split, draw, plain

AT_ONCE = 2_048
"""Texts drawn between two calls of the encoder."""


def text_space_weights(
    model: TransformerVAE,
    tokenizer: Any,
    draws: Draws,
    log_prob: Callable[[Tokenized], Tensor],
    *,
    texts: int,
    drawn: int,
    group_tokens: int = 8_192,
    seed: int = 0,
    progress: Progress | None = None,
) -> Tensor:
    """Return log P(x) + log q(z|x) - log p(x|z) at the first z of each text, ``[1 + K, P]``, float64.

    The first row is of the text that z comes from, the others of K texts drawn from the decoder at z. A drawn text has
    weight 0 (-inf) if P gives it no probability or if it did not end.

    Args:
        model: the model, on any device.
        tokenizer: the tokenizer of the split.
        draws: a sweep over the texts, with ``log_q_x``.
        log_prob: log P(x) of token sequences, ``[N]``; -inf outside the language.
        texts: number P of texts, from the first on.
        drawn: texts K drawn for each.
        group_tokens: tokens that the encoder reads at once.
        seed: of the drawn texts.
        progress: called with the texts done and the number of texts.

    Raises:
        ValueError: draws without ``log_q_x``.
    """
    if draws.log_q_x is None:
        raise ValueError("the draws have no log_q_x")
    count, rows = min(texts, draws.texts), []
    own_P = draws.log_q_x[:count].double() + draws.log_q_z_x[0, :count] - draws.log_p_x_z[0, :count]
    for number, z_CD in enumerate(draws.z[0][:count].split(max(1, AT_ONCE // drawn))):
        z_MD = z_CD.repeat_interleave(drawn, 0)
        parts = draw(model, z_MD, seed_of(seed, "text space", number), None, at_once=AT_ONCE)
        split = as_split(parts, tokenizer, model.config.pad_token_id)
        possible = torch.cat([part["finished"] & plain(part, model) for part in parts])
        log_r = torch.cat([part["log_prob"] for part in parts]).double()
        log_joint = _log_joint(model, split, possible, z_MD, log_prob, group_tokens)
        rows.append((log_joint - log_r).view(len(z_CD), drawn))
        if progress is not None:
            progress(min(count, sum(map(len, rows))), count)
    return torch.cat([own_P[None], torch.cat(rows).mT])


def _log_joint(
    model: TransformerVAE,
    split: Tokenized,
    possible_M: Tensor,
    z_MD: Tensor,
    log_prob: Callable[[Tokenized], Tensor],
    group_tokens: int,
) -> Tensor:
    """log P(x) + log q(z|x) of drawn texts, ``[M]``; each distinct text is read once."""
    copies = Copies.of(split.text_id)
    result_M = torch.full((len(split),), -torch.inf, dtype=torch.float64)
    distinct_U = possible_M[copies.first].nonzero().squeeze(1)
    if len(distinct_U) == 0:
        return result_M
    log_p_U = torch.full((copies.distinct,), -torch.inf, dtype=torch.float64)
    log_p_U[distinct_U] = log_prob(split.select(copies.first[distinct_U])).double()
    kept_U = log_p_U.isfinite().nonzero().squeeze(1)
    if len(kept_U) == 0:
        return result_M
    encodings = encode(model, split.select(copies.first[kept_U]), group_tokens=group_tokens)
    place_U = torch.full((copies.distinct,), -1, dtype=torch.int64)
    place_U[kept_U] = torch.arange(len(kept_U))
    rows_R = (place_U[copies.text] >= 0).nonzero().squeeze(1)
    own_R = place_U[copies.text[rows_R]]
    log_q_R = log_density(z_MD[rows_R].double(), encodings.mean[own_R].double(), encodings.std[own_R].double()).sum(-1)
    result_M[rows_R] = log_p_U[copies.text[rows_R]] + log_q_R
    return result_M
