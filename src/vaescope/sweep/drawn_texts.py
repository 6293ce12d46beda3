"""DrawnTexts: texts that a model made at given z, and what makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

CHUNK = 64
"""Texts drawn at once, each chunk from its own seed; a constant, since the drawn texts depend on it."""


@dataclass(frozen=True)
class DrawnTexts:
    """Texts that a model made.

    Attributes:
        split: the M texts, in the form that the model reads.
        finished: whether each ended by itself and can be read again, ``[M]``, bool.
        log_prob: log p(x|z) as the sampler added it up, nats per text, ``[M]``, or None where it does not say it.
    """

    split: Any
    finished: Tensor
    log_prob: Tensor | None = None

    @property
    def strings(self) -> list[str]:
        """The texts as strings."""
        return list(self.split.texts)


class Sampler(Protocol):
    """What draws texts from a model; the random numbers of each depend on the seed and its place alone."""

    def draw(self, z_MD: Tensor, seed: int, progress: Any = None) -> DrawnTexts:
        """Return a text from p(x|z) for each z."""

    def greedy(self, z_MD: Tensor) -> DrawnTexts | None:
        """Return the most probable text for each z, or None where that cannot be had."""
