"""The switch between the fast kernels and their plain forms, and the guard of hand-written gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

_depth = 0
"""How many ``plain`` contexts are open in this process."""


@contextmanager
def plain() -> Iterator[None]:
    """Compute with the plain form of every kernel: slower, the same numbers, and differentiable any number of times.

    The kernels of this folder have hand-written gradients, which cannot be differentiated again. Inside this context
    the model uses their plain forms, so ``create_graph=True`` works. Use it around the forward and the backward pass.
    It holds for the whole process, because autograd runs parts of the backward pass in its own threads.

    >>> from vaescope.model.build import tiny_model
    >>> model, batch = tiny_model()
    >>> z = torch.zeros(2, 4, requires_grad=True)
    >>> with plain():
    ...     (gradient,) = torch.autograd.grad(model.log_likelihood(batch, z).sum(), z, create_graph=True)
    ...     (second,) = torch.autograd.grad(gradient.square().sum(), z)
    >>> second.shape
    torch.Size([2, 4])
    """
    global _depth
    _depth += 1
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        _depth -= 1


def is_plain() -> bool:
    """Return whether a ``plain`` context is open."""
    return _depth > 0


def first_only(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse to differentiate a hand-written backward pass again: it would treat its saved tensors as constants."""

    @wraps(backward)
    def checked(ctx: Any, *gradients: Any) -> Any:
        if torch.is_grad_enabled():
            raise RuntimeError(
                "the fast kernels have first derivatives only; "
                "for create_graph=True compute inside vaescope.model.kernels.plain()"
            )
        return backward(ctx, *gradients)

    return checked
