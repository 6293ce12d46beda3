"""Accumulate the gradient of the vocabulary matrix in one buffer.

It is the largest matrix of a small model, and its gradient comes from several places: embedding lookups and logits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaescope.model.kernels.converted import converted
from vaescope.model.kernels.switch import first_only, is_plain


class _Uses:
    """The uses of one matrix so far, and the tensor that the next use reads."""

    def __init__(self, matrix: nn.Parameter) -> None:
        self.matrix = matrix
        self.handed_on: Tensor = matrix
        self.converted: Tensor | None = None


_USES: ContextVar[_Uses | None] = ContextVar("_USES", default=None)


@contextmanager
def one_gradient(last: nn.Module) -> Iterator[None]:
    """On a CPU, accumulate all gradients of the last layer's matrix into one buffer.

    The plain form is no context: each use of the matrix then creates a gradient as large as the matrix. Here each
    use passes the matrix to the next, so in the backward pass the last use, the head, makes the gradient, and the
    lookups before it add their few rows. Only the order of a sum changes. The matrix is converted once for autocast.
    Open this context inside that of autocast, and do not step the optimiser in it.

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
    fits = not is_plain() and isinstance(matrix, nn.Parameter) and matrix.requires_grad and matrix.device.type == "cpu"
    token = _USES.set(_Uses(cast(nn.Parameter, matrix)) if fits else None)
    try:
        yield
    finally:
        _USES.reset(token)


def lookup(embedding: nn.Module, ids: Tensor) -> Tensor:
    """Return the embeddings of tokens, ``[...] -> [..., h]``; the plain form is ``embedding(ids)``."""
    uses = _USES.get()
    if uses is None or type(embedding) is not nn.Embedding or embedding.weight is not uses.matrix:
        return embedding(ids)
    rows, uses.handed_on = _Lookup.apply(uses.handed_on, ids, embedding.padding_idx)
    return rows


def multiplied(matrix: Tensor) -> Tensor:
    """Return the matrix in the type in which it is multiplied, for the next use of it."""
    kind = matrix.device.type
    if matrix.dtype == torch.float64:
        return matrix
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else matrix.dtype
    if not matrix.requires_grad:
        return converted(matrix, dtype)
    if not torch.is_grad_enabled():
        # autocast converts what is trained, once for all calls
        return matrix
    uses = _USES.get()
    if uses is None or matrix is not uses.matrix:
        return matrix.to(dtype)
    if uses.converted is None:
        uses.converted = uses.handed_on.to(dtype)
    return uses.converted


class _Lookup(torch.autograd.Function):
    """Rows of a matrix, and the matrix for the next use; gradients of the rows are added to the gradient of that
    matrix."""

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
        # the next use created this buffer for this use only
        total_VH = gradient.new_zeros(ctx.shape) if later_VH is None else later_VH
        return total_VH.index_add_(0, ids.flatten(), gradient.flatten(0, -2)), None, None
