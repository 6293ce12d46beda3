"""World: a corpus drawn from a language model, so that log P(x) of every text is known exactly.

P is a distribution over token sequences of at most T tokens: token by token, the softmax of the model over all tokens
but a few banned ones (those that frame a text), and EOS with probability 1 at position T. Its texts are therefore
kept as token ids, and no string is ever tokenized again. A folder holds

    world.json          the model that drew the texts, its settings, the number of texts, H(X) with its error
    tokenizer/ model/   of the language model
    train.jsonl ...     the texts of a split as strings, with log P(x), to be read by people
    train-00000.safetensors ...   the same as tokens: ids, counts, log_prob, forced
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from vaescope.checks import fits
from vaescope.errors import UserError
from vaescope.reading import parse_json, read_json

CHUNK = 1_000
"""Texts of a file."""

AGAIN = "run vaescope world again, which draws it anew"


@dataclass(frozen=True)
class Drawn:
    """N texts drawn from a language model.

    Attributes:
        ids: token ids of all texts, one after the other, BOS and EOS included, int32.
        counts: tokens of each text, ``[N]``, int64.
        log_prob: log P(x) of each text, nats, ``[N]``, float64.
        forced: whether the text ends only because it reached the largest length, ``[N]``, bool.
    """

    ids: Tensor
    counts: Tensor
    log_prob: Tensor
    forced: Tensor

    @property
    def fault(self) -> str:
        """What is wrong with these tensors, if another program wrote them; empty if they are valid."""
        n = self.counts.numel()
        types = {"ids": torch.int32, "counts": torch.int64, "log_prob": torch.float64, "forced": torch.bool}
        for name, dtype in types.items():
            tensor: Tensor = getattr(self, name)
            if tensor.dtype != dtype or tensor.dim() != 1 or (name != "ids" and len(tensor) != n):
                return f"'{name}' is {tensor.dtype} {list(tensor.shape)}"
        if n == 0 or int(self.counts.min()) < 2 or int(self.counts.sum()) != len(self.ids):
            return "'counts' are not the tokens of the texts in 'ids'"
        if int(self.ids.min()) < 0:
            return "'ids' holds a token below 0"
        if not bool(self.log_prob.isfinite().all()) or bool((self.log_prob > 1e-6).any()):
            return "'log_prob' holds a value that is not a log-probability"
        return ""

    @classmethod
    def joined(cls, parts: list[Drawn]) -> Drawn:
        """Concatenate several parts."""
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
        drawn = Drawn(**load_file(file))
    except Exception as error:  # safetensors raises its own error for each kind of damage
        reason = (" ".join(str(error).split()) or type(error).__name__)[:200]
        raise UserError(f"{file}: cannot be read ({reason}); {AGAIN}") from error
    fault = drawn.fault
    if fault:
        raise UserError(f"{file}: damaged ({fault}); {AGAIN}")
    return drawn


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
        record = read_json(folder / "world.json")
        sizes = {split: record["sizes"][split] for split in ("train", "valid", "test")}
        value, se = (float(record["entropy"][name]) for name in ("value", "se"))
        good = all(fits(size, int) and size > 0 for size in sizes.values()) and value >= 0 and se >= 0
    except OSError as error:
        raise UserError(f"{folder}: no finished world; draw one with vaescope world RUN --out {folder}") from error
    except (ValueError, KeyError, TypeError, AttributeError):
        good = False
    if not good:
        raise UserError(f"{folder / 'world.json'}: damaged; {AGAIN}")
    drawn, texts = {}, {}
    for split, size in sizes.items():
        parts = [read_chunk(chunk_file(folder, split, c)) for c in range(-(-size // CHUNK))]
        drawn[split] = Drawn.joined(parts).first(size)
        try:
            lines = (folder / f"{split}.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
            texts[split] = [str(parse_json(line)["text"]) for line in lines]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{folder}: {split}.jsonl is missing or damaged; {AGAIN}") from error
        if {len(drawn[split].counts), len(texts[split])} != {size}:
            raise UserError(f"{folder}: {split} does not have its {size} texts; {AGAIN}")
    return World(record, drawn, texts)
