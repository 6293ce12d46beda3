"""The end of what autograd is told here: gradients in closed form, which have no derivative of their own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch


def first_only(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse a graph of the backward pass (``create_graph=True``): what was saved would pass for a constant in it."""

    @wraps(backward)
    def checked(ctx: Any, *gradients: Any) -> Any:
        if torch.is_grad_enabled():
            raise RuntimeError("second derivatives of a TransformerVAE are not implemented; leave out create_graph")
        return backward(ctx, *gradients)

    return checked
