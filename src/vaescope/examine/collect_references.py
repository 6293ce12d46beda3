"""Collect evidence about q(z) from other texts: their encodings, and texts drawn at z where P(x) is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from vaescope.config import AssessmentConfig, RunConfig
from vaescope.corpora.corpus import SPLITS, Corpus
from vaescope.corpora.known._known import KnownCorpus
from vaescope.corpora.split import read_split
from vaescope.corpora.text_to_ids import encode as encode_tokens
from vaescope.corpora.tokenized import Tokenized, joined, read_tokens
from vaescope.errors import UserError
from vaescope.evidence.encodings import Encodings
from vaescope.examine.make_world import load_drawn_model
from vaescope.model.vae import TransformerVAE
from vaescope.randomness import stream
from vaescope.reading import refuse_device
from vaescope.sweep.encode import encode
from vaescope.sweep.world_texts import log_prob as log_prob_in_world

MOST_COMPONENTS = 10_000_000
"""The largest number of further texts."""

COMPONENTS_PER_TEXT, USUAL_COMPONENTS = 10, 50_000
"""Further texts for each assessed text where no number is given, and at most how many."""
COMPONENTS_STREAM = 7
"""Index of the derived seed for further texts of a built-in corpus; the splits use 0 to 2."""


def training_encodings(
    model: TransformerVAE, assessed: Tokenized, train: Tokenized, settings: AssessmentConfig, *, seed: int
) -> Encodings | None:
    """Return the posteriors of at most ``training_texts`` training texts, chosen by the seed; None where that is 0."""
    if settings.training_texts == 0:
        return None
    if len(train) > settings.training_texts:
        order = torch.randperm(len(train), generator=stream(seed, "training encodings"))
        train = train.select(order[: settings.training_texts])
    return numbered_encodings(model, assessed, train, settings)


def numbered_encodings(
    model: TransformerVAE, assessed: Tokenized, others: Tokenized, settings: AssessmentConfig
) -> Encodings:
    """Return the posteriors of other texts, with numbers that identify copies of assessed texts."""
    found = encode(model, others, group_tokens=settings.group_tokens, precision=settings.precision)
    return replace(found, text_id=joined([assessed, others]).text_id[len(assessed) :])


def further_texts(
    given: str | None, corpus: Corpus, config: RunConfig, tokenizer: PreTrainedTokenizerFast, split: str, assessed: int
) -> Tokenized | None:
    """Return held-out texts that are not assessed, or None where there are none.

    Args:
        given: a file with a text per line; a number of texts of the same corpus, of which a built-in one draws new
            texts, and others have the rest of the assessed split and the other held-out split; ``all`` of these;
            or None: ten for each assessed text, new ones of a built-in corpus, else the rest of the assessed
            split alone.
        corpus: the texts of the run.
        config: its configuration.
        tokenizer: its tokenizer.
        split: the assessed split.
        assessed: how many of its texts are assessed, from the first on.

    Raises:
        UserError: neither a file nor a number, fewer texts than that, or a file of training texts.
    """
    data = config.data
    if given is not None and _is_file(given):
        return _of_file(Path(given), corpus, config, tokenizer, split)
    usual = min(COMPONENTS_PER_TEXT * assessed, USUAL_COMPONENTS)
    wanted = usual if given is None else None if given == "all" else _number(given)
    if wanted == 0:
        return None
    if corpus.known is not None:
        if wanted is None:
            raise UserError("components: a built-in corpus has no end of texts; give a number")
        seed = int(np.random.SeedSequence(data.seed).generate_state(COMPONENTS_STREAM + 1)[-1])
        texts = corpus.known.sample(wanted, seed=seed)
        return read_tokens(texts, tokenizer, max_length=data.max_length, too_long=data.too_long, name="components")
    own = read_split(corpus, data, tokenizer, split)
    rest = own.select(torch.arange(min(assessed, len(own)), len(own)))
    if given is None:
        return rest.select(torch.arange(min(usual, len(rest)))) if len(rest) else None
    parts = [rest, *(read_split(corpus, data, tokenizer, name) for name in SPLITS[1:] if name != split)]
    found = joined(parts)
    count = len(found) if wanted is None else wanted
    if not 0 < count <= len(found):
        raise UserError(f"components: {count} held-out texts are wanted and {len(found)} are not assessed; give a file")
    return found.select(torch.arange(count))


def check_components(given: int | str | None) -> None:
    """Check ``assessment.components`` before there is anything to assess.

    Raises:
        UserError: neither ``all`` nor a possible number nor a file.
    """
    if given is None or given == "all":
        return
    given = str(given)
    if not _is_file(given):
        _number(given)
    elif not Path(given).is_file():
        raise UserError(
            f"assessment.components: '{given}' is neither a number nor a file; give a number, all, or a file"
        )


def _is_file(given: str) -> bool:
    """Whether the value names a file, rather than all texts or a number of them."""
    return given != "all" and not (given.isascii() and given.isdecimal())


def _number(given: str) -> int:
    """The number of texts that digits give."""
    number = int(given) if len(given) < 9 else MOST_COMPONENTS + 1
    if number > MOST_COMPONENTS:
        raise UserError(f"components: {given[:20]} texts; give a number of at most {MOST_COMPONENTS:,}")
    return number


def _of_file(
    path: Path, corpus: Corpus, config: RunConfig, tokenizer: PreTrainedTokenizerFast, split: str
) -> Tokenized:
    refuse_device(path)
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"components: {path} is neither a number nor a text file; give one text per line") from error
    texts = [line for line in lines if line]
    if not texts:
        raise UserError(f"components: {path} has no texts; give one text per line")
    trained = set(corpus.train)
    share, usual = (sum(text in trained for text in some) / len(some) for some in (texts, corpus.split(split)))
    if share > 0.5 and share > 2 * usual:
        raise UserError(
            f"components: {share:.0%} of the texts of {path} are training texts, not draws of held-out texts; "
            "give texts that the encoder was not trained on"
        )
    data = config.data
    return read_tokens(texts, tokenizer, max_length=data.max_length, too_long=data.too_long, name=str(path))


def exact_log_prob(
    corpus: Corpus, config: RunConfig, tokenizer: PreTrainedTokenizerFast
) -> Callable[[Tokenized], Tensor] | None:
    """Return log P(x) as a function of token sequences if the corpus knows it; else None."""
    if config.data.world is not None:
        model, settings = load_drawn_model(config.data.world.expanduser())
        banned = torch.tensor(settings.banned)
        return lambda texts: log_prob_in_world(model, banned, texts, max_length=settings.max_length)
    if corpus.known is not None:
        known = corpus.known
        return lambda texts: _known_log_prob(known, tokenizer, texts)
    return None


def _known_log_prob(known: KnownCorpus, tokenizer: PreTrainedTokenizerFast, texts: Tokenized) -> Tensor:
    """log P of strings; -inf for tokens other than the tokenizer's own encoding of the string.

    The probability of a string belongs to one token sequence only; otherwise it would be counted several times.
    """
    found: dict[str, Any] = encode_tokens(texts.texts, tokenizer, int(texts.lengths.max()))
    again, own = found["ids"].split(found["counts"].tolist()), texts.ids.split(texts.lengths.tolist())
    same_N = torch.tensor([torch.equal(one.int(), two[1:-1].int()) for one, two in zip(again, own, strict=True)])
    return known.log_prob(texts.texts).masked_fill(~same_N, -torch.inf)
