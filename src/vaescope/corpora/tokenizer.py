"""Tokenizers: any saved one, or a byte-level BPE trained on the corpus; always with BOS, EOS and padding."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from vaescope.config import TokenizerConfig
from vaescope.corpora.cache import WORTH, cached, digest
from vaescope.corpora.hub_access import hub_access
from vaescope.errors import UserError, looks_like_path, why_not_there

SPECIAL = {
    "bos_token": "<s>",
    "pad_token": "<pad>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
"""Control tokens of a trained BPE, with the ids 0 to 4 in this order (that of RoBERTa)."""

FILES = ("tokenizer.json", "vocab*", "*.model", "*.tiktoken")
"""A model folder with a tokenizer has at least one of these files."""

SMALLEST = len(SPECIAL) + 256
"""The smallest vocabulary of a trained BPE: control tokens and all bytes."""

LONGEST_PIECE = 64
"""Most characters of a piece: training time is quadratic in it, and a line without spaces may have millions."""

PIECES = (
    r" ?<\w{1,64}>|'(?:s|t|re|ve|m|ll|d)| ?\p{L}{1,64}| ?\p{N}{1,64}| ?[^\s\p{L}\p{N}]{1,64}"
    r"|\s{1,64}(?!\S)|\s{1,64}"
).replace("64", str(LONGEST_PIECE))
"""Pieces that merges do not cross: those of GPT-2, and placeholders such as the Penn Treebank's ``<unk>``."""


@dataclass(frozen=True)
class SpecialIds:
    """The ids of the control tokens that frame a text."""

    bos: int
    eos: int
    pad: int


def load_tokenizer(
    config: TokenizerConfig, texts: list[str], *, max_length: int | None = None, key: str = "tokenizer.path"
) -> PreTrainedTokenizerFast:
    """Return the saved tokenizer that ``config`` names, or a BPE trained on ``texts``.

    With ``max_length`` the BPE is trained on the part of each text that fits into this many tokens, since the rest of a
    longer text is never read.

    Missing BOS and EOS are added (see ``complete``). A BPE trained on a large corpus is kept in the cache.

    Args:
        config: the tokenizer.
        texts: what a BPE is trained on.
        max_length: most tokens of a text.
        key: the key of the configuration that gives the path, for error messages.

    Raises:
        UserError: the path holds no tokenizer, or one that ``tokenizers`` cannot run.
    """
    if config.path is None:
        if max_length is not None:
            texts = [text[: max_length * (LONGEST_PIECE + 1)] for text in texts]
        if len(texts) < WORTH:
            return train_bpe(texts, config.vocab_size)
        key = digest(texts, config.vocab_size, PIECES, SPECIAL, tokenizers.__version__)
        return cached(f"bpe/{key}.json", lambda: train_bpe(texts, config.vocab_size), _write, _read)
    return saved_tokenizer(config.path, key)


def saved_tokenizer(path: str, key: str) -> PreTrainedTokenizerFast:
    """Return the completed tokenizer of a folder or hub name, which ``key`` of the configuration gives.

    Raises:
        UserError: there is no tokenizer, or one that ``tokenizers`` cannot run.
    """
    place, options = located(path)
    if looks_like_path(place) and not Path(place).exists():
        raise UserError(f"{key}: no tokenizer at '{path}' (no such folder); check the path")
    try:
        with hub_access(place):
            tokenizer = AutoTokenizer.from_pretrained(place, **options)
    except Exception as error:  # transformers raises errors of many libraries; each of them means: no tokenizer
        if Path(place).exists():
            fix = "its files are missing or damaged; save the tokenizer there again, or give another"
            raise UserError(f"{key}: no tokenizer can be read at '{path}': {fix}") from error
        raise UserError(f"{key}: no tokenizer at '{path}' ({why_not_there(error)}); check the name") from error
    if not tokenizer.is_fast:
        raise UserError(f"{key}: '{path}' has no fast version; save it as tokenizer.json")
    folder = Path(place)
    if folder.is_dir() and not options and not any(file for name in FILES for file in folder.glob(name)):
        # for a model folder without tokenizer files, transformers returns a tokenizer with an empty vocabulary
        raise UserError(f"{key}: no tokenizer at '{path}' (no tokenizer.json); save the one of the model there")
    return complete(tokenizer)


def located(checkpoint: str) -> tuple[str, dict[str, str]]:
    """Return the folder or hub name of a checkpoint, and how transformers reads it.

    ``FOLDER/NAME.gguf`` is one file; ``~`` is the home folder.

    Raises:
        UserError: the path is a GGUF file, and the package that reads it is not installed.

    >>> located("org/name")
    ('org/name', {})
    """
    if checkpoint.startswith("~"):
        checkpoint = os.path.expanduser(checkpoint)
    if not checkpoint.endswith(".gguf"):
        return checkpoint, {}
    if importlib.util.find_spec("gguf") is None:
        raise UserError(f"'{checkpoint}' needs the package gguf; install it with pip install 'vaescope[gguf]'")
    place, _, name = checkpoint.rpartition("/")
    return place or ".", {"gguf_file": name}


def train_bpe(texts: list[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE: it has tokens for every text, and decoding returns the text.

    A word gets the same tokens at the start of a text and inside it, and no text is ever read as a control token.

    Raises:
        UserError: a vocabulary smaller than all bytes and control tokens.

    >>> tokenizer = train_bpe(["the sea is deep", "the sea is salty"], 300)
    >>> tokenizer.decode(tokenizer("the sea </s> 海").input_ids, skip_special_tokens=True)
    'the sea </s> 海'
    """
    if vocab_size < SMALLEST:
        raise UserError(f"tokenizer.vocab_size: {vocab_size}; give at least {SMALLEST} (all bytes and control tokens)")
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.Prepend(" ")
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    return wrap(bpe)


def wrap(bpe: Tokenizer) -> PreTrainedTokenizerFast:
    """Return a trained BPE as a transformers tokenizer that adds BOS and EOS."""
    bos, eos = SPECIAL["bos_token"], SPECIAL["eos_token"]
    bpe.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} $B {eos}",
        special_tokens=[(token, bpe.token_to_id(token)) for token in (bos, eos)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, split_special_tokens=True, clean_up_tokenization_spaces=False, **SPECIAL
    )


def complete(tokenizer: Any) -> PreTrainedTokenizerFast:
    """Give a tokenizer the BOS and EOS that it lacks, from tokens that it has.

    BERT's CLS and SEP serve as BOS and EOS; a single end-of-text token (GPT-2) serves as both. A missing padding token
    (GPT-2, Llama) is not added, since a checkpoint has no embedding of it: see ``special_ids``.

    Raises:
        UserError: a tokenizer without any token that can begin and end a text.
    """
    tokenizer.bos_token = tokenizer.bos_token or tokenizer.cls_token or tokenizer.eos_token
    tokenizer.eos_token = tokenizer.eos_token or tokenizer.sep_token
    if tokenizer.bos_token is None or tokenizer.eos_token is None:
        raise UserError(
            f"tokenizer.path: '{tokenizer.name_or_path}' has no BOS and EOS (nor CLS and SEP); add them and save it"
        )
    return tokenizer


def special_ids(tokenizer: PreTrainedTokenizerFast) -> SpecialIds:
    """Return the ids of BOS, EOS and padding of a completed tokenizer.

    Without a padding token the id of EOS fills batches: masks say what is padding, and nothing reads it.

    >>> special_ids(train_bpe(["a text"], 300))
    SpecialIds(bos=0, eos=2, pad=1)
    """
    bos, eos, pad = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
    return SpecialIds(bos=bos, eos=eos, pad=eos if pad is None else pad)


def _write(tokenizer: PreTrainedTokenizerFast, file: Path) -> None:
    tokenizer.backend_tokenizer.save(str(file))


def _read(file: Path) -> PreTrainedTokenizerFast:
    return wrap(Tokenizer.from_file(str(file)))
