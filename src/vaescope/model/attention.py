"""Attention that carries z: latent keys, values and gates in the attention function of transformers."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv
from transformers.masking_utils import sdpa_mask

from vaescope.model.kernels.attention_weights import Scores, attend, attention_weights
from vaescope.model.kernels.packing import Packing

LATENT_ATTENTION = "vaescope_latent"
"""Name under which the attention function below is registered with transformers."""


def latent_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    latent: dict[str, Any] | None = None,
    packing: Packing | None = None,
    output_attentions: bool = False,
    **options: Any,
) -> tuple[Tensor, Tensor | None]:
    r"""Scaled dot-product attention whose self-attention also sees the latent memory of its layer.

    With memory m and gate vector g of a layer, :math:`c_t = \mathrm{softmax}(q_t [m; K]^T / \sqrt d)\,[m; V]`, and the
    gate replaces it by :math:`(1 - \gamma_t) c_t + \gamma_t g` with :math:`\gamma_t = \sigma(q_t \cdot g / \sqrt d)`.

    ``latent["memory"]`` holds ``[B, 2, H, k, d]`` for each layer: k key and value slots per key-value head. The slots
    stand outside the text: they have no position, are never masked and never enter the cache. ``latent["gate"]`` holds
    ``[B, H, d]`` for each layer. Of a network's own ``options``, ``scaling``, ``is_causal``, ``softcap``, ``s_aux``
    (attention sinks) and ``position_bias`` change the scores. Packed tokens are attended to in their rectangle.

    Returns:
        the context, ``[B, T, H, d]``, and with ``output_attentions`` the weights on the slots and the keys,
        ``[B, H, T, k + K]``.
    """
    if packing is not None:
        query, key, value = (packing.unpack(x.transpose(1, 2)).transpose(1, 2) for x in (query, key, value))
        # padding is on the right of the text, where no query of a causal network attends
        attention_mask = None if getattr(module, "is_causal", True) else attention_mask
    crossing = getattr(module, "is_cross_attention", False) or "Cross" in type(module).__name__
    latent = {} if latent is None or crossing else latent
    slots = 0
    if "memory" in latent:
        key_BHkd, value_BHkd = _of_layer(latent["memory"], module, query.dtype).unbind(1)
        slots = key_BHkd.shape[2]
        key, value = torch.cat([key_BHkd, key], 2), torch.cat([value_BHkd, value], 2)
    groups = getattr(module, "num_key_value_groups", 1)
    key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    own = options.get("is_causal")
    causal = (getattr(module, "is_causal", True) if own is None else own) and not crossing
    mask = _mask(attention_mask, options.get("position_bias"), query, key, slots=slots, causal=causal)
    scores = Scores(mask, options.get("scaling"), options.get("softcap"), options.get("s_aux"))
    context = attend(query, key, value, scores, dropout)
    if "gate" in latent:
        gate_BH1d = _of_layer(latent["gate"], module, query.dtype).unsqueeze(2)
        context = _gated(context, query, repeat_kv(gate_BH1d, groups))
    context = context.transpose(1, 2)
    context = context.contiguous() if packing is None else packing.pack(context)
    return context, attention_weights(query, key, scores) if output_attentions else None


def by_layer(conditioning: dict[str, Tensor]) -> dict[str, Any]:
    """Return the conditioning with what the attention reads split into its layers.

    The gradients of the layers are then joined once. Taken from one tensor, each would be as large as all of them.
    """
    read = {place: value.unbind(1) for place, value in conditioning.items() if place in ("memory", "gate")}
    return {**conditioning, **read}


def _of_layer(latent_L: tuple[Tensor, ...], module: nn.Module, dtype: torch.dtype) -> Tensor:
    return latent_L[cast(int, module.layer_idx)].to(dtype)


def _mask(
    mask: Tensor | None, bias: Tensor | None, query: Tensor, key: Tensor, *, slots: int, causal: bool
) -> Tensor | None:
    """Return the mask of each query, with every slot visible, and the network's own bias of the scores."""
    queries, keys = query.shape[2], key.shape[2]
    if mask is not None:
        visible = True if mask.dtype == torch.bool else 0.0
        mask = F.pad(mask, (slots, 0), value=visible) if slots else mask
    elif causal and queries > 1:
        # is_causal of torch aligns the mask to the upper left, which would hide the slots: align it to the lower right
        mask = torch.ones(queries, keys, dtype=torch.bool, device=query.device).tril(keys - queries)
    if bias is None:
        return mask
    bias = F.pad(bias, (slots, 0))
    if mask is None:
        return bias
    return bias.masked_fill(~mask, torch.finfo(bias.dtype).min) if mask.dtype == torch.bool else bias + mask


def _gated(context_BHTd: Tensor, query_BHTd: Tensor, gate_BH1d: Tensor) -> Tensor:
    g_BHT1 = (query_BHTd @ gate_BH1d.mT / query_BHTd.shape[-1] ** 0.5).sigmoid()
    return context_BHTd + g_BHT1 * (gate_BH1d - context_BHTd)


AttentionInterface.register(LATENT_ATTENTION, latent_attention)
AttentionMaskInterface.register(LATENT_ATTENTION, sdpa_mask)
