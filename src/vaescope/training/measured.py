"""Measured: the numbers of an optimiser step, by name, and as one vector for one all-reduce."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Measured:
    """The numbers of an optimiser step, scalars on the device.

    Attributes:
        terms: the value of every term of the objective, mean over the texts, in nats per text.
        loss: the loss that the optimiser minimises, mean over the texts.
        gradient: the norm of the gradient before clipping; 0 until it is known.
        tokens: the number of tokens of the texts.

    >>> measured = Measured({"rate": torch.tensor(2.0)}, torch.tensor(9.0), torch.tensor(0.5), torch.tensor(30))
    >>> measured.stack()
    tensor([ 2.0000,  9.0000,  0.5000, 30.0000])
    >>> Measured.unstack(["rate"], measured.stack()).loss
    tensor(9.)
    """

    terms: dict[str, Tensor]
    loss: Tensor
    gradient: Tensor
    tokens: Tensor

    @staticmethod
    def names(terms: Iterable[str]) -> list[str]:
        """Return the names of the numbers in the order of ``stack``."""
        return [*terms, "loss", "gradient", "tokens"]

    def stack(self) -> Tensor:
        """Return all numbers as a vector, float32."""
        return torch.stack([*self.terms.values(), self.loss, self.gradient, self.tokens]).float()

    @classmethod
    def unstack(cls, terms: Iterable[str], vector: Tensor) -> Measured:
        """Return the numbers of a vector that ``stack`` made."""
        named = dict(zip(cls.names(terms), vector, strict=True))
        loss, gradient, tokens = (named.pop(name) for name in ("loss", "gradient", "tokens"))
        return cls(named, loss, gradient, tokens)
