"""What a run knows of its texts beyond a sweep: their labels, their known causes, and a baseline likelihood."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from vaescope.config import RunConfig
from vaescope.corpora.corpus import SPLITS, Corpus
from vaescope.corpora.known._known import DiscreteCause
from vaescope.corpora.table_files import decode
from vaescope.corpora.tokenized import Tokenized
from vaescope.errors import UserError
from vaescope.model.vae import TransformerVAE
from vaescope.reading import refuse_device
from vaescope.sweep.sweep import sweep


@dataclass(frozen=True)
class Labels:
    """Labels of the texts of a split, and what can be known of them from the whole text.

    Attributes:
        kinds: one label per text for each kind of label; empty if there are none.
        ceiling: the accuracy of the best classifier of the texts, where it is known.
        information: the exact I(X; label) in nats, where it is known.
    """

    kinds: dict[str, list[str]] = field(default_factory=dict)
    ceiling: float | None = None
    information: float | None = None


def labels_of(tokenized: Tokenized, corpus: Corpus, config: RunConfig, split: str, given: Path | None) -> Labels:
    """Return labels of the texts of a split by kind, with their exact ceilings where the corpus is built in.

    The labels come from a file with a label per line, from one kind of the corpus, or by default from all kinds of the
    corpus: its columns, or the causes of a built-in corpus.

    Raises:
        UserError: no such file or kind, or not as many labels as texts.
    """
    if given is not None:
        name = str(given)
        if name in tokenized.labels and not given.exists():
            return Labels({name: tokenized.labels[name]})
        return Labels({"label": read_labels(given, len(tokenized), tokenized.labels)})
    if tokenized.labels:
        return Labels(tokenized.labels)
    causes = None if tokenized.dropped else known_causes(corpus, config, split)
    if causes is None:
        return Labels()
    # the ceilings are of whole texts
    return replace(causes, ceiling=None, information=None) if tokenized.truncated else causes


def read_labels(path: Path, count: int, kinds: Iterable[str] = ()) -> list[str]:
    """Return one label per line of a file.

    Raises:
        UserError: no such file (nor one of the ``kinds`` that the corpus has), or not as many lines as texts.
    """
    refuse_device(path)
    try:
        text = decode(path.read_bytes(), str(path))
    except OSError as error:
        known = f" or one of {', '.join(kinds)}" if kinds else ""
        raise UserError(f"{path}: no such file of labels; give a file with one label per line{known}") from error
    labels = text.removesuffix("\n").split("\n")
    if len(labels) != count:
        raise UserError(f"{path}: {len(labels)} labels for {count} texts; give one per line, in the order of the texts")
    return [label.strip() for label in labels]


def in_train(tokenized: Tokenized, corpus: Corpus, split: str, count: int) -> int | None:
    """Return how many of the first texts of a split are also training texts; None for the training texts."""
    if split == "train":
        return None
    # long texts are truncated, not dropped, so each text is in its place
    texts = tokenized.texts if tokenized.dropped else corpus.split(split)
    train = set(corpus.train)
    return sum(text in train for text in texts[:count])


def known_causes(corpus: Corpus, config: RunConfig, split: str) -> Labels | None:
    """Return the cause of each text of a built-in corpus, with its exact ceilings.

    The causes are redrawn with the seed of the split; None if the corpus has no discrete cause.
    """
    known = corpus.known
    if not isinstance(known, DiscreteCause) or len(known.prior()) < 2:
        return None
    place = SPLITS.index(split)
    seed = int(np.random.SeedSequence(config.data.seed).generate_state(len(SPLITS))[place])
    texts, causes_N = known.sample_with_cause(config.data.sizes[place], seed=seed)
    if texts != corpus.split(split):
        return None
    ceiling = known.posterior(texts).amax(1).mean().item()
    return Labels({"label": [str(cause) for cause in causes_N.tolist()]}, ceiling, known.mutual_information())


def baseline_nll(model: TransformerVAE, tokenized: Tokenized, texts: int, *, group_tokens: int) -> list[float]:
    """Return -log p(x) of the first texts under a language model, nats per text (of a VAE: -ELBO, which is larger)."""
    draws = sweep(model, tokenized, samples=1, texts=texts, group_tokens=group_tokens)
    return (draws.distortions + draws.rates).tolist()
