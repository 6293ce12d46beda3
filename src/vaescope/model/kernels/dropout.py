"""Dropout whose masks cost less on CPUs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

OUTCOMES = 2**16
"""Values of the random number that decides about one element."""


def dropout(values: Tensor, probability: float) -> Tensor:
    r"""Return the values, each 0 with the given probability p and :math:`x / (1 - p)` else.

    Torch draws at least 32 bits for an element on a CPU, one element after another.
    Here an element has 16 bits, so p is rounded to a multiple of 1/65536, and the scale is that of the rounded p.
    On other devices it is that of torch.

    >>> _ = torch.manual_seed(0)
    >>> dropout(torch.ones(6), 0.5)
    tensor([...])
    """
    if probability == 0:
        return values
    dropped = round(OUTCOMES * probability)
    if values.device.type != "cpu" or dropped == OUTCOMES:
        return F.dropout(values, probability)
    size = values.numel()
    four = torch.empty(-(-size // 4), dtype=torch.int64).random_(-(2**63), None)
    kept = four.view(torch.int16)[:size].view(values.shape) >= dropped - OUTCOMES // 2
    return values * kept.to(values.dtype).mul_(OUTCOMES / (OUTCOMES - dropped))


class Dropout(nn.Dropout):
    """A module of it, in place of torch's."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the input, in training with elements dropped."""
        return dropout(input, self.p) if self.training else input


def replace_dropout(network: nn.Module) -> None:
    """Put ``Dropout`` in place of every dropout module of torch's."""
    for module in list(network.modules()):
        for name, inner in module.named_children():
            if type(inner) is nn.Dropout:
                setattr(module, name, Dropout(inner.p))
