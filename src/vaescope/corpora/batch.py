"""Batch: a rectangle of token ids with its mask, the form in which text reaches the model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Tokenised texts, padded on the right to the longest.

    Every text starts with BOS and ends with EOS (unless it was truncated, which the corpus counts and states).
    A text's likelihood counts every predicted token: EOS yes, BOS and padding no.

    Attributes:
        input_ids: token ids, BOS first, ``[B, T]``, int64.
        attention_mask: 1 for real tokens, 0 for padding, ``[B, T]``, int64.
        index: position of each text in its split, ``[B]``, int64.

    >>> batch = Batch(torch.tensor([[0, 7, 2], [0, 2, 1]]), torch.tensor([[1, 1, 1], [1, 1, 0]]), torch.arange(2))
    >>> batch.tokens
    tensor([2, 1])
    """

    input_ids: Tensor
    attention_mask: Tensor
    index: Tensor

    def __len__(self) -> int:
        """Return the number of texts B."""
        return self.input_ids.shape[0]

    @property
    def tokens(self) -> Tensor:
        """Number of predicted tokens of each text, ``[B]``: real tokens without BOS."""
        return self.attention_mask.sum(1) - 1

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch on ``device``."""
        return Batch(
            self.input_ids.to(device, non_blocking=True),
            self.attention_mask.to(device, non_blocking=True),
            self.index.to(device, non_blocking=True),
        )
