"""Encode texts: their token ids, and where in its text each token starts and ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tokenizers
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from vaescope.corpora.cache import WORTH, cached, digest
from vaescope.corpora.rows import refuse_surrogate
from vaescope.corpora.tokenizer import special_ids

LONGEST_CHARACTER = 8
"""The most tokens that one character is spread over (4 bytes in UTF-8, more after a normalisation)."""

AT_ONCE = 10_000
"""Texts that are Python lists of tokens at one time; these take some 40 times the memory of the tensors."""

REACH = 64
"""Characters to tokenize for each token that a text may have; more only if these give too few tokens."""

MARGIN = 1_000
"""Characters at the end of a prefix whose tokens may depend on what follows."""


def encode(texts: list[str], tokenizer: PreTrainedTokenizerFast, room: int) -> dict[str, Tensor]:
    """Return ``ids`` of all texts, their ``counts``, and where in its text each token starts and ends."""
    limit = room * REACH + MARGIN

    def make() -> dict[str, Tensor]:
        parts = [
            _flat(texts[i : i + AT_ONCE], tokenizer, room, limit, i) for i in range(0, max(1, len(texts)), AT_ONCE)
        ]
        return {name: torch.cat([part.pop(name) for part in parts]) for name in list(parts[0])}

    def write(tensors: dict[str, Tensor], file: Path) -> None:
        save_file(tensors, file)

    if len(texts) < WORTH:
        return make()
    cut = room if any(len(text) > limit for text in texts) else None
    decided = (tokenizer.backend_tokenizer.to_str(), tokenizer.split_special_tokens, special_ids(tokenizer), cut)
    key = digest(texts, *decided, tokenizers.__version__)
    return cached(f"tokens/{key}.safetensors", make, write, lambda file: load_file(file))


def _flat(texts: list[str], tokenizer: PreTrainedTokenizerFast, room: int, limit: int, first: int) -> dict[str, Tensor]:
    encoded = _encode(texts, tokenizer, room, limit, first)
    tensors = {
        name: torch.tensor([value for text in encoded for value in text[place]], dtype=torch.int32)
        for place, name in enumerate(("ids", "starts", "ends"))
    }
    return tensors | {"counts": torch.tensor([len(text[0]) for text in encoded])}


Encoded = tuple[list[int], list[int], list[int]]
"""The token ids of a text, and where in the text each token starts and ends."""


def _encode(texts: list[str], tokenizer: PreTrainedTokenizerFast, room: int, limit: int, first: int) -> list[Encoded]:
    """Return the tokens of each text; of a text above ``limit`` characters only a prefix, if that fills the room.

    An error numbers the texts from ``first`` + 1 on. The tokens of the last ``MARGIN`` characters of a prefix do not
    count, since what follows may change them.
    """
    special = special_ids(tokenizer)
    frame = {special.bos, special.eos, special.pad}

    def call(some: list[str], **options: Any) -> list[Encoded]:
        try:
            out = tokenizer(some, add_special_tokens=False, return_offsets_mapping=True, verbose=False, **options)
        except TypeError:
            for number, text in enumerate(some, first + 1):
                refuse_surrogate(text, f"text {number}")
            raise
        return [
            (ids, [start for start, _ in spans], [end for _, end in spans])
            for ids, spans in zip(out["input_ids"], out["offset_mapping"], strict=True)
        ]

    def plain(some: list[str]) -> list[Encoded]:
        encoded = call(some)
        framed = [i for i, (inner, _, _) in enumerate(encoded) if not frame.isdisjoint(inner)]
        if framed:
            for i, without in zip(framed, call([some[i] for i in framed], split_special_tokens=True), strict=True):
                encoded[i] = without
        return encoded

    encoded = plain([text[:limit] for text in texts])
    for i, text in enumerate(texts):
        if len(text) > limit and sum(end <= limit - MARGIN for end in encoded[i][2]) <= room:
            encoded[i] = plain([text])[0]
    return encoded


def whole_characters(flat: dict[str, Tensor], start: int, room: int) -> int:
    """Return how many of the first ``room`` tokens from ``start`` on end between two characters.

    A character of several bytes may be spread over several tokens, each of which claims the whole character.
    """
    starts, ends = flat["starts"], flat["ends"]
    for kept in range(room, max(0, room - LONGEST_CHARACTER), -1):
        if starts[start + kept] >= ends[start + kept - 1]:
            return kept
    return room
