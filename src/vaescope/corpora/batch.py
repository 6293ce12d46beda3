"""Batch: a rectangle of token ids with its mask, the form in which text reaches the model."""

from __future__ import annotations

from dataclasses import dataclass, field

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
        predicted: positions of the P predicted tokens in the flattened ids, ``[P]``, int64; computed on the CPU with
            the mask, since on a device they would force a synchronisation.
        padding: positions of the padding in the flattened ids, int64, computed likewise.
        encoder: the same texts in the tokens of the encoder, if it has its own vocabulary.

    >>> batch = Batch(torch.tensor([[0, 7, 2], [0, 2, 1]]), torch.tensor([[1, 1, 1], [1, 1, 0]]), torch.arange(2))
    >>> batch.tokens
    tensor([2, 1])
    """

    input_ids: Tensor
    attention_mask: Tensor
    index: Tensor
    predicted: Tensor = field(default=None, repr=False)  # type: ignore[assignment]
    padding: Tensor = field(default=None, repr=False)  # type: ignore[assignment]
    encoder: Batch | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Compute the positions of predicted tokens and padding if they are not given."""
        mask_BT = self.attention_mask.bool()
        if self.predicted is None:
            later_BT = torch.cat([torch.zeros_like(mask_BT[:, :1]), mask_BT[:, 1:]], 1)
            object.__setattr__(self, "predicted", later_BT.flatten().nonzero().squeeze(1))
        if self.padding is None:
            object.__setattr__(self, "padding", (~mask_BT).flatten().nonzero().squeeze(1))

    def __len__(self) -> int:
        """Return the number of texts B."""
        return self.input_ids.shape[0]

    @property
    def size(self) -> int:
        """Number of token ids, padding included."""
        return self.input_ids.numel()

    @property
    def tokens(self) -> Tensor:
        """Number of predicted tokens of each text, ``[B]``: real tokens without BOS."""
        return self.attention_mask.sum(1) - 1

    def repeat(self, times: int) -> Batch:
        """Repeat the whole batch ``times`` times for the decoder, ``[times B, T]``."""
        if times == 1:
            return self
        start = self.input_ids.numel() * torch.arange(times, device=self.predicted.device)
        return Batch(
            self.input_ids.repeat(times, 1),
            self.attention_mask.repeat(times, 1),
            self.index.repeat(times),
            (start.unsqueeze(1) + self.predicted).flatten(),
            (start.unsqueeze(1) + self.padding).flatten(),
        )

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch on ``device``."""
        return Batch(
            self.input_ids.to(device, non_blocking=True),
            self.attention_mask.to(device, non_blocking=True),
            self.index.to(device, non_blocking=True),
            self.predicted.to(device, non_blocking=True),
            self.padding.to(device, non_blocking=True),
            None if self.encoder is None else self.encoder.to(device),
        )
