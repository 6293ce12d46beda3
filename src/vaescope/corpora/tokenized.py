"""Tokenized: a split as token ids in one flat array, and its batches of like length."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tokenizers
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from vaescope.corpora.batch import Batch
from vaescope.corpora.cache import WORTH, cached, digest
from vaescope.corpora.tokenizer import SpecialIds, special_ids
from vaescope.errors import UserError

log = logging.getLogger("vaescope")

OVERHEAD = 24
"""What one more pass of a model costs, in tokens: a group is split where that saves more padding than that."""


@dataclass(frozen=True)
class Tokenized:
    """The N texts of a split as token ids, each framed by BOS and EOS.

    Words and bytes are those of the text that is modelled: of a truncated text only the part that was kept.

    Attributes:
        ids: token ids of all texts, one after the other, int32.
        offsets: text i is ``ids[offsets[i] : offsets[i + 1]]``, ``[N + 1]``, int64.
        words: words (separated by white space) of each text, EOS not counted, ``[N]``, int64.
        bytes: UTF-8 bytes of each text, ``[N]``, int64.
        texts: the texts as modelled.
        pad: id of the padding token.
        truncated: how many texts lost their end.
        dropped: how many texts were left out because they were too long.
    """

    ids: Tensor
    offsets: Tensor
    words: Tensor
    bytes: Tensor
    texts: list[str]
    pad: int
    truncated: int = 0
    dropped: int = 0

    def __len__(self) -> int:
        """Return the number of texts N."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Tensor:
        """Tokens of each text, BOS and EOS included, ``[N]``, int64."""
        return self.offsets.diff()

    def batch(self, indices: Tensor | list[int]) -> Batch:
        """Return the texts at ``indices`` as one rectangle, padded to the longest of them."""
        index_B = torch.as_tensor(indices, dtype=torch.int64)
        start_B = self.offsets[index_B]
        length_B = self.offsets[index_B + 1] - start_B
        step_T = torch.arange(int(length_B.max()))
        mask_BT = step_T < length_B[:, None]
        # Padding reads the first token of the text instead, which is always there, and is then overwritten.
        flat_BT = self.ids[start_B[:, None] + step_T * mask_BT].long()
        return Batch(flat_BT.masked_fill(~mask_BT, self.pad), mask_BT.long(), index_B)

    def select(self, indices: Tensor | list[int]) -> Tokenized:
        """Return the texts at ``indices``, in their order, as a split of its own."""
        index_B = torch.as_tensor(indices, dtype=torch.int64)
        length_B = self.lengths[index_B]
        offsets = torch.cat([length_B.new_zeros(1), length_B.cumsum(0)])
        place = torch.arange(int(offsets[-1])) + (self.offsets[index_B] - offsets[:-1]).repeat_interleave(length_B)
        return replace(
            self,
            ids=self.ids[place],
            offsets=offsets,
            words=self.words[index_B],
            bytes=self.bytes[index_B],
            texts=[self.texts[i] for i in index_B.tolist()],
        )

    def by_length(self, indices: Tensor | list[int], budget: int, overhead: int = OVERHEAD) -> list[Batch]:
        """Return the texts at ``indices`` in batches of like length, of at most ``budget`` tokens.

        The cut is that of ``group``: with an overhead of the budget, as few batches as may be. The longest texts come
        first, so that memory runs out at once or never.
        """
        index_B = torch.as_tensor(indices, dtype=torch.int64)
        groups = group(self.lengths[index_B].numpy(), budget, overhead)
        return [self.batch(index_B[torch.from_numpy(members)]) for members in groups]


def group(lengths: np.ndarray, budget: int, overhead: int = OVERHEAD) -> list[np.ndarray]:
    r"""Cut texts, sorted by length, into groups that cost the least.

    The cost of a cut is sum over groups of (texts x longest + overhead), minimised exactly by dynamic
    programming, best[j] = min_i best[i] + (j - i) length[j - 1] + overhead, over groups of texts x longest <=
    budget tokens. A text longer than the budget is a group of its own. Time grows as N budget / (mean
    length); memory as N.

    Returns:
        positions in ``lengths`` of each group, the longest texts first.

    >>> [members.tolist() for members in group(np.array([40, 5, 41, 5]), budget=100, overhead=8)]
    [[0, 2], [1, 3]]
    """
    order = np.argsort(lengths, kind="stable")
    length = lengths[order].astype(np.int64)
    n = len(length)
    best, cut = np.zeros(n + 1), np.zeros(n + 1, dtype=np.int64)
    positions = np.arange(n + 1)
    for j in range(1, n + 1):
        longest = length[j - 1]
        first = max(0, j - max(1, budget // longest))
        cost = best[first:j] + (j - positions[first:j]) * longest
        i = int(cost.argmin())
        best[j], cut[j] = cost[i] + overhead, first + i
    groups, end = [], n
    while end > 0:
        groups.append(order[cut[end] : end])
        end = cut[end]
    return groups


def tokenize(
    texts: list[str],
    tokenizer: PreTrainedTokenizerFast,
    *,
    max_length: int,
    too_long: Literal["truncate", "drop", "error"] = "truncate",
    name: str = "texts",
) -> Tokenized:
    """Return the texts as token ids between BOS and EOS; what becomes of longer texts is counted and logged.

    A truncated text keeps its EOS. Inside a text there is never a BOS, EOS or padding token, whatever it spells.
    The token ids of a large corpus are kept in the cache.

    Raises:
        UserError: ``too_long="error"`` and a text is longer than ``max_length`` tokens, or no text is left.
    """
    special = special_ids(tokenizer)
    ids, inner_N, ends = _flat(texts, tokenizer)
    room = max_length - 2
    long_N = inner_N > room
    count = int(long_N.sum())
    if count and too_long == "error":
        first = int(long_N.nonzero()[0])
        raise UserError(
            f"{name}: text {first + 1} has {int(inner_N[first]) + 2} tokens, more than {max_length}; "
            "raise data.max_length or set data.too_long to truncate or drop"
        )
    if count:
        what = {"truncate": "cut off", "drop": "dropped"}[too_long]
        log.warning("%s: %s %d of %d texts, longer than %d tokens", name, what, count, len(texts), max_length)
    kept_N = ~long_N if too_long == "drop" else torch.ones_like(long_N)
    if not kept_N.any():
        raise UserError(f"{name}: all {len(texts)} texts have more than {max_length} tokens; raise data.max_length")
    start_N = inner_N.cumsum(0) - inner_N
    last_N = start_N + inner_N.clamp(max=room) - 1
    modelled = [
        texts[i][: int(ends[last_N[i]])] if long_N[i] else texts[i] for i in kept_N.nonzero().flatten().tolist()
    ]
    flat, offsets = _frame(ids, start_N[kept_N], inner_N[kept_N].clamp(max=room), special)
    return Tokenized(
        ids=flat,
        offsets=offsets,
        words=torch.tensor([len(text.split()) for text in modelled]),
        bytes=torch.tensor([len(text.encode()) for text in modelled]),
        texts=modelled,
        pad=special.pad,
        truncated=count if too_long == "truncate" else 0,
        dropped=count if too_long == "drop" else 0,
    )


def _frame(ids: Tensor, start_N: Tensor, inner_N: Tensor, special: SpecialIds) -> tuple[Tensor, Tensor]:
    """Return BOS, the ``inner`` tokens from ``start`` on and EOS of each text in one array, and the offsets."""
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), (inner_N + 2).cumsum(0)])
    flat = torch.full((int(offsets[-1]),), special.bos, dtype=torch.int32)
    flat[offsets[1:] - 1] = special.eos
    within = torch.arange(int(inner_N.sum())) - (inner_N.cumsum(0) - inner_N).repeat_interleave(inner_N)
    flat[offsets[:-1].repeat_interleave(inner_N) + 1 + within] = ids[start_N.repeat_interleave(inner_N) + within]
    return flat, offsets


def _flat(texts: list[str], tokenizer: PreTrainedTokenizerFast) -> tuple[Tensor, Tensor, Tensor]:
    """Return the token ids of all texts, how many each text has, and where in its text each token ends."""

    def make() -> dict[str, Tensor]:
        encoded = _encode(texts, tokenizer)
        return {
            "ids": torch.tensor([token for ids, _ in encoded for token in ids], dtype=torch.int32),
            "counts": torch.tensor([len(ids) for ids, _ in encoded]),
            "ends": torch.tensor([end for _, ends in encoded for end in ends], dtype=torch.int32),
        }

    def write(tensors: dict[str, Tensor], file: Path) -> None:
        save_file(tensors, file)

    if len(texts) < WORTH:
        found = make()
    else:
        decided = (tokenizer.backend_tokenizer.to_str(), tokenizer.split_special_tokens, special_ids(tokenizer))
        key = digest(texts, *decided, tokenizers.__version__)
        found = cached(f"tokens/{key}.safetensors", make, write, lambda file: load_file(file))
    return found["ids"], found["counts"], found["ends"]


def _encode(texts: list[str], tokenizer: PreTrainedTokenizerFast) -> list[tuple[list[int], list[int]]]:
    """Return, for each text, its token ids and where in the text each token ends."""
    special = special_ids(tokenizer)
    frame = {special.bos, special.eos, special.pad}

    def encode(some: list[str], **options: Any) -> list[tuple[list[int], list[int]]]:
        out = tokenizer(some, add_special_tokens=False, return_offsets_mapping=True, verbose=False, **options)
        return [(i, [end for _, end in o]) for i, o in zip(out["input_ids"], out["offset_mapping"], strict=True)]

    encoded = encode(texts)
    framed = [i for i, (inner, _) in enumerate(encoded) if not frame.isdisjoint(inner)]
    if framed:
        for i, plain in zip(framed, encode([texts[i] for i in framed], split_special_tokens=True), strict=True):
            encoded[i] = plain
    return encoded
