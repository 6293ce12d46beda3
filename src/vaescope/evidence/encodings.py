"""Encodings: posteriors of texts that are not part of the assessed split."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from vaescope.estimators.copies import Copies, equal_posteriors
from vaescope.evidence.latent_sequences import joined


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

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            object.__setattr__(self, name, joined(getattr(self, name), 2))

    @property
    def copies(self) -> Copies:
        """Which texts are copies of one text: by ``text_id``, else by equal posteriors.

        >>> import torch
        >>> Encodings(torch.tensor([[0.0], [1.0], [0.0]]), torch.ones(3, 1)).copies.text.tolist()
        [0, 1, 0]
        """
        return equal_posteriors(self.mean, self.std) if self.text_id is None else Copies.of(self.text_id)

    def __len__(self) -> int:
        """Return the number of texts T."""
        return len(self.mean)
