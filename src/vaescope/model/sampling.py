"""Ancestral sampling x ~ p(x|z) with a cache, with the log-probability of what was drawn."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from vaescope.estimators.categorical import draw_categorical
from vaescope.model.backbone import head_of
from vaescope.model.decoder import conditioned_states
from vaescope.model.injection import Conditioning


@dataclass(frozen=True)
class Generated:
    """Texts drawn from a decoder.

    Attributes:
        input_ids: token ids from BOS on, padded after EOS, ``[N, T]``.
        attention_mask: 1 from BOS to EOS, ``[N, T]``.
        log_prob: log-probability of the drawn tokens under the model (at temperature 1), nats per text, ``[N]``.
        finished: whether EOS was drawn within the length limit, ``[N]``.
    """

    input_ids: Tensor
    attention_mask: Tensor
    log_prob: Tensor
    finished: Tensor


@torch.inference_mode()
def ancestral_sample(
    decoder: PreTrainedModel,
    conditioning: Conditioning,
    n: int,
    *,
    bos: int,
    eos: int,
    pad: int,
    max_length: int,
    temperature: float = 1.0,
    uniform_NT: Tensor | None = None,
    banned: Tensor | None = None,
) -> Generated:
    """Draw one text per row of the conditioning, token by token; temperature 0 takes the most probable token.

    Texts that have ended leave the batch, so the cost follows the texts' own lengths. With ``uniform_NT``, numbers in
    [0, 1) in float64, token t of text n is a function of its number alone and not of the random state. Tokens that are
    ``banned`` have probability 0, in ``log_prob`` too: the others are normalised without them.
    """
    device = decoder.device
    ids_NT = torch.full((n, max_length), pad, device=device)
    ids_NT[:, 0] = bos
    log_prob_N = torch.zeros(n, dtype=torch.float64, device=device)
    open_rows = torch.arange(n, device=device)
    cache = DynamicCache(config=decoder.config)
    for t in range(max_length - 1):
        states = conditioned_states(decoder, ids_NT[open_rows, t : t + 1], conditioning, start=t, cache=cache)
        logits = head_of(decoder)(states[:, -1]).float()
        if banned is not None:
            logits[:, banned] = -torch.inf
        token = _choose(logits, temperature, None if uniform_NT is None else uniform_NT[open_rows, t])
        ids_NT[open_rows, t + 1] = token
        log_prob_N[open_rows] += logits.gather(1, token.unsqueeze(1)).squeeze(1) - logits.logsumexp(-1)
        going = token != eos
        if not going.any():
            open_rows = open_rows[going]
            break
        if not going.all():
            open_rows = open_rows[going]
            keep = going.nonzero().squeeze(1)
            cache.batch_select_indices(keep)
            conditioning = {place: value[keep] for place, value in conditioning.items()}
    finished = torch.ones(n, dtype=torch.bool, device=device)
    finished[open_rows] = False
    ended = (ids_NT[:, 1:] == eos).cumsum(1)
    inside = torch.cat([torch.ones_like(ended[:, :1]), (ended - (ids_NT[:, 1:] == eos).long()) == 0], 1).long()
    longest = int(inside.sum(1).max())
    return Generated(ids_NT[:, :longest], inside[:, :longest], log_prob_N.float(), finished)


def _choose(logits_NV: Tensor, temperature: float, uniform_N: Tensor | None) -> Tensor:
    if temperature == 0:
        return logits_NV.argmax(-1)
    if uniform_N is None:
        uniform_N = torch.rand(len(logits_NV), dtype=torch.float64, device=logits_NV.device)
    return draw_categorical(logits_NV if temperature == 1 else logits_NV / temperature, uniform_N)
