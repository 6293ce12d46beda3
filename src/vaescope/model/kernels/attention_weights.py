"""Scaled dot-product attention: its plain form, and one whose backward pass costs less on CPUs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from vaescope.model.kernels.dropout import dropout
from vaescope.model.kernels.switch import first_only, is_plain


@dataclass(frozen=True)
class Scores:
    r"""How the attention scores are made from :math:`QK^T`: scaled, capped, masked, with a sink to attend to nothing.

    Attributes:
        mask: true or 0 where a query may attend, false or a large negative number elsewhere, ``[..., T, K]``.
        scale: the factor of :math:`QK^T`; by default :math:`d^{-1/2}`.
        cap: c in :math:`c \tanh(s / c)`, applied to the scaled scores s before the mask; None for no cap (Gemma 2).
        sinks: per head the score of a slot without a value, ``[H]`` (GPT-OSS); None for no such slot.
    """

    mask: Tensor | None = None
    scale: float | None = None
    cap: float | None = None
    sinks: Tensor | None = None

    @property
    def are_standard(self) -> bool:
        """Whether torch's own attention computes these scores."""
        return self.cap is None and self.sinks is None


def attend(query: Tensor, key: Tensor, value: Tensor, scores: Scores, probability: float = 0.0) -> Tensor:
    """Return softmax(scores) V, ``[B, H, T, d]``, with dropout of the weights by ``probability``.

    The plain form is ``dropout(attention_weights(query, key, scores), probability) @ value``. Without a gradient, or
    on an accelerator, it is torch's fused kernel. For a gradient on a CPU it is ``_Weights``: there the backward pass
    of the fused kernel takes several times as long.
    """
    mask = scores.mask
    if is_plain() or not scores.are_standard:
        return dropout(attention_weights(query, key, scores), probability) @ value
    fixed = mask is None or not mask.requires_grad
    if query.requires_grad and query.device.type == "cpu" and fixed:
        scale = query.shape[-1] ** -0.5 if scores.scale is None else scores.scale
        weights = _Weights.apply(query, key, None if mask is None else _added(mask, query.dtype), scale)
        return dropout(cast(Tensor, weights), probability) @ value
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=probability, scale=scores.scale)


def attention_weights(query: Tensor, key: Tensor, scores: Scores) -> Tensor:
    r"""Return the weights :math:`\mathrm{softmax}(s\,QK^T + M)`, ``[B, H, T, K]``, in the type of the query.

    The softmax is computed in float32 or wider. This is the plain form, differentiable any number of times.

    >>> attention_weights(torch.zeros(1, 1, 1, 2), torch.ones(1, 1, 4, 2), Scores())
    tensor([[[[0.2500, 0.2500, 0.2500, 0.2500]]]])
    """
    s_BHTK = query @ key.mT * (query.shape[-1] ** -0.5 if scores.scale is None else scores.scale)
    if scores.cap is not None:
        s_BHTK = scores.cap * (s_BHTK / scores.cap).tanh()
    if scores.mask is not None:
        s_BHTK = s_BHTK + _added(scores.mask, s_BHTK.dtype)
    wide = torch.promote_types(s_BHTK.dtype, torch.float32)
    if scores.sinks is None:
        return s_BHTK.softmax(-1, dtype=wide).to(query.dtype)
    sink_BHT1 = scores.sinks.view(-1, 1, 1).to(s_BHTK.dtype).expand(*s_BHTK.shape[:-1], 1)
    return torch.cat([s_BHTK, sink_BHT1], -1).softmax(-1, dtype=wide)[..., :-1].to(query.dtype)


def _added(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Return a mask as numbers to add: 0 where it is true, the lowest number elsewhere."""
    if mask.dtype != torch.bool:
        return mask
    return torch.zeros_like(mask, dtype=dtype).masked_fill_(~mask, torch.finfo(dtype).min)


class _Weights(torch.autograd.Function):
    """``attention_weights`` of standard scores, with the gradient in closed form.

    Plain autograd would save several more tensors of this size and read them again.
    """

    @staticmethod
    def forward(ctx: Any, query_BHTd: Tensor, key_BHKd: Tensor, mask: Tensor | None, scale: float) -> Tensor:
        scores = query_BHTd @ key_BHKd.mT
        scores = scores.mul_(scale) if mask is None else torch.add(mask, scores, alpha=scale)
        # the softmax of torch takes longer in bfloat16 than in float32 with both conversions
        weights = scores.softmax(-1, dtype=torch.promote_types(scores.dtype, torch.float32)).to(scores.dtype)
        ctx.save_for_backward(query_BHTd, key_BHKd, weights)
        ctx.scale = scale
        return weights

    @staticmethod
    @first_only
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        query_BHTd, key_BHKd, weights = ctx.saved_tensors
        of_scores = torch.ops.aten._softmax_backward_data(gradient, weights, -1, weights.dtype)
        return of_scores @ key_BHKd * ctx.scale, of_scores.mT @ (query_BHTd * ctx.scale), None, None
