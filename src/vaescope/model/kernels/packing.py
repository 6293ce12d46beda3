"""Packing: the real tokens of padded texts side by side, so that all layers but attention compute no padding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Packing:
    """Where P real tokens stand in a rectangle of N padded texts of T tokens.

    But for attention, a Transformer treats every token alone. So a network is run on the P tokens as if they were one
    text, ``[1, P, h]``; the attention function brings queries, keys and values back into the rectangle.

    Attributes:
        index: positions of the tokens in the flattened rectangle, ``[P]``: the real ones in any order, then those of
            padding that is computed to no end, so that few different P occur.
        texts: N.
        tokens: T.
        real: how many of the P tokens are real; by default all.

    >>> packing = Packing(torch.tensor([0, 1, 3]), texts=2, tokens=3)
    >>> packing.pack(torch.tensor([[5, 6, 0], [7, 0, 0]]))
    tensor([[5, 6, 7]])
    >>> packing.unpack(torch.tensor([[5, 6, 7]]))
    tensor([[5, 6, 0],
            [7, 0, 0]])
    """

    index: Tensor
    texts: int
    tokens: int
    real: int | None = None

    @classmethod
    def rounded(cls, index: Tensor, padding: Tensor, texts: int, tokens: int) -> Packing:
        """Return the packing of real tokens ``index`` with so many of ``padding`` that their number is round.

        Libraries of matrix products prepare a kernel for every new shape: of small steps in bfloat16 on a CPU that took
        2 to 7% of the time (23% where other programs wanted the caches), and what was prepared 700 MiB of memory
        (``benchmarks/shapes.py``). Round is a multiple of the largest power of 2 that is at most a sixteenth of it: at
        most 7% more tokens, on average 2%.

        >>> Packing.rounded(torch.arange(100), torch.arange(100, 120), texts=2, tokens=60).index.shape
        torch.Size([100])
        >>> Packing.rounded(torch.arange(101), torch.arange(101, 120), texts=2, tokens=60).index.shape
        torch.Size([104])
        """
        real = len(index)
        step = 1 << max(0, (real // 16).bit_length() - 1)
        return cls(torch.cat([index, padding[: -real % step]]), texts, tokens, real)

    @property
    def saves(self) -> bool:
        """Whether there is padding at all."""
        return len(self.index) < self.texts * self.tokens

    def pack(self, values_NT: Tensor) -> Tensor:
        """Return the values of the tokens, ``[N, T, ...] -> [1, P, ...]``."""
        return values_NT.flatten(0, 1).index_select(0, self.index).unsqueeze(0)

    def unpack(self, values_1P: Tensor) -> Tensor:
        """Return the values in the rectangle, zero at padding, ``[1, P, ...] -> [N, T, ...]``."""
        flat = values_1P.new_zeros(self.texts * self.tokens, *values_1P.shape[2:])
        values_P = values_1P[0, : self.real]
        return flat.index_copy(0, self.index[: self.real], values_P).unflatten(0, (self.texts, self.tokens))

    def after(self, slots: int) -> Packing:
        """Return the packing of the rectangle with ``slots`` more tokens, all real, before each text."""
        if slots == 0:
            return self
        tokens = self.tokens + slots
        row_N1 = tokens * torch.arange(self.texts, device=self.index.device).unsqueeze(1)
        slots_K = (row_N1 + torch.arange(slots, device=self.index.device)).flatten()
        text_P = self.index // self.tokens
        real = None if self.real is None else self.real + len(slots_K)
        return Packing(torch.cat([slots_K, self.index + slots * (text_P + 1)]), self.texts, tokens, real)


def of_each_token(values_N: Tensor, kwargs: Mapping[str, Any]) -> Tensor:
    """Return values of the texts as values of their tokens, for a layer called with ``kwargs``.

    ``[N, ...]`` becomes ``[N, 1, ...]``, or ``[1, P, ...]`` where the tokens are packed.
    """
    packing: Packing | None = kwargs.get("packing")
    if packing is None:
        return values_N.unsqueeze(1)
    return values_N.index_select(0, packing.index // packing.tokens).unsqueeze(0)
