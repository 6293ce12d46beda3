"""Texts drawn at the z of each text, weighted so that their mean is the density of q(z) (``estimators.text_space``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vaescope.corpora.tokenized import Tokenized
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
    log_prob: Callable[[list[str]], Tensor],
    *,
    texts: int,
    drawn: int,
    group_tokens: int = 8_192,
    seed: int = 0,
    progress: Progress | None = None,
) -> Tensor:
    """Return log P(x) + log q(z|x) - log p(x|z) at the first z of each text, ``[1 + K, P]``, float64.

    First of the text that made z, then of K texts drawn from the decoder at z. A drawn text has weight 0 (-inf) where
    P gives it no probability, where it did not end, and where its tokens are not those that the tokenizer makes of
    the string: the probability of the string belongs to one token sequence alone.

    Args:
        model: the model, on any device.
        tokenizer: the tokenizer of the split.
        draws: a sweep over the texts, with ``log_q_x``.
        log_prob: log P(x) of strings, -inf outside the language.
        texts: the first so many texts (P).
        drawn: texts K drawn for each.
        group_tokens: tokens that the encoder reads at once.
        seed: of the drawn texts.
        progress: called with the texts done and the number of texts.
    """
    assert draws.log_q_x is not None
    count, rows = min(texts, draws.texts), []
    own_P = draws.log_q_x[:count].double() + draws.log_q_z_x[0, :count] - draws.log_p_x_z[0, :count]
    for number, z_CD in enumerate(draws.z[0][:count].split(max(1, AT_ONCE // drawn))):
        z_MD = z_CD.repeat_interleave(drawn, 0)
        parts = draw(model, z_MD, seed_of(seed, "text space", number), None, at_once=AT_ONCE)
        split = as_split(parts, tokenizer, model.config.pad_token_id)
        possible = torch.cat([part["finished"] & plain(part, model) for part in parts])
        log_r = torch.cat([part["log_prob"] for part in parts]).double()
        log_joint = _log_joint(model, tokenizer, split, possible, z_MD, log_prob, group_tokens)
        rows.append((log_joint - log_r).view(len(z_CD), drawn))
        if progress is not None:
            progress(min(count, sum(map(len, rows))), count)
    return torch.cat([own_P[None], torch.cat(rows).mT])


def _log_joint(
    model: TransformerVAE,
    tokenizer: Any,
    split: Tokenized,
    possible_M: Tensor,
    z_MD: Tensor,
    log_prob: Callable[[list[str]], Tensor],
    group_tokens: int,
) -> Tensor:
    """log P(x) + log q(z|x) of drawn texts, ``[M]``; each distinct text is read once."""
    result_M = torch.full((len(split),), -torch.inf, dtype=torch.float64)
    places: dict[tuple[int, ...], list[int]] = {}
    for place in possible_M.nonzero().squeeze(1).tolist():
        places.setdefault(tuple(split.ids[split.offsets[place] : split.offsets[place + 1]].tolist()), []).append(place)
    if not places:
        return result_M
    first = [members[0] for members in places.values()]
    strings = [split.texts[place] for place in first]
    log_p = log_prob(strings).double()
    made = tokenizer(strings, add_special_tokens=False)["input_ids"]
    for row, (ids, own) in enumerate(zip(places, made, strict=True)):
        if list(ids[1:-1]) != own:
            log_p[row] = -torch.inf
    kept = log_p.isfinite().nonzero().squeeze(1).tolist()
    if not kept:
        return result_M
    encodings = encode(model, split.select([first[row] for row in kept]), group_tokens=group_tokens)
    members = list(places.values())
    for row, mean_D, std_D in zip(kept, encodings.mean.double(), encodings.std.double(), strict=True):
        at = torch.tensor(members[row])
        result_M[at] = log_p[row] + log_density(z_MD[at].double(), mean_D, std_D).sum(-1)
    return result_M
