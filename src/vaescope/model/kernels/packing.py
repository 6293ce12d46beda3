"""Packing: put the real tokens of padded texts in one row, so that only attention computes padding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from vaescope.corpora.batch import Batch
from vaescope.model.backbone import position_offset
from vaescope.model.kernels.switch import is_plain

PACKED = ("bert", "camembert", "gpt2", "llama", "qwen2", "qwen3", "roberta", "xlm-roberta")
"""Networks in which only attention and position embeddings depend on the position of a token."""


@dataclass(frozen=True)
class Packing:
    """The places of P real tokens in a rectangle of N padded texts of T tokens.

    Except in attention, a Transformer treats tokens independently. So the network runs on the P tokens as if they were
    one text, ``[1, P, h]``; the attention function moves queries, keys and values back into the rectangle. The plain
    form is the network on the padded rectangle.

    Attributes:
        index: positions of the tokens in the flattened rectangle, ``[P]``: the real ones in any order, then padding
            tokens that round P up, so that few distinct shapes occur.
        texts: N.
        tokens: T.
        real: number of real tokens among the P; by default all.

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
        """Return the packing of real tokens ``index`` and some of ``padding``, so that P is a round number.

        Libraries of matrix products prepare a kernel for every new shape: for small steps in bfloat16 on a CPU this
        took 2 to 7% of the time (23% where other programs used the caches) and 700 MiB of memory
        (``benchmarks/shapes.py``). A number is round if it is a multiple of the largest power of 2 that is at most a
        sixteenth of it: at most 7% more tokens, 2% on average.

        >>> Packing.rounded(torch.arange(100), torch.arange(100, 120), texts=2, tokens=60).index.shape
        torch.Size([100])
        >>> Packing.rounded(torch.arange(101), torch.arange(101, 120), texts=2, tokens=60).index.shape
        torch.Size([104])
        """
        real = len(index)
        step = 1 << max(0, (real // 16).bit_length() - 1)
        return cls(torch.cat([index, padding[: -real % step]]), texts, tokens, real)

    @classmethod
    def of_tokens(cls, batch: Batch) -> Packing:
        """Return the packing of all real tokens of a batch."""
        texts, tokens = batch.input_ids.shape
        first_B = tokens * torch.arange(texts, device=batch.predicted.device)
        return cls.rounded(torch.cat([first_B, batch.predicted]), batch.padding, texts, tokens)

    @classmethod
    def of_predictions(cls, batch: Batch) -> Packing:
        """Return the packing of the tokens that predict a next token, in the rectangle of a batch without its last
        column."""
        texts, tokens = batch.input_ids.shape
        before, spare = (of - of // tokens - 1 for of in (batch.predicted, batch.padding))
        return cls.rounded(before, spare, texts, tokens - 1)

    @property
    def saves(self) -> bool:
        """Whether there is any padding."""
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
        """Return the packing after inserting ``slots`` real tokens before each text."""
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


def can_pack(network: PreTrainedModel) -> bool:
    """Return whether a network can run on packed tokens: whole-text attention, everything else token by token."""
    config = network.config
    return config.model_type in PACKED and "sliding_attention" not in (getattr(config, "layer_types", None) or ())


def packs(network: PreTrainedModel) -> bool:
    """Return whether a network runs on packed tokens now."""
    return not is_plain() and can_pack(network)


def packed_states(
    network: PreTrainedModel, packing: Packing, embeddings_1Ph: Tensor, position_NT: Tensor, **options: Any
) -> Tensor:
    """Return the last hidden states of a network that runs on packed embeddings, ``[N, T, h]``, zero at padding."""
    position_NT = (position_NT + position_offset(network)).expand(packing.texts, -1)
    keys_NT = packing.unpack(torch.ones_like(packing.index, dtype=torch.bool).unsqueeze(0))
    states_1PH = network(
        inputs_embeds=embeddings_1Ph,
        position_ids=packing.pack(position_NT),
        attention_mask=keys_NT[:, None, None],
        packing=packing,
        use_cache=False,
        **options,
    ).last_hidden_state
    return packing.unpack(states_1PH)
