"""Tokenized: a split as token ids in one flat array, and its batches of texts of similar length."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from vaescope.corpora.batch import Batch
from vaescope.corpora.text_to_ids import encode, whole_characters
from vaescope.corpora.tokenizer import SpecialIds, special_ids
from vaescope.errors import UserError

log = logging.getLogger("vaescope")

OVERHEAD = 24
"""The cost of one more forward pass, in tokens: a group is split if that saves more padding."""


@dataclass(frozen=True)
class Tokenized:
    """The N texts of a split as token ids, each framed by BOS and EOS.

    Words and bytes are those of the text that is modelled: of a truncated text only the part that was kept, which
    ends between two characters.

    Attributes:
        ids: token ids of all texts, one after the other, int32.
        offsets: text i is ``ids[offsets[i] : offsets[i + 1]]``, ``[N + 1]``, int64.
        words: words (separated by white space) of each text, EOS not counted, ``[N]``, int64.
        bytes: UTF-8 bytes of each text, ``[N]``, int64.
        texts: the texts as modelled.
        pad: id of the padding token.
        truncated: how many texts were truncated.
        dropped: how many texts were left out because they were too long.
        labels: for each kind of label, one label per text.
        notes: what the user should know about how the texts were read, one line each.
        encoder: the same texts in the tokens of the encoder, if it has its own vocabulary.
    """

    ids: Tensor
    offsets: Tensor
    words: Tensor
    bytes: Tensor
    texts: list[str]
    pad: int
    truncated: int = 0
    dropped: int = 0
    labels: dict[str, list[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    encoder: Tokenized | None = None

    def __len__(self) -> int:
        """Return the number of texts N."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Tensor:
        """Tokens of each text, BOS and EOS included, ``[N]``, int64."""
        return self.offsets.diff()

    @cached_property
    def text_id(self) -> Tensor:
        """The number of each distinct token sequence, in the order of first appearance, ``[N]``, int64.

        Two texts have one number if and only if they are the same text to the model.
        """
        ids, ends = self.ids.numpy(), self.offsets.tolist()
        numbers: dict[bytes, int] = {}
        rows = (ids[start:stop].tobytes() for start, stop in itertools.pairwise(ends))
        return torch.tensor([numbers.setdefault(row, len(numbers)) for row in rows], dtype=torch.int64)

    def batch(self, indices: Tensor | list[int]) -> Batch:
        """Return the texts at ``indices`` as one rectangle, padded to the longest of them."""
        index_B = torch.as_tensor(indices, dtype=torch.int64)
        start_B = self.offsets[index_B]
        length_B = self.offsets[index_B + 1] - start_B
        step_T = torch.arange(int(length_B.max()))
        mask_BT = step_T < length_B[:, None]
        # Padding positions first read the first token of the text, which always exists, and are then overwritten.
        flat_BT = self.ids[start_B[:, None] + step_T * mask_BT].long()
        encoder = None if self.encoder is None else self.encoder.batch(index_B)
        return Batch(flat_BT.masked_fill(~mask_BT, self.pad), mask_BT.long(), index_B, encoder=encoder)

    def select(self, indices: Tensor | list[int]) -> Tokenized:
        """Return the texts at ``indices``, in their order, as a new split."""
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
            labels={name: [values[i] for i in index_B.tolist()] for name, values in self.labels.items()},
            encoder=None if self.encoder is None else self.encoder.select(index_B),
        )

    def by_length(self, indices: Tensor | list[int], budget: int, overhead: int = OVERHEAD) -> list[Batch]:
        """Return the texts at ``indices`` in batches of similar length, of at most ``budget`` tokens.

        The cut is that of ``group`` with the budget as overhead, which gives the fewest batches. The longest texts come
        first, so that memory runs out at once or never.
        """
        index_B = torch.as_tensor(indices, dtype=torch.int64)
        groups = group(self.lengths[index_B].numpy(), budget, overhead)
        return [self.batch(index_B[torch.from_numpy(members)]) for members in groups]


def joined(parts: list[Tokenized]) -> Tokenized:
    """Return the texts of several splits as one, without their labels and notes."""
    lengths = torch.cat([part.lengths for part in parts])
    return Tokenized(
        ids=torch.cat([part.ids for part in parts]),
        offsets=torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]),
        words=torch.cat([part.words for part in parts]),
        bytes=torch.cat([part.bytes for part in parts]),
        texts=[text for part in parts for text in part.texts],
        pad=parts[0].pad,
    )


def group(lengths: np.ndarray, budget: int, overhead: int = OVERHEAD) -> list[np.ndarray]:
    r"""Cut texts, sorted by length, into groups that cost the least.

    The cost of a cut is sum over groups of (texts x longest + overhead), minimised exactly by dynamic
    programming, best[j] = min_i best[i] + (j - i) length[j - 1] + overhead, over groups of texts x longest <=
    budget tokens. A text longer than the budget is a group by itself. Time grows as N budget / (mean
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
    """Return the texts as token ids between BOS and EOS, as ``read_tokens`` does, and log its notes.

    Raises:
        UserError: ``too_long="error"`` and a text is longer than ``max_length`` tokens, or no text is left.
    """
    tokenized = read_tokens(texts, tokenizer, max_length=max_length, too_long=too_long, name=name)
    for note in tokenized.notes:
        log.warning("%s", note)
    return tokenized


def read_tokens(
    texts: list[str],
    tokenizer: PreTrainedTokenizerFast,
    *,
    max_length: int,
    too_long: Literal["truncate", "drop", "error"] = "truncate",
    name: str = "texts",
    labels: Mapping[str, list[str]] | None = None,
) -> Tokenized:
    """Return the texts as token ids between BOS and EOS, with their labels; ``notes`` say how many were too long.

    A truncated text keeps its EOS and ends between two characters. Inside a text there is never a BOS, EOS or padding
    token, even if the text contains its name. The token ids of a large corpus are kept in the cache.

    Raises:
        UserError: ``too_long="error"`` and a text is longer than ``max_length`` tokens, or no text is left.
    """
    special, room = special_ids(tokenizer), max_length - 2
    found = encode(texts, tokenizer, room)
    inner_N = found["counts"]
    long_N = inner_N > room
    count = int(long_N.sum())
    if count and too_long == "error":
        first = int(long_N.nonzero()[0])
        raise UserError(
            f"{name}: text {first + 1} has {int(inner_N[first]) + 2} tokens, more than {max_length}; "
            "raise data.max_length or set data.too_long to truncate or drop"
        )
    kept_N = ~long_N if too_long == "drop" else torch.ones_like(long_N)
    if not kept_N.any():
        raise UserError(f"{name}: all {len(texts)} texts have more than {max_length} tokens; raise data.max_length")
    start_N = inner_N.cumsum(0) - inner_N
    modelled, length_N = list(texts), inner_N.clone()
    for i in long_N.nonzero().flatten().tolist() if too_long == "truncate" else ():
        length_N[i] = whole = whole_characters(found, int(start_N[i]), room)
        modelled[i] = texts[i][: int(found["ends"][start_N[i] + whole - 1])]
    kept = kept_N.nonzero().flatten().tolist()
    modelled = [modelled[i] for i in kept]
    ids, offsets = _frame(found["ids"], start_N[kept_N], length_N[kept_N], special)
    what = {"truncate": "cut off", "drop": "dropped", "error": ""}[too_long]
    note = f"{name}: {what} {count} of {len(texts)} texts, longer than {max_length} tokens"
    return Tokenized(
        ids=ids,
        offsets=offsets,
        words=torch.tensor([len(text.split()) for text in modelled]),
        bytes=torch.tensor([len(text.encode()) for text in modelled]),
        texts=modelled,
        pad=special.pad,
        truncated=count if too_long == "truncate" else 0,
        dropped=count if too_long == "drop" else 0,
        labels={kind: [values[i] for i in kept] for kind, values in (labels or {}).items()},
        notes=(note,) if count else (),
    )


def _frame(ids: Tensor, start_N: Tensor, inner_N: Tensor, special: SpecialIds) -> tuple[Tensor, Tensor]:
    """Return BOS, the ``inner`` tokens from ``start`` on and EOS of each text in one array, and the offsets."""
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), (inner_N + 2).cumsum(0)])
    flat = torch.full((int(offsets[-1]),), special.bos, dtype=torch.int32)
    flat[offsets[1:] - 1] = special.eos
    within = torch.arange(int(inner_N.sum())) - (inner_N.cumsum(0) - inner_N).repeat_interleave(inner_N)
    flat[offsets[:-1].repeat_interleave(inner_N) + 1 + within] = ids[start_N.repeat_interleave(inner_N) + within]
    return flat, offsets
