"""Attention that carries z: latent keys, values and gates in the attention function of transformers."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv
from transformers.masking_utils import sdpa_mask

from vaescope.model.kernels.derivative import first_only
from vaescope.model.kernels.dropout import dropout
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
    scaling: float | None = None,
    is_causal: bool | None = None,
    latent: dict[str, Tensor] | None = None,
    packing: Packing | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Scaled dot-product attention whose self-attention also sees the latent memory of its layer.

    ``latent["memory"]`` is ``[B, L, 2, H, k, d]``: for each of L layers k key and value slots per key-value head. The
    slots stand outside the text: they have no position, are never masked and never enter the cache. ``latent["gate"]``
    is ``[B, L, H, d]``: one vector per layer and key-value head that each query may take in place of its context.

    Packed tokens are brought into their rectangle here; of the mask, which is then that of the real keys, a causal
    network needs nothing, as padding stands on the right.
    """
    if packing is not None:
        query, key, value = (packing.unpack(x.transpose(1, 2)).transpose(1, 2) for x in (query, key, value))
        attention_mask = None if getattr(module, "is_causal", True) else attention_mask
    crossing = getattr(module, "is_cross_attention", False) or "Cross" in type(module).__name__
    slots = 0
    if latent is not None and "memory" in latent and not crossing:
        key_BHkd, value_BHkd = latent["memory"].select(1, cast(int, module.layer_idx)).unbind(1)
        slots = key_BHkd.shape[2]
        key = torch.cat([key_BHkd.to(key.dtype), key], 2)
        value = torch.cat([value_BHkd.to(value.dtype), value], 2)
    groups = getattr(module, "num_key_value_groups", 1)
    key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    queries, keys = query.shape[2], key.shape[2]
    causal = (getattr(module, "is_causal", True) if is_causal is None else is_causal) and not crossing
    if attention_mask is not None:
        visible = True if attention_mask.dtype == torch.bool else 0.0
        mask = F.pad(attention_mask, (slots, 0), value=visible) if slots else attention_mask
    elif causal and queries > 1:
        # is_causal of torch aligns the mask to the upper left, which would hide the slots: build it to the lower right
        mask = torch.ones(queries, keys, dtype=torch.bool, device=query.device).tril(keys - queries)
    else:
        mask = None
    fixed = mask is None or not mask.requires_grad
    stepwise = query.requires_grad and query.device.type == "cpu" and fixed
    attend = _attend if stepwise else F.scaled_dot_product_attention
    context = attend(query, key, value, attn_mask=mask, dropout_p=dropout, scale=scaling)
    if latent is not None and "gate" in latent and not crossing:
        gate_BH1d = latent["gate"].select(1, cast(int, module.layer_idx)).unsqueeze(2).to(query.dtype)
        context = _gated(context, query, repeat_kv(gate_BH1d, groups))
    context = context.transpose(1, 2)
    return context.contiguous() if packing is None else packing.pack(context), None


def _attend(
    query: Tensor, key: Tensor, value: Tensor, *, attn_mask: Tensor | None, dropout_p: float, scale: float | None
) -> Tensor:
    """Attention step by step: on CPUs the backward pass of the fused kernel takes several times as long."""
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        shown = torch.zeros_like(attn_mask, dtype=query.dtype)
        attn_mask = shown.masked_fill_(~attn_mask, torch.finfo(query.dtype).min)
    return dropout(cast(Tensor, _Weights.apply(query, key, attn_mask, scale)), dropout_p) @ value


class _Weights(torch.autograd.Function):
    r"""The weights :math:`\mathrm{softmax}(s\,QK^T + M)`, computed in float32 or wider, kept in the type of the query.

    Of all that is as large as the weights, autograd would keep and read a good deal more.
    """

    @staticmethod
    def forward(ctx: Any, query_BHTd: Tensor, key_BHTd: Tensor, mask: Tensor | None, scale: float) -> Tensor:
        scores = query_BHTd @ key_BHTd.mT
        scores = scores.mul_(scale) if mask is None else torch.add(mask, scores, alpha=scale)
        # the softmax of torch takes longer in bfloat16 than in float32 with both conversions
        weights = scores.softmax(-1, dtype=torch.promote_types(scores.dtype, torch.float32)).to(scores.dtype)
        ctx.save_for_backward(query_BHTd, key_BHTd, weights)
        ctx.scale = scale
        return weights

    @staticmethod
    @first_only
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        query_BHTd, key_BHTd, weights = ctx.saved_tensors
        of_scores = torch.ops.aten._softmax_backward_data(gradient, weights, -1, weights.dtype)
        return of_scores @ key_BHTd * ctx.scale, of_scores.mT @ (query_BHTd * ctx.scale), None, None


def _gated(context_BHTd: Tensor, query_BHTd: Tensor, gate_BH1d: Tensor) -> Tensor:
    g_BHT1 = (query_BHTd @ gate_BH1d.mT / query_BHTd.shape[-1] ** 0.5).sigmoid()
    return context_BHTd + g_BHT1 * (gate_BH1d - context_BHTd)


AttentionInterface.register(LATENT_ATTENTION, latent_attention)
AttentionMaskInterface.register(LATENT_ATTENTION, sdpa_mask)
