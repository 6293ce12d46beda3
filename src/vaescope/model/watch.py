"""watched_attention: how much of the attention falls on the latent slots, told by the attention function itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import repeat_kv
from transformers.masking_utils import sdpa_mask

from vaescope.model.attention import LATENT_ATTENTION, latent_attention

WATCHED_ATTENTION = "vaescope_latent_watched"
_masses: ContextVar[dict[int, Tensor]] = ContextVar("masses")


@contextmanager
def watched_attention(decoder: PreTrainedModel) -> Iterator[dict[int, Tensor]]:
    """Give a mapping that the next pass of the decoder fills: layer -> share on the latent slots, ``[B, T]``.

    Slots are those of the injections ``memory`` and ``prefix``; the share is the mean over heads. Without such slots
    the mapping stays empty.
    """
    masses: dict[int, Tensor] = {}
    token = _masses.set(masses)
    decoder.set_attn_implementation(WATCHED_ATTENTION)
    try:
        yield masses
    finally:
        decoder.set_attn_implementation(LATENT_ATTENTION)
        _masses.reset(token)


def _watching(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    latent: dict[str, Tensor] | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attend as ever, and note the share of the slots."""
    layer = cast(int, getattr(module, "layer_idx", -1))
    if latent is not None and "Cross" not in type(module).__name__ and ("memory" in latent or "prefix" in latent):
        _masses.get()[layer] = _mass(module, query, key, attention_mask, scaling, latent)
    return latent_attention(module, query, key, value, attention_mask, scaling=scaling, latent=latent, **options)


def _mass(
    module: nn.Module,
    query_BHTd: Tensor,
    key_BHKd: Tensor,
    mask: Tensor | None,
    scaling: float | None,
    latent: dict[str, Tensor],
) -> Tensor:
    prefix = latent["prefix"].shape[1] if "prefix" in latent else 0
    slots = 0
    if "memory" in latent:
        memory = latent["memory"].select(1, cast(int, module.layer_idx))[:, 0]
        slots, key_BHKd = memory.shape[2], torch.cat([memory.to(key_BHKd.dtype), key_BHKd], 2)
    key_BHKd = repeat_kv(key_BHKd, getattr(module, "num_key_value_groups", 1))
    queries, keys = query_BHTd.shape[2], key_BHKd.shape[2]
    scores = query_BHTd @ key_BHKd.mT * (scaling or query_BHTd.shape[-1] ** -0.5)
    if mask is None:
        mask = torch.ones(queries, keys, dtype=torch.bool, device=scores.device).tril(keys - queries)
    else:
        mask = F.pad(mask, (slots, 0), value=True if mask.dtype == torch.bool else 0.0)
    scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    return scores.softmax(-1)[..., : slots + prefix].sum(-1).mean(1)[:, prefix:]


AttentionInterface.register(WATCHED_ATTENTION, _watching)
AttentionMaskInterface.register(WATCHED_ATTENTION, sdpa_mask)
