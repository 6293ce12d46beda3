"""log p of tokens from hidden states and the vocabulary matrix, without keeping logits or their gradients."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from vaescope.model.backbone import Head, head_of
from vaescope.model.kernels.shared_gradient import multiplied
from vaescope.model.kernels.switch import first_only, is_plain

LOGITS_AT_ONCE = 2**26
"""Largest number of logits in memory at a time (256 MiB in float32); beyond it they are recomputed for the gradient."""

LOGITS_OF_PRODUCT = 2**23
"""The same on a CPU without a gradient: large enough for a fast product, small enough for malloc to reuse the
memory."""

LOGITS_IN_CACHE = 2**20
"""Logits that are normalised at one time on a CPU, in its cache."""


def token_log_probs(decoder: PreTrainedModel, states_PH: Tensor, targets_P: Tensor) -> Tensor:
    """Return log p of target tokens in nats from the last hidden states before them, ``[P]``, float32 or wider.

    The plain form is ``token_log_probs_plain``; it is also used for heads that end in another layer than a plain
    linear one, or that cap their logits. Rows are scored in parts, so that at most ``LOGITS_AT_ONCE`` logits exist at a
    time.
    """
    head = head_of(decoder)
    if is_plain():
        return token_log_probs_plain(states_PH, targets_P, head)
    score: Callable[[Tensor, Tensor], Tensor] = partial(token_log_probs_plain, head=head)
    last = head.last
    if type(last) is nn.Linear and head.cap is None and (last.bias is None or head.scale == 1):
        # W (s h) is s (W h): scaling the logits is scaling the states
        states_PH = head.scale * _without(head.module, last)(states_PH)
        score = partial(_linear_log_probs, weight_VH=multiplied(last.weight), bias_V=last.bias)
    gradient = torch.is_grad_enabled()
    limit = LOGITS_AT_ONCE if gradient or states_PH.device.type != "cpu" else LOGITS_OF_PRODUCT
    rows = max(1, limit // head.tokens)
    parts = list(zip(states_PH.split(rows), targets_P.split(rows), strict=True))
    if gradient and len(parts) > 1:
        # the logits of a part are computed again in the backward pass rather than kept
        return torch.cat([cast(Tensor, checkpoint(score, *part, use_reentrant=False)) for part in parts])
    return torch.cat([score(*part) for part in parts])


def token_log_probs_plain(states_PH: Tensor, targets_P: Tensor, head: Head) -> Tensor:
    """Return log p of target tokens by the log-softmax of all logits, ``[P]``: the plain form."""
    return _wide(head(states_PH), None).log_softmax(-1).gather(1, targets_P.unsqueeze(1)).squeeze(1)


def _without(head: nn.Module, last: nn.Module) -> nn.Module:
    """Return the head without its last layer; all other layers are shared."""
    if head is last:
        return nn.Identity()
    rest = copy.copy(head)
    rest._modules = {
        name: _without(module, last) if module is not None and last in module.modules() else module
        for name, module in head._modules.items()
    }
    return rest


def _linear_log_probs(states_PH: Tensor, targets_P: Tensor, weight_VH: Tensor, bias_V: Tensor | None) -> Tensor:
    states_PH = states_PH.to(weight_VH.dtype)
    if torch.is_grad_enabled():
        return cast(Tensor, _LogProb.apply(states_PH, targets_P, weight_VH, bias_V))
    parts = _row_parts(F.linear(states_PH, weight_VH), targets_P.unsqueeze(1))
    log_p_P1 = [_wide(logits_RV, bias_V).log_softmax(-1).gather(1, target_R1) for logits_RV, target_R1 in parts]
    return torch.cat(log_p_P1).squeeze(1)


class _LogProb(torch.autograd.Function):
    r"""log p of the target tokens, float32 or wider, from states and the matrix of the last layer, of any type.

    The gradient with respect to the logits is :math:`1_{target} - p`. Its negative takes the place of the logits, so
    that nothing else of their size is kept or made in the backward pass, which consists of the two matrix products.
    """

    @staticmethod
    def forward(ctx: Any, states_PH: Tensor, targets_P: Tensor, weight_VH: Tensor, bias_V: Tensor | None) -> Tensor:
        logits_PV = F.linear(states_PH, weight_VH)
        ctx.save_for_backward(states_PH, logits_PV, weight_VH, bias_V)
        log_p_P1 = []
        for logits_RV, target_R1 in _row_parts(logits_PV, targets_P.unsqueeze(1)):
            p_RV, log_p_R1 = _softmax(_wide(logits_RV, bias_V), target_R1)
            logits_RV.copy_(p_RV.scatter_add_(1, target_R1, p_RV.new_full(target_R1.shape, -1.0)))
            log_p_P1.append(log_p_R1)
        return torch.cat(log_p_P1).squeeze(1)

    @staticmethod
    @first_only
    def backward(ctx: Any, gradient_P: Tensor) -> tuple[Tensor | None, None, Tensor | None, Tensor | None]:
        states_PH, residual_PV, weight_VH, bias_V = ctx.saved_tensors
        of_states, _, of_weight, of_bias = ctx.needs_input_grad
        scale_P1 = -gradient_P.unsqueeze(1)
        states = weight = bias = None
        if of_states:
            states = (scale_P1 * (residual_PV @ weight_VH)).to(states_PH.dtype)
        if of_weight:
            weight = residual_PV.mT @ (scale_P1 * states_PH).to(weight_VH.dtype)
        if of_bias:
            bias = (scale_P1.squeeze(1).to(residual_PV.dtype) @ residual_PV).to(bias_V.dtype)
        return states, None, weight, bias


def _wide(logits_RV: Tensor, bias_V: Tensor | None) -> Tensor:
    """Return the logits in float32 or wider, in which the bias is added."""
    dtype = torch.promote_types(logits_RV.dtype, torch.float32)
    return logits_RV.to(dtype) if bias_V is None else logits_RV + bias_V.to(dtype)


def _softmax(logits_RV: Tensor, target_R1: Tensor) -> tuple[Tensor, Tensor]:
    """Return p of all tokens and log p of the targets from one exponential of each logit.

    The exponential is the most expensive operation here. Unless p is close to underflow, its logarithm is as exact as
    the log-softmax.
    """
    p_RV = logits_RV.softmax(-1)
    p_R1 = p_RV.gather(1, target_R1)
    near_0 = p_R1 < torch.finfo(p_RV.dtype).tiny / torch.finfo(p_RV.dtype).eps
    if p_RV.device.type == "cpu" and not near_0.any():
        return p_RV, p_R1.log()
    return p_RV, logits_RV.log_softmax(-1).gather(1, target_R1)


def _row_parts(logits_PV: Tensor, targets_P1: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield parts of the rows with at most ``LOGITS_IN_CACHE`` logits on a CPU, on another device all rows."""
    cpu = logits_PV.device.type == "cpu"
    rows = max(1, LOGITS_IN_CACHE // logits_PV.shape[1]) if cpu else max(1, len(targets_P1))
    return zip(logits_PV.split(rows), targets_P1.split(rows), strict=True)
