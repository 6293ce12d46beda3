"""World: a corpus drawn from a language model, so that log P(x) of every text is known exactly.

P is a distribution over token sequences of at most T tokens: token by token, the softmax of the model over all tokens
but a few banned ones (those that frame a text), and EOS with probability 1 at place T. Its texts are therefore kept as
token ids, and no string is ever tokenized again. A folder holds

    world.json          the model that drew the texts, its settings, the number of texts, H(X) with its error
    tokenizer/ model/   of the language model
    train.jsonl ...     the texts of a split as strings, with log P(x), to be read by people
    train-00000.safetensors ...   the same as tokens: ids, counts, log_prob, forced
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from vaescope.errors import UserError

CHUNK = 1_000
"""Texts of a file."""


@dataclass(frozen=True)
class Drawn:
    """N texts drawn from a language model.

    Attributes:
        ids: token ids of all texts, one after the other, BOS and EOS included, int32.
        counts: tokens of each text, ``[N]``, int64.
        log_prob: log P(x) of each text, nats, ``[N]``, float64.
        forced: whether the text has its EOS only because it reached the greatest length, ``[N]``, bool.
    """

    ids: Tensor
    counts: Tensor
    log_prob: Tensor
    forced: Tensor

    @classmethod
    def joined(cls, parts: list[Drawn]) -> Drawn:
        """Return the texts of several parts, one part after another."""
        names = ("ids", "counts", "log_prob", "forced")
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in names))

    def first(self, n: int) -> Drawn:
        """Return the first n texts."""
        tokens = int(self.counts[:n].sum())
        return Drawn(self.ids[:tokens], self.counts[:n], self.log_prob[:n], self.forced[:n])


def chunk_file(folder: Path, split: str, chunk: int) -> Path:
    """Return the file of a part of a split."""
    return folder / f"{split}-{chunk:05d}.safetensors"


def read_chunk(file: Path) -> Drawn:
    """Read one file of texts.

    Raises:
        UserError: no such file, or a damaged one.
    """
    try:
        return Drawn(**load_file(file))
    except Exception as error:  # safetensors raises its own error for each kind of damage
        reason = (" ".join(str(error).split()) or type(error).__name__)[:200]
        raise UserError(f"{file}: cannot be read ({reason}); run vaescope world again to draw it") from error


@dataclass(frozen=True)
class World:
    """What is read of a folder: its record, and the texts of each split as tokens and as strings."""

    record: dict[str, Any]
    drawn: dict[str, Drawn]
    texts: dict[str, list[str]]


def read_world(folder: Path) -> World:
    """Return the texts of a world.

    Raises:
        UserError: no finished world in this folder, or a damaged one.
    """
    try:
        record = json.loads((folder / "world.json").read_text(encoding="utf-8"))
        sizes = {str(split): int(size) for split, size in record["sizes"].items()}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise UserError(f"{folder}: no finished world; draw one with vaescope world RUN --out {folder}") from error
    drawn, texts = {}, {}
    for split, size in sizes.items():
        parts = [read_chunk(chunk_file(folder, split, c)) for c in range(-(-size // CHUNK))]
        drawn[split] = Drawn.joined(parts).first(size)
        try:
            lines = (folder / f"{split}.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
            texts[split] = [json.loads(line)["text"] for line in lines]
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{folder}: {split}.jsonl is missing or damaged; run vaescope world again") from error
        if {len(drawn[split].counts), len(texts[split])} != {size}:
            raise UserError(f"{folder}: {split} does not have its {size} texts; run vaescope world again")
    return World(record, drawn, texts)
