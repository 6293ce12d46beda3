"""Split: the tokenized texts of a split, with the tokenizer that the corpus needs."""

from __future__ import annotations

import torch
from transformers import PreTrainedTokenizerFast

from vaescope.config import DataConfig, RunConfig, TokenizerConfig
from vaescope.corpora.corpus import Corpus
from vaescope.corpora.tokenized import Tokenized, read_tokens
from vaescope.corpora.tokenizer import load_tokenizer, special_ids
from vaescope.errors import UserError


def read_tokenizer(config: RunConfig, corpus: Corpus) -> PreTrainedTokenizerFast:
    """Return the tokenizer of a run: that of the world, a saved one, or a BPE trained on the training texts.

    Raises:
        UserError: no such tokenizer, or another one for a world.
    """
    data = config.data
    if data.world is None:
        key = _key_of_tokenizer(config)
        return load_tokenizer(config.tokenizer, corpus.train, max_length=data.max_length, key=key)
    if config.tokenizer.path is not None:
        raise UserError("tokenizer.path: data.world comes with its own tokenizer; leave tokenizer.path out")
    return load_tokenizer(TokenizerConfig(path=str(data.world.expanduser() / "tokenizer")), [], key="data.world")


def _key_of_tokenizer(config: RunConfig) -> str:
    """The key that gives the tokenizer; by default it comes with the checkpoint of the decoder."""
    if config.tokenizer.path == config.model.decoder:
        return "model.decoder"
    return "model.encoder" if config.tokenizer.path == config.model.encoder else "tokenizer.path"


def read_split(corpus: Corpus, data: DataConfig, tokenizer: PreTrainedTokenizerFast, split: str) -> Tokenized:
    """Return the texts of ``train``, ``valid`` or ``test`` as token ids; a world keeps the ids that were drawn.

    Raises:
        UserError: a text is too long and ``data.too_long`` is ``error``, no text is left, or a world does not fit.
    """
    name = f"{corpus.name} ({split})"
    if split in corpus.drawn:
        return _drawn(corpus, data, tokenizer, split)
    return read_tokens(
        corpus.split(split),
        tokenizer,
        max_length=data.max_length,
        too_long=data.too_long,
        name=name,
        labels=corpus.labels.get(split),
    )


def _drawn(corpus: Corpus, data: DataConfig, tokenizer: PreTrainedTokenizerFast, split: str) -> Tokenized:
    drawn, texts = corpus.drawn[split], corpus.split(split)
    longest = int(drawn.counts.max())
    if longest > data.max_length:
        raise UserError(
            f"{corpus.name} ({split}): a text has {longest} tokens, more than data.max_length = {data.max_length}; "
            f"set data.max_length={longest} (a text that is cut has no exact log P(x))"
        )
    if int(drawn.ids.max()) >= len(tokenizer):
        raise UserError(f"{corpus.name}: token ids beyond the tokenizer's {len(tokenizer)}; use the world's tokenizer")
    return Tokenized(
        ids=drawn.ids,
        offsets=torch.cat([torch.zeros(1, dtype=torch.int64), drawn.counts.cumsum(0)]),
        words=torch.tensor([len(text.split()) for text in texts]),
        bytes=torch.tensor([len(text.encode()) for text in texts]),
        texts=texts,
        pad=special_ids(tokenizer).pad,
    )
