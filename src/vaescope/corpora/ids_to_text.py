"""Decode token ids to strings, and check which texts survive tokenization unchanged.

A model gives probabilities to token sequences. If a tokenizer loses something (it lower-cases, or does not know a
letter), its tokens decode to another string, and numbers about the tokens do not hold for the original text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from vaescope.corpora.tokenized import Tokenized
from vaescope.corpora.tokenizer import special_ids

CHECKED = 2_000
"""Texts of a split that are decoded again when training starts."""


def decode(rows: Tensor | Iterable[Sequence[int]], tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """Return the text of each row of token ids, without BOS, EOS and everything after EOS, and padding.

    >>> from vaescope.corpora.tokenizer import train_bpe
    >>> tokenizer = train_bpe(["a text"], 300)
    >>> decode([tokenizer("a text").input_ids + [1, 1], [0, 3, 2]], tokenizer)
    ['a text', '<unk>']
    """
    special = special_ids(tokenizer)
    inner = []
    for row in rows.tolist() if isinstance(rows, Tensor) else rows:
        ids = list(row[1:] if len(row) and row[0] == special.bos else row)
        inner.append(ids[: ids.index(special.eos)] if special.eos in ids else ids)
    return spell(inner, tokenizer)


def spell(rows: Sequence[Sequence[int]], tokenizer: Any) -> list[str]:
    """Return the text of each row of token ids without BOS and EOS; outer white space is removed.

    Tokens such as ``<unk>`` and ``<mask>`` are part of a text, as in the Penn Treebank. BOS, EOS and padding are not,
    wherever they appear.
    """
    names = ("bos_token_id", "eos_token_id", "pad_token_id", "cls_token_id", "sep_token_id")
    frame = {getattr(tokenizer, name, None) for name in names}
    kept = set(getattr(tokenizer, "all_special_ids", ())) - frame
    texts: list[str] = tokenizer.batch_decode(rows, skip_special_tokens=True)
    special = [i for i, row in enumerate(rows) if not kept.isdisjoint(row)]
    if special:
        own = [[token for token in rows[i] if token not in frame] for i in special]
        for i, text in zip(special, tokenizer.batch_decode(own, skip_special_tokens=False), strict=True):
            texts[i] = text
    return [text.strip() for text in texts]


@dataclass(frozen=True)
class Recovery:
    """What the tokens of N texts decode to.

    Attributes:
        strings: the decoded tokens of each text.
        exact: whether they are the text itself, ``[N]``, bool.
        words: whether they have the same words, ignoring white space, ``[N]``, bool.
    """

    strings: list[str]
    exact: Tensor
    words: Tensor


def recover(tokenized: Tokenized, tokenizer: PreTrainedTokenizerFast, count: int | None = None) -> Recovery:
    """Decode the tokens of the first ``count`` texts, or of all."""
    count = len(tokenized) if count is None else min(count, len(tokenized))
    stop = int(tokenized.offsets[count])
    rows = [row.tolist() for row in tokenized.ids[:stop].split(tokenized.lengths[:count].tolist())]
    strings, texts = decode(rows, tokenizer), tokenized.texts[:count]
    pairs = list(zip(strings, texts, strict=True))
    return Recovery(
        strings,
        torch.tensor([found == text.strip() for found, text in pairs], dtype=torch.bool),
        torch.tensor([found.split() == text.split() for found, text in pairs], dtype=torch.bool),
    )


def lost_text(tokenized: Tokenized, tokenizer: PreTrainedTokenizerFast, name: str) -> list[str]:
    """Return a line, with an example, if some of the first texts cannot be recovered from their tokens.

    >>> from vaescope.corpora.tokenized import read_tokens
    >>> from vaescope.corpora.tokenizer import train_bpe
    >>> tokenizer = train_bpe(["a text"], 300)
    >>> lost_text(read_tokens(["any text, 海"], tokenizer, max_length=20), tokenizer, "mine (train)")
    []
    """
    found = recover(tokenized, tokenizer, CHECKED)
    lost = (~found.exact).nonzero().flatten().tolist()
    if not lost:
        return []
    before, after = (text if len(text) <= 40 else text[:40] + "..." for text in _example(tokenized, found, lost))
    unknown = unknown_tokens(tokenized, tokenizer) / max(int((tokenized.lengths - 2).sum()), 1)
    parts = [f"{len(lost)} of the first {len(found.exact)} texts cannot be recovered from their tokens"]
    parts += [f"{before!r} becomes {after!r}"]
    parts += [f"{unknown:.1%} of the tokens are unknown"] if unknown else []
    return [f"{name}: {'; '.join(parts)}; the model is trained on the texts that the tokens spell"]


def _example(tokenized: Tokenized, found: Recovery, lost: list[int]) -> tuple[str, str]:
    shortest = min(lost, key=lambda i: len(tokenized.texts[i]))
    return tokenized.texts[shortest], found.strings[shortest]


def unknown_tokens(tokenized: Tokenized, tokenizer: PreTrainedTokenizerFast) -> int:
    """Count the unknown tokens of the texts; the token of GPT-2 that serves as BOS, EOS and unknown is not counted."""
    if tokenizer.unk_token_id is None or tokenizer.unk_token_id in vars(special_ids(tokenizer)).values():
        return 0
    return int((tokenized.ids == tokenizer.unk_token_id).sum())
