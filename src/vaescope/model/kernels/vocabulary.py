"""The matrix of the vocabulary: rows of it are looked up, and its product with hidden states gives the logits.

It is the largest matrix of a small model, and where networks share it, its gradient comes from several places. What
touches all of it costs as much as a layer, so here it is read, multiplied and written as rarely as possible.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from vaescope.model.backbone import head_of
from vaescope.model.kernels.derivative import first_only

LOGITS_AT_ONCE = 2**26
"""Largest number of logits that exist at one time (256 MiB in float32); more are computed again for the gradient."""

LOGITS_OF_PRODUCT = 2**23
"""The same on a CPU where no gradient is wanted: enough for the rate of a product, and memory that malloc reuses."""

LOGITS_IN_CACHE = 2**20
"""Logits that are normalised at one time on a CPU, in its cache."""


class _Uses:
    """What the next use of a matrix takes: the matrix itself, as the last one handed it on."""

    def __init__(self, matrix: nn.Parameter) -> None:
        self.matrix = matrix
        self.handed_on: Tensor = matrix
        self.converted: Tensor | None = None


_USES: ContextVar[_Uses | None] = ContextVar("_USES", default=None)


@contextmanager
def one_gradient(last: nn.Module) -> Iterator[None]:
    """Within, the uses of the last layer's matrix on a CPU add to one gradient, where each would make one of its own.

    A use hands the matrix on to the next, so in the backward pass the last use, the head, makes the gradient, and the
    lookups before it add their few rows. It changes the order of a sum and nothing else. The matrix is converted once
    for autocast; the context lies within that of autocast, and no step of the optimiser within it.

    >>> embedding, last = nn.Embedding(5, 2), nn.Linear(2, 5)
    >>> last.weight = embedding.weight
    >>> with one_gradient(last):
    ...     rows = lookup(embedding, torch.tensor([3, 3]))
    >>> rows.sum().backward()
    >>> last.weight.grad[2:4]
    tensor([[0., 0.],
            [2., 2.]])
    """
    matrix = getattr(last, "weight", None)
    fits = isinstance(matrix, nn.Parameter) and matrix.requires_grad and matrix.device.type == "cpu"
    token = _USES.set(_Uses(cast(nn.Parameter, matrix)) if fits else None)
    try:
        yield
    finally:
        _USES.reset(token)


def lookup(embedding: nn.Module, ids: Tensor) -> Tensor:
    """Return the embeddings of tokens, ``[...] -> [..., h]``."""
    uses = _USES.get()
    if uses is None or type(embedding) is not nn.Embedding or embedding.weight is not uses.matrix:
        return embedding(ids)
    rows, uses.handed_on = _Lookup.apply(uses.handed_on, ids, embedding.padding_idx)
    return rows


def token_log_probs(decoder: PreTrainedModel, states_PH: Tensor, targets_P: Tensor) -> Tensor:
    """Return log p of target tokens in nats from the last hidden states before them, ``[P]``, float32 or wider."""
    head, last = head_of(decoder), decoder.get_output_embeddings()
    score: Callable[[Tensor, Tensor], Tensor] = partial(_any_log_probs, head=head)
    if type(last) is nn.Linear:
        states_PH = _without(head, last)(states_PH)
        score = partial(_linear_log_probs, weight_VH=_multiplied(last.weight), bias_V=last.bias)
    gradient = torch.is_grad_enabled()
    limit = LOGITS_AT_ONCE if gradient or states_PH.device.type != "cpu" else LOGITS_OF_PRODUCT
    rows = max(1, limit // decoder.config.vocab_size)
    parts = list(zip(states_PH.split(rows), targets_P.split(rows), strict=True))
    if gradient and len(parts) > 1:
        # the logits of a part are computed again in the backward pass rather than kept
        return torch.cat([cast(Tensor, checkpoint(score, *part, use_reentrant=False)) for part in parts])
    return torch.cat([score(*part) for part in parts])


def _multiplied(matrix: Tensor) -> Tensor:
    """Return the matrix in the type in which it is multiplied."""
    kind = matrix.device.type
    if not torch.is_grad_enabled() or matrix.dtype == torch.float64:
        # where there is no gradient, autocast converts it, once for all calls
        return matrix
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else matrix.dtype
    uses = _USES.get()
    if uses is None or matrix is not uses.matrix:
        return matrix.to(dtype)
    if uses.converted is None:
        uses.converted = uses.handed_on.to(dtype)
    return uses.converted


def _without(head: nn.Module, last: nn.Module) -> nn.Module:
    """Return the head without its last layer; it shares all others."""
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


def _any_log_probs(states_PH: Tensor, targets_P: Tensor, head: nn.Module) -> Tensor:
    return _wide(head(states_PH), None).log_softmax(-1).gather(1, targets_P.unsqueeze(1)).squeeze(1)


class _Lookup(torch.autograd.Function):
    """Rows of a matrix, and the matrix for the use after this, whose gradient the rows' gradients are added to."""

    @staticmethod
    def forward(ctx: Any, weight_VH: Tensor, ids: Tensor, padding: int | None) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(ids)
        ctx.padding, ctx.shape = padding, weight_VH.shape
        return F.embedding(ids, weight_VH), weight_VH.view_as(weight_VH)

    @staticmethod
    @first_only
    def backward(ctx: Any, gradient: Tensor | None, later_VH: Tensor | None) -> tuple[Tensor | None, None, None]:
        if gradient is None:
            return later_VH, None, None
        (ids,) = ctx.saved_tensors
        if ctx.padding is not None:
            gradient = gradient.masked_fill((ids == ctx.padding).unsqueeze(-1), 0)
        # what comes from the use after this was made there, for nobody else
        total_VH = gradient.new_zeros(ctx.shape) if later_VH is None else later_VH
        return total_VH.index_add_(0, ids.flatten(), gradient.flatten(0, -2)), None, None


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
    """Return p of all tokens and log p of the targets from one exponential of each logit, the dearest operation here.

    The logarithm of a p that is not close to underflow is as exact as the log-softmax.
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
