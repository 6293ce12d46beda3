"""Corpus: the texts of the three splits, from a built-in corpus, files or the hub."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vaescope import choices
from vaescope.config import DataConfig
from vaescope.corpora.cache import digest
from vaescope.corpora.known._known import KnownCorpus
from vaescope.corpora.rows import Columns, Rows, strip
from vaescope.corpora.world import Drawn, read_world
from vaescope.errors import UserError, unknown

log = logging.getLogger("vaescope")

SPLITS = ("train", "valid", "test")
"""The splits of a corpus, in this order everywhere."""

LEAST = 2
"""The smallest number of texts of a split: one text has no standard error."""


@dataclass(frozen=True)
class Copies:
    """How often the texts of a split are repeated.

    Attributes:
        texts: texts of the split.
        distinct: distinct texts among them.
        in_train: texts of the split that are also in the training split; 0 for the training split itself.
    """

    texts: int
    distinct: int
    in_train: int


@dataclass(frozen=True)
class Corpus:
    """Texts to train on, to select models with, and to report numbers on.

    Attributes:
        train: texts of the training split.
        valid: texts of the validation split.
        test: texts of the test split.
        name: what reports call the corpus.
        known: the distribution that the texts were drawn from, if it is known exactly.
        labels: for each split and each kind of label, one label per text.
        drawn: for each split its texts as tokens with log P(x), if they were drawn from a language model.
        entropy: H(X) and its standard error, if the texts were drawn from a language model.
        notes: what the user should know about how the texts were read, one line each.

    >>> corpus = load_corpus(DataConfig(known="topic_pcfg", sizes=(100, 10, 10)))
    >>> len(corpus.train), len(corpus.valid), corpus.known.mutual_information() > 0
    (100, 10, True)
    """

    train: list[str]
    valid: list[str]
    test: list[str]
    name: str
    known: KnownCorpus | None = None
    labels: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    drawn: dict[str, Drawn] = field(default_factory=dict)
    entropy: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    def split(self, name: str) -> list[str]:
        """Return the texts of the split ``train``, ``valid`` or ``test``.

        Raises:
            UserError: another name.
        """
        if name not in SPLITS:
            raise unknown("split", name, SPLITS)
        return {"train": self.train, "valid": self.valid, "test": self.test}[name]

    def digest(self, split: str) -> str:
        """Return a hash of the texts of a split and their order: the same on every machine and wherever the files are.

        >>> Corpus(["a", "b"], ["c"], ["d"], name="one").digest("train")
        '556f0ce7f4689d10b792ae2a6098dfff'
        """
        return digest(self.split(split))

    def copies(self, split: str) -> Copies:
        """Count the texts of a split that are repeated in it, and those that are also training texts.

        >>> Corpus(["a", "b", "b"], ["b", "c"], ["d", "d"], name="one").copies("valid")
        Copies(texts=2, distinct=2, in_train=1)
        """
        texts, train = self.split(split), set(self.train) if split != "train" else set()
        return Copies(len(texts), len(set(texts)), sum(text in train for text in texts))

    def repeated(self, splits: Iterable[str] = SPLITS) -> list[str]:
        """Return a line for each split with repeated texts or with texts of the training split.

        >>> Corpus(["a", "b", "b"], ["b", "c"], ["d", "d"], name="one").repeated()
        ['one (train): 1 of 3 texts are duplicates of another one', 'one (valid): 1 of 2 texts are also in train', ...]
        """
        lines = []
        for split in splits:
            found = self.copies(split)
            parts = []
            if found.distinct < found.texts:
                parts.append(f"{found.texts - found.distinct} of {found.texts} texts are duplicates of another one")
            if found.in_train:
                parts.append(f"{found.in_train} of {found.texts} texts are also in train")
            lines += [f"{self.name} ({split}): {'; '.join(parts)}"] if parts else []
        return lines


def load_corpus(config: DataConfig) -> Corpus:
    """Read or draw the texts that ``config`` names, and log what the user should know about them.

    Splits of a built-in corpus are drawn with independent seeds derived from ``config.seed``. If a source has no
    validation or test split, it is split off the training texts at random by the seed. This is logged, and so are
    skipped blank texts.

    Raises:
        UserError: a source that cannot be read, or a split with fewer than two texts.
    """
    corpus = read_corpus(config)
    for note in corpus.notes:
        log.warning("%s", note)
    return corpus


def read_corpus(config: DataConfig) -> Corpus:
    """Read or draw the texts that ``config`` names; what the user should know is in ``notes``, not in the log.

    Raises:
        UserError: a source that cannot be read, or a split with fewer than two texts.
    """
    if config.known is not None:
        return _draw(config, config.known)
    if config.world is not None:
        return _read_world(config.world)
    columns = Columns(config.column, config.labels, config.delimiter)
    if config.path is not None:
        from vaescope.corpora.files import read_files

        name = str(config.path)
        splits = read_files(config.path.expanduser(), columns)
    else:
        from vaescope.corpora.hub_dataset import read_hub

        name = str(config.hub)
        splits = read_hub(name, config.subset, columns)
    read = {split: strip(rows, f"{name} ({split})", LEAST) for split, rows in splits.items()}
    whole, notes = cut(read, config.fractions, config.seed, name)
    return Corpus(
        whole["train"].texts,
        whole["valid"].texts,
        whole["test"].texts,
        name=name,
        labels={split: rows.labels for split, rows in whole.items()},
        notes=(*(note for rows in read.values() for note in rows.notes), *notes),
    )


def cut(
    splits: dict[str, Rows], fractions: tuple[float, float], seed: int, source: str
) -> tuple[dict[str, Rows], list[str]]:
    """Return all three splits, and a note for each that was split off the training texts at random.

    Raises:
        UserError: no training texts, fractions out of range, or a split with fewer than two texts.
    """
    if "train" not in splits:
        raise UserError(f"{source}: no training texts (found: {', '.join(splits)}); add a file named train")
    if min(fractions) <= 0 or sum(fractions) >= 1:
        raise UserError(f"data.fractions: {list(fractions)}; give two positive shares with a sum below 1")
    train, whole = splits["train"], dict(splits)
    texts = len(train.texts)
    order = np.random.default_rng(seed).permutation(texts)
    taken, notes = 0, []
    for split, share in zip(SPLITS[1:], fractions, strict=True):
        if split not in splits:
            size = max(LEAST, round(share * texts))
            whole[split] = train.select(order[taken : taken + size])
            taken += size
            notes.append(f"{source}: no {split} split; cut {size} of {texts} training texts (seed {seed})")
    if not taken:
        given = {"seed": seed, "fractions": fractions}
        useless = [f"data.{name}" for name, value in given.items() if value != DataConfig.model_fields[name].default]
        notes += [f"{source}: has all three splits, so {name} has no effect" for name in useless]
    if taken:
        whole["train"] = train.select(np.sort(order[taken:]))
    for split, rows in whole.items():
        if len(rows.texts) < LEAST:
            raise UserError(
                f"{source}: {len(rows.texts)} texts for {split} (of {texts} in train); give at least {LEAST} per split"
            )
    return whole, notes


def _draw(config: DataConfig, name: str) -> Corpus:
    if min(config.sizes) < LEAST:
        raise UserError(f"data.sizes: {list(config.sizes)}; give at least {LEAST} texts per split")
    try:
        known: KnownCorpus = choices.build("corpora", name, **config.options)
    except UserError as error:
        raise UserError(f"data.options: {error}") from error
    seeds = np.random.SeedSequence(config.seed).generate_state(len(SPLITS))
    train, valid, test = (known.sample(size, seed=int(seed)) for size, seed in zip(config.sizes, seeds, strict=True))
    return Corpus(train, valid, test, name=name, known=known)


def _read_world(folder: Path) -> Corpus:
    world = read_world(folder.expanduser())
    texts, entropy = world.texts, world.record["entropy"]
    if short := [split for split in SPLITS if len(texts.get(split, ())) < LEAST]:
        raise UserError(f"{folder}: fewer than {LEAST} texts for {short[0]}; draw more with vaescope world")
    return Corpus(
        texts["train"],
        texts["valid"],
        texts["test"],
        name=str(folder),
        drawn=world.drawn,
        entropy=(float(entropy["value"]), float(entropy["se"])),
    )
