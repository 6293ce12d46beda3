"""A warm start: weights of another model, for instance an autoencoder's for a VAE, or a language model's decoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from vaescope.errors import UserError
from vaescope.model.checkpoints.strict import differences
from vaescope.model.vae import TransformerVAE
from vaescope.model.vocabularies import FOLDER

PARTS = {
    "encoder": ("encoder.", "posterior_head."),
    "decoder": ("decoder.",),
    "injections": ("injections.",),
    "prior": ("prior.",),
}
"""The parts of a model, and the prefixes of their parameter names."""


def warm_start(
    model: TransformerVAE, folder: Path, tokenizer: PreTrainedTokenizerBase, parts: Sequence[str]
) -> set[str]:
    """Load into ``model`` the weights of some parts of the model in ``folder``, a run or a model folder.

    Return the names of those that had other values before.

    The other parts keep their weights, new or from their own checkpoint. The decoder of a language model can start that
    of a VAE.

    Raises:
        UserError: no model in the folder, another vocabulary, parameters of other names or shapes, or one of encoder
            and decoder without the other where they share their parameters.
    """
    source = source_of(folder)
    if model.config.tied and ("encoder" in parts) != ("decoder" in parts):
        raise UserError(
            f"model.init_parts={list(parts)}: encoder and decoder share parameters; name both, or set model.tie=false"
        )
    _check_vocabulary(source, tokenizer)
    starts = tuple(start for part in parts for start in PARTS[part])
    other = TransformerVAE.from_pretrained(source)
    if "encoder" in parts and _ids(other.encoder_tokenizer) != _ids(model.encoder_tokenizer):
        raise UserError(
            f"model.init_from: the encoder in {source} was trained with another vocabulary; set "
            f"model.encoder_tokenizer to {source / FOLDER if other.encoder_tokenizer else 'that of the decoder'}"
        )
    state = other.state_dict()
    wanted = {name: value for name, value in model.state_dict().items() if name.startswith(starts)}
    given = {name: value for name, value in state.items() if name.startswith(starts)}
    mismatch = differences(wanted, given)
    if mismatch:
        raise UserError(f"model.init_from: {folder} does not fit this model: {mismatch}")
    changed = {name for name, value in wanted.items() if not torch.equal(value, given[name].to(value))}
    with torch.no_grad():
        for name in changed:
            wanted[name].copy_(given[name])
    return changed


def _ids(tokenizer: PreTrainedTokenizerBase | None) -> dict[str, int] | None:
    return None if tokenizer is None else tokenizer.get_vocab()


def source_of(folder: Path) -> Path:
    """Return the model folder of a run, or of a folder that is one.

    Raises:
        UserError: it is neither.
    """
    source = folder / "model" if (folder / "model" / "config.json").exists() else folder
    if not (source / "config.json").exists():
        raise UserError(f"model.init_from: {folder} is neither a run with a trained model nor a model folder")
    return source


def _check_vocabulary(source: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    if not (source / "tokenizer_config.json").exists():
        return
    if AutoTokenizer.from_pretrained(source).get_vocab() != tokenizer.get_vocab():
        raise UserError(
            f"model.init_from: {source} was trained with another vocabulary; set tokenizer.path={source} to use it"
        )
