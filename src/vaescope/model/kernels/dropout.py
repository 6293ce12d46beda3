"""Dropout whose masks cost less on CPUs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaescope.model.kernels.switch import is_plain

OUTCOMES = 2**16
"""Number of values of the random number that decides whether an element is dropped."""


def dropout(values: Tensor, probability: float) -> Tensor:
    r"""Return the values, each 0 with the given probability p and :math:`x / (1 - p)` else.

    The plain form is ``F.dropout``, which draws at least 32 bits per element on a CPU, one element after another. Here
    an element takes 16 bits, so p is rounded to a multiple of 1/65536, and the scale uses the rounded p. On other
    devices the plain form is used.

    >>> _ = torch.manual_seed(0)
    >>> dropout(torch.ones(6), 0.5)
    tensor([...])
    """
    if probability == 0:
        return values
    dropped = round(OUTCOMES * probability)
    if is_plain() or values.device.type != "cpu" or dropped == OUTCOMES:
        return F.dropout(values, probability)
    size = values.numel()
    four = torch.empty(-(-size // 4), dtype=torch.int64).random_(-(2**63), None)
    kept = four.view(torch.int16)[:size].view(values.shape) >= dropped - OUTCOMES // 2
    return values * kept.to(values.dtype).mul_(OUTCOMES / (OUTCOMES - dropped))


class Dropout(nn.Dropout):
    """Drop-in replacement for ``nn.Dropout``."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the input; in training mode elements of it are dropped."""
        return dropout(input, self.p) if self.training else input


def replace_dropout(network: nn.Module) -> None:
    """Replace every ``nn.Dropout`` of a network by ``Dropout``."""
    for module in list(network.modules()):
        for name, inner in module.named_children():
            if type(inner) is nn.Dropout:
                setattr(module, name, Dropout(inner.p))
