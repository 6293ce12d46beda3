"""Encodings: posteriors of texts that are not part of the assessed split."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Encodings:
    """The posteriors q(z|x) of T texts, from the encoder only.

    Attributes:
        mean: mean of each diagonal Gaussian, ``[T, D]``.
        std: its standard deviation, positive, ``[T, D]``.
        text_id: equal numbers for equal texts, in the numbering of the assessed texts, ``[T]``, int64, or None.
    """

    mean: Tensor
    std: Tensor
    text_id: Tensor | None = None

    def __len__(self) -> int:
        """Return the number of texts T."""
        return len(self.mean)
