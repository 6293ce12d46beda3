"""Decode: strings from token ids, and which texts come back from their tokens.

A model gives probabilities to token sequences. Where a tokenizer loses something (it lower-cases, or does not know a
letter), the string that a text's tokens spell is another one, and what is said of tokens does not hold for the text.
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
    """Return the text of each row of token ids, without its frame: BOS, EOS and what follows, padding.

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
    """Return the text of each row of token ids that has no frame any more, without outer white space.

    Tokens such as ``<unk>`` and ``<mask>`` are part of a text, as they are of the Penn Treebank; those that frame texts
    are not, wherever they stand.
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
    """What comes back from the tokens of N texts.

    Attributes:
        strings: what the tokens of each text spell.
        exact: whether that is the text itself, ``[N]``, bool.
        words: whether it has the same words, whatever the white space between them, ``[N]``, bool.
    """

    strings: list[str]
    exact: Tensor
    words: Tensor


def recover(tokenized: Tokenized, tokenizer: PreTrainedTokenizerFast, count: int | None = None) -> Recovery:
    """Return what comes back from the tokens of the first ``count`` texts, or of all."""
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
    """Return a line if some of the first texts do not come back from their tokens, with an example.

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
    parts = [f"{len(lost)} of the first {len(found.exact)} texts do not come back from their tokens"]
    parts += [f"{before!r} becomes {after!r}"]
    parts += [f"{unknown:.1%} of the tokens are unknown"] if unknown else []
    return [f"{name}: {'; '.join(parts)}; the model is one of what the tokens spell"]


def _example(tokenized: Tokenized, found: Recovery, lost: list[int]) -> tuple[str, str]:
    shortest = min(lost, key=lambda i: len(tokenized.texts[i]))
    return tokenized.texts[shortest], found.strings[shortest]


def unknown_tokens(tokenized: Tokenized, tokenizer: PreTrainedTokenizerFast) -> int:
    """Return how many tokens of the texts are unknown; the control token of GPT-2, which frames texts, is known."""
    if tokenizer.unk_token_id is None or tokenizer.unk_token_id in vars(special_ids(tokenizer)).values():
        return 0
    return int((tokenized.ids == tokenizer.unk_token_id).sum())
