"""Ancestral sampling x ~ p(x|z) with a cache, with the log-probability of what was drawn."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedModel

from vaescope.estimators.categorical import draw_categorical
from vaescope.model.backbone import head_of
from vaescope.model.decoder import conditioned_states
from vaescope.model.injection import Conditioning
from vaescope.model.kernels.growing_cache import close_up, drawing_cache, moves

LEAST_ROWS = 16
"""Fewest rows of a matrix product while drawing. Below some 16 rows libraries use other kernels, which round otherwise.
With at least as many, a text is the same whatever texts are drawn with it. Rounding matters: of 8,000 tokens many have
probabilities of 1e-7 and less, so one number in a few thousand is within rounding of a boundary between two tokens."""

LOGITS_AT_ONCE = 2**20
"""Logits of a part of the rows: as many as stay in a cache of the processor between the product and the draw."""


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

    A text that has ended leaves the batch, and the last text of the batch takes its place, so the cost follows the
    texts' own lengths. With ``uniform_NT``, numbers in [0, 1) in float64, token t of text n is a function of its
    number alone and not of the random state. Tokens that are ``banned`` have probability 0, in ``log_prob`` too: the
    others are normalised without them.
    """
    device = decoder.device
    ids_NT = torch.full((n, max_length), pad, device=device)
    ids_NT[:, 0] = bos
    log_prob_N = torch.zeros(n, dtype=torch.float64, device=device)
    # row r of the batch computes text rows[r]; the first `going` are still drawn, the others only fill the batch
    rows, going = torch.arange(max(n, LEAST_ROWS), device=device) % n, n
    conditioning = {place: value[rows] for place, value in conditioning.items()}
    cache = drawing_cache(decoder.config)
    for t in range(max_length - 1):
        states = conditioned_states(decoder, ids_NT[rows, t : t + 1], conditioning, start=t, cache=cache)
        texts = rows[:going]
        uniform = _uniform(texts) if uniform_NT is None else uniform_NT[texts, t]
        uniform = F.pad(uniform, (0, len(rows) - going))
        token, log_p = (part[:going] for part in _draw(decoder, states[:, -1], uniform, temperature, banned))
        ids_NT[texts, t + 1] = token
        log_prob_N[texts] += log_p
        kept = (token != eos).nonzero().squeeze(1)
        if len(kept) < going:
            keep = _closed_up(kept, min(len(rows), max(len(kept), LEAST_ROWS)))
            going, rows = len(kept), rows[keep]
            if going == 0:
                break
            cache.batch_select_indices(keep)
            moved = moves(keep)
            for place, value in conditioning.items():
                close_up(value, moved)
                conditioning[place] = value[: len(rows)]
    finished = torch.ones(n, dtype=torch.bool, device=device)
    finished[rows[:going]] = False
    ended = (ids_NT[:, 1:] == eos).cumsum(1)
    inside = torch.cat([torch.ones_like(ended[:, :1]), (ended - (ids_NT[:, 1:] == eos).long()) == 0], 1).long()
    longest = int(inside.sum(1).max())
    return Generated(ids_NT[:, :longest], inside[:, :longest], log_prob_N.float(), finished)


def _closed_up(kept: Tensor, size: int) -> Tensor:
    """Return which rows become the first ``size``: all ``kept`` ones first, of which as many as can stay in place.

    >>> _closed_up(torch.tensor([0, 2, 3, 5]), 4)
    tensor([0, 5, 2, 3])
    """
    keep = torch.arange(size, device=kept.device)
    holes = torch.ones_like(keep[: len(kept)], dtype=torch.bool)
    holes[kept[kept < len(kept)]] = False
    keep[: len(kept)][holes] = kept[kept >= len(kept)]
    return keep


def _uniform(texts: Tensor) -> Tensor:
    """Return a number of the random state for each text, in the order of the texts and not of their rows."""
    uniform = torch.rand(len(texts), dtype=torch.float64, device=texts.device)
    return uniform[texts.argsort().argsort()]


def _draw(
    decoder: PreTrainedModel, states_Nh: Tensor, uniform_N: Tensor, temperature: float, banned: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the next token of each row, and its log-probability at temperature 1."""
    head = head_of(decoder)
    parts = max(1, min(len(states_Nh) * head.tokens // LOGITS_AT_ONCE, len(states_Nh) // LEAST_ROWS))
    drawn = []
    for states, uniform in zip(states_Nh.tensor_split(parts), uniform_N.tensor_split(parts), strict=True):
        logits = head(states).float()
        if banned is not None:
            logits[:, banned] = -torch.inf
        if temperature == 1:
            p = logits.softmax(-1)
            token = draw_categorical(p, uniform)
            log_p = p.gather(1, token.unsqueeze(1)).log()
        else:
            token = draw_categorical((logits / temperature).softmax(-1), uniform) if temperature else logits.argmax(-1)
            log_p = logits.log_softmax(-1).gather(1, token.unsqueeze(1))
        drawn.append((token, log_p.squeeze(1)))
    token_N, log_p_N = (torch.cat(part) for part in zip(*drawn, strict=True))
    return token_N, log_p_N
