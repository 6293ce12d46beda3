"""watched_attention: the share of the attention weights on the latent slots."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import sdpa_mask

from vaescope.model.attention import LATENT_ATTENTION, latent_attention

WATCHED_ATTENTION = "vaescope_latent_watched"
_masses: ContextVar[dict[int, Tensor]] = ContextVar("masses")


@contextmanager
def watched_attention(decoder: PreTrainedModel) -> Iterator[dict[int, Tensor]]:
    """Yield a mapping that the next pass of the decoder fills: layer -> share on the latent slots, ``[B, T]``.

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
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """Attend as usual, and record the share of the slots."""
    latent = options.get("latent") or {}
    watched = "Cross" not in type(module).__name__ and ("memory" in latent or "prefix" in latent)
    options["output_attentions"] = watched
    context, weights_BHTK = latent_attention(module, query, key, value, attention_mask, **options)
    if weights_BHTK is not None:
        # the keys are the memory, then the prefix, then the text; the prefix makes queries that predict nothing
        memory = latent["memory"][0].shape[-2] if "memory" in latent else 0
        prefix = latent["prefix"].shape[1] if "prefix" in latent else 0
        share_BT = weights_BHTK[..., : memory + prefix].sum(-1).mean(1)[:, prefix:]
        _masses.get()[cast(int, module.layer_idx)] = share_BT
    return context, None


AttentionInterface.register(WATCHED_ATTENTION, _watching)
AttentionMaskInterface.register(WATCHED_ATTENTION, sdpa_mask)
