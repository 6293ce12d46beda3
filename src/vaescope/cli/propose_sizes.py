"""A configuration proposed for texts: lengths, vocabulary, rate and latent size that fit them, each with its reason."""

from __future__ import annotations

import lzma
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaescope.assessment.first_rate import first_rate

if TYPE_CHECKING:
    from vaescope.corpora.corpus import Corpus

SAMPLE = 20_000
"""Training texts to look at."""

VOCABULARIES = (500, 1000, 2000, 4000, 8000, 16000)
OFTEN = 5
EPOCHS = 10
BATCH = 32


@dataclass(frozen=True)
class Proposal:
    """Sizes that fit the texts.

    Attributes:
        vocab_size: tokens of the vocabulary.
        words: words that appear at least ``OFTEN`` times in the texts that were looked at.
        max_length: tokens that 99.5% of the texts fit into.
        longest: tokens of the longest of them.
        cost: nats of a text, by compressing the texts.
        rate: a first target, nats per text.
        reason: why this rate.
        latent_size: units of z.
        steps: optimiser steps.
        epochs: how often each text is seen.
    """

    vocab_size: int
    words: int
    max_length: int
    longest: int
    cost: float
    rate: float
    reason: str
    latent_size: int
    steps: int
    epochs: float


def propose(corpus: Corpus) -> Proposal:
    """Look at the training texts and propose sizes for them.

    >>> from vaescope.config import DataConfig
    >>> from vaescope.corpora.corpus import load_corpus
    >>> found = propose(load_corpus(DataConfig(known="topic_pcfg", sizes=(500, 10, 10))))
    >>> found.latent_size, found.rate
    (16, 7.6)
    """
    texts = corpus.train[:SAMPLE]
    words = sum(count >= OFTEN for count in Counter(word for text in texts for word in text.split()).values())
    vocab_size = next((size for size in VOCABULARIES if size >= words), VOCABULARIES[-1])
    lengths = _lengths(texts, vocab_size)
    cost = nats_by_compression(texts)
    rate, reason = first_rate(cost)
    steps = min(5000, max(1000, math.ceil(EPOCHS * len(corpus.train) / BATCH / 100) * 100))
    return Proposal(
        vocab_size=vocab_size,
        words=words,
        max_length=min(512, 8 * math.ceil(lengths[int(0.995 * (len(lengths) - 1))] / 8)),
        longest=lengths[-1],
        cost=cost,
        rate=rate,
        reason=reason,
        latent_size=min(64, max(8, 2 ** math.ceil(math.log2(2 * rate)))),
        steps=steps,
        epochs=steps * BATCH / len(corpus.train),
    )


def nats_by_compression(texts: list[str]) -> float:
    """Return the nats per text of the texts compressed by xz: roughly what a small language model needs.

    >>> nats_by_compression(["a b c d"] * 1000) < 1
    True
    """
    packed, empty = (len(lzma.compress(text.encode("utf-8"))) for text in ("\n".join(texts), ""))
    return 8 * (packed - empty) * math.log(2) / len(texts)


def _lengths(texts: list[str], vocab_size: int) -> list[int]:
    """Return the tokens of a share of the texts under a BPE trained on them, BOS and EOS included, sorted."""
    from vaescope.corpora.tokenizer import train_bpe

    chosen = texts[:: max(1, len(texts) // 5000)]
    tokenizer = train_bpe(chosen, vocab_size)
    return sorted(len(ids) + 2 for ids in tokenizer(chosen, add_special_tokens=False)["input_ids"])
