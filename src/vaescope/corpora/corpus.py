"""Corpus: the texts of the three splits, from a built-in corpus, files or the hub."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vaescope import choices
from vaescope.config import DataConfig
from vaescope.corpora.known._known import KnownCorpus
from vaescope.errors import UserError

log = logging.getLogger("vaescope")

SPLITS = ("train", "valid", "test")
"""The splits of a corpus, in this order everywhere."""

LEAST = 2
"""The smallest number of texts of a split: one text has no standard error."""


@dataclass(frozen=True)
class Corpus:
    """Texts to train on, to choose by, and to report.

    Attributes:
        train: texts of the training split.
        valid: texts of the validation split.
        test: texts of the test split.
        name: what reports call the corpus.
        known: the distribution the texts were drawn from, where it is known exactly.

    >>> corpus = load_corpus(DataConfig(known="topic_pcfg", sizes=(100, 10, 10)))
    >>> len(corpus.train), len(corpus.valid), corpus.known.mutual_information() > 0
    (100, 10, True)
    """

    train: list[str]
    valid: list[str]
    test: list[str]
    name: str
    known: KnownCorpus | None = None

    def split(self, name: str) -> list[str]:
        """Return the texts of the split ``train``, ``valid`` or ``test``."""
        return {"train": self.train, "valid": self.valid, "test": self.test}[name]


def load_corpus(config: DataConfig) -> Corpus:
    """Read or draw the texts that ``config`` names.

    Splits of a built-in corpus are drawn with independent seeds derived from ``config.seed``. A source
    without a validation or test split has it cut from its training texts by seed, which is logged, as are
    skipped blank texts.

    Raises:
        UserError: a source that cannot be read, or a split with fewer than two texts.
    """
    if config.known is not None:
        return _draw(config, config.known)
    if config.path is not None:
        from vaescope.corpora.files import read_files

        name = str(config.path)
        splits = read_files(config.path.expanduser(), config.column)
    else:
        from vaescope.corpora.hub import read_hub

        name = str(config.hub)
        splits = read_hub(name, config.subset, config.column)
    texts = {split: strip(found, f"{name} ({split})") for split, found in splits.items()}
    texts = cut(texts, config.fractions, config.seed, name)
    return Corpus(texts["train"], texts["valid"], texts["test"], name=name)


def strip(texts: Sequence[str], source: str) -> list[str]:
    """Return the texts without outer white space; blank ones are left out and their number is logged.

    Raises:
        UserError: nothing is left, or a text that UTF-8 cannot hold.
    """
    kept = [stripped for text in texts if (stripped := text.strip())]
    if not kept:
        raise UserError(f"{source}: no text in it; give at least {LEAST} texts, one per line or row")
    for number, text in enumerate(kept, start=1):
        if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise UserError(f"{source}: text {number} holds half of a surrogate pair, which UTF-8 has not; mend it")
    if blank := len(texts) - len(kept):
        log.warning("%s: skipped %d blank of %d texts", source, blank, len(texts))
    return kept


def cut(splits: dict[str, list[str]], fractions: tuple[float, float], seed: int, source: str) -> dict[str, list[str]]:
    """Return all three splits: missing ones are cut at random from the training texts, which is logged.

    Raises:
        UserError: no training texts, fractions out of range, or a split with fewer than two texts.
    """
    if "train" not in splits:
        raise UserError(f"{source}: no training texts (found: {', '.join(splits)}); add a file named train")
    if min(fractions) <= 0 or sum(fractions) >= 1:
        raise UserError(f"data.fractions: {list(fractions)}; give two positive shares with a sum below 1")
    train, whole = splits["train"], dict(splits)
    order = np.random.default_rng(seed).permutation(len(train))
    taken = 0
    for split, share in zip(SPLITS[1:], fractions, strict=True):
        if split not in splits:
            size = max(LEAST, round(share * len(train)))
            whole[split] = [train[i] for i in order[taken : taken + size]]
            taken += size
            log.warning(
                "%s: no %s split; cut %d of %d training texts (seed %d)",
                source,
                split,
                size,
                len(train),
                seed,
            )
    if taken:
        whole["train"] = [train[i] for i in np.sort(order[taken:])]
    for split, texts in whole.items():
        if len(texts) < LEAST:
            raise UserError(
                f"{source}: {len(texts)} texts for {split} (of {len(train)} in train); give at least {LEAST} per split"
            )
    return whole


def _draw(config: DataConfig, name: str) -> Corpus:
    if min(config.sizes) < LEAST:
        raise UserError(f"data.sizes: {list(config.sizes)}; give at least {LEAST} texts per split")
    known: KnownCorpus = choices.build("corpora", name, **config.options)
    seeds = np.random.SeedSequence(config.seed).generate_state(len(SPLITS))
    train, valid, test = (known.sample(size, seed=int(seed)) for size, seed in zip(config.sizes, seeds, strict=True))
    return Corpus(train, valid, test, name=name, known=known)
