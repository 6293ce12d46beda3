"""Texts as chunks of tokens: lines of files or a built-in corpus, all of the same number of chunks."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vaescope.corpora.known.topic_pcfg import TopicPcfg
from vaescope.corpora.tokenizer import special_ids, train_bpe
from vaescope.errors import UserError

WIDTH = 4
"""Tokens of a chunk."""


@dataclass(frozen=True)
class Chunks:
    """Texts of K chunks each.

    Attributes:
        train: tokens of the training texts, ``[N, K, W]``, padded after EOS, int64.
        test: tokens of the texts to assess.
        vocabulary: the number of tokens to choose from.
        pad: the token that fills the last chunk.
        facts: what is known about the test texts, as metadata of ``Draws``.
        log_q_x: log-probability of each test text, ``[N]``, where it is known.
    """

    train: Tensor
    test: Tensor
    vocabulary: int
    pad: int
    facts: dict[str, Any] = field(default_factory=dict)
    log_q_x: Tensor | None = None


def from_files(train: Path, test: Path, *, chunks: int, vocabulary: int, most: int) -> Chunks:
    """Read two files, one text per line; the ceiling of the information is that of a trigram model.

    Raises:
        UserError: no text has this number of chunks.
    """
    lines, others = (file.read_text(encoding="utf-8").splitlines() for file in (train, test))
    tokenizer = train_bpe(lines, vocabulary)
    pad, size = special_ids(tokenizer).pad, len(tokenizer)
    train_NKW, _ = in_chunks(tokenizer(lines).input_ids, chunks, pad)
    test_NKW, _ = in_chunks(tokenizer(others).input_ids, chunks, pad)
    test_NKW = test_NKW[:most]
    costs = Trigrams(train_NKW, size, pad).costs(test_NKW)
    return Chunks(train_NKW, test_NKW, size, pad, {"language_model_nll": {"per_text": costs}})


def built_in(*, chunks: int, vocabulary: int, most: int, drawn: int) -> Chunks:
    """Draw texts of ``topic_pcfg``, whose probabilities are known, and keep those with this number of chunks.

    The texts kept have the probability P(x) / P(number of chunks). The share of texts kept estimates the second. No
    code of the texts is shorter than this distribution, so it is the language model of the ceiling.
    """
    corpus = TopicPcfg()
    lines = corpus.sample(drawn, seed=0)
    tokenizer = train_bpe(lines, vocabulary)
    pad = special_ids(tokenizer).pad
    all_NKW, kept = in_chunks(tokenizer(lines).input_ids, chunks, pad)
    most = min(most, len(kept) // 5)
    share = len(kept) / drawn
    log_q_x = corpus.log_prob([lines[i] for i in kept[:most]]) - math.log(share)
    facts = {"entropy": -log_q_x.mean().item(), "language_model_nll": {"per_text": (-log_q_x).tolist()}}
    return Chunks(all_NKW[most:], all_NKW[:most], len(tokenizer), pad, facts, log_q_x)


def in_chunks(texts: list[list[int]], chunks: int, pad: int) -> tuple[Tensor, list[int]]:
    """Cut texts (BOS, tokens, EOS) into chunks; return those of ``chunks`` chunks, ``[N, K, W]``, and their places.

    >>> in_chunks([[0, 5, 6, 2], [0, 5, 6, 7, 8, 2]], 2, 1)
    (tensor([[[5, 6, 7, 8],
             [2, 1, 1, 1]]]), [1])
    """
    kept = [i for i, text in enumerate(texts) if math.ceil((len(text) - 1) / WIDTH) == chunks]
    if not kept:
        raise UserError(f"--chunks {chunks}: no text has this number of chunks of {WIDTH} tokens; give another")
    rows = [texts[i][1:] + [pad] * (chunks * WIDTH - len(texts[i]) + 1) for i in kept]
    return torch.tensor(rows).view(-1, chunks, WIDTH), kept


class Trigrams:
    """An interpolated trigram model (Witten and Bell 1991): a code of the texts that knows no latent variable.

    p(w|h) = (c(h, w) + t(h) p(w|h')) / (c(h) + t(h)), where t(h) is the number of distinct tokens after h, and h' is h
    without its first token. The shortest history is followed by every token of the vocabulary alike.
    """

    def __init__(self, texts_NKW: Tensor, vocabulary: int, pad: int) -> None:
        self.vocabulary, self.pad = vocabulary, pad
        self.counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for text in texts_NKW.flatten(1).tolist():
            for history, token in self._steps(text):
                for start in range(len(history) + 1):
                    self.counts[history[start:]][token] += 1
        self.totals = {history: counter.total() for history, counter in self.counts.items()}

    def probability(self, token: int, history: tuple[int, ...]) -> float:
        """Return p(token | history)."""
        shorter = self.probability(token, history[1:]) if history else 1 / self.vocabulary
        if history not in self.totals:
            return shorter
        counter, total = self.counts[history], self.totals[history]
        return (counter[token] + len(counter) * shorter) / (total + len(counter))

    def costs(self, texts_NKW: Tensor) -> list[float]:
        """Return -log p(x) of each text in nats, EOS included."""
        texts = texts_NKW.flatten(1).tolist()
        return [-sum(math.log(self.probability(token, before)) for before, token in self._steps(x)) for x in texts]

    def _steps(self, text: list[int]) -> list[tuple[tuple[int, ...], int]]:
        tokens = [-1, -1, *(token for token in text if token != self.pad)]
        return [((tokens[i - 2], tokens[i - 1]), tokens[i]) for i in range(2, len(tokens))]
