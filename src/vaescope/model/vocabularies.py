"""The vocabulary of each side: one tokenizer for both, or one for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from vaescope.config import ModelConfig
from vaescope.corpora.hub_access import hub_access
from vaescope.corpora.tokenizer import saved_tokenizer
from vaescope.errors import UserError

FOLDER = "encoder_tokenizer"
"""Where a model folder keeps the tokenizer of its encoder, if that is not the decoder's."""

ENCODER_TOKENS = 4
"""The encoder's limit, in its own tokens, as a multiple of ``data.max_length``."""


def encoder_tokenizer(config: ModelConfig, tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase | None:
    """Return the encoder's tokenizer, or None if it is ``tokenizer``, the decoder's.

    It is ``model.encoder_tokenizer``; else that of an encoder that is a checkpoint; else that of the decoder.

    Raises:
        UserError: a checkpoint on either side would read tokens of a vocabulary that is not its own.
    """
    decoder = config.encoder if config.decoder is None else config.decoder
    _refuse_other_vocabulary("decoder", decoder, tokenizer, "tokenizer.path")
    if config.is_language_model:
        return None
    found: PreTrainedTokenizerBase | None
    if config.encoder_tokenizer is not None:
        found = saved_tokenizer(config.encoder_tokenizer, "model.encoder_tokenizer")
        _refuse_other_vocabulary("encoder", config.encoder, found, "model.encoder_tokenizer")
    else:
        found = None if config.encoder == decoder else own_tokenizer(config.encoder)
    if found is None or _as_text(found) == _as_text(tokenizer):
        return None
    if config.tie:
        raise UserError(
            f"encoder and decoder have the vocabularies of '{found.name_or_path}' and '{tokenizer.name_or_path}', so "
            "they cannot share parameters; set model.tie=false"
        )
    return found


def own_tokenizer(source: str | dict[str, Any]) -> PreTrainedTokenizerBase | None:
    """Return the tokenizer saved with a checkpoint; None if there is none or if the network is new."""
    if not isinstance(source, str):
        return None
    try:
        return saved_tokenizer(source, "tokenizer")
    except UserError:
        return None


def save_encoder_tokenizer(tokenizer: PreTrainedTokenizerBase | None, folder: str | Path) -> None:
    """Write the tokenizer of the encoder into a model folder, where it has its own."""
    if tokenizer is not None:
        tokenizer.save_pretrained(Path(folder) / FOLDER)


def load_encoder_tokenizer(source: str | Path, **options: Any) -> PreTrainedTokenizerBase:
    """Return the tokenizer of the encoder of a model folder or hub name.

    Raises:
        UserError: there is none.
    """
    known = {name: options[name] for name in ("cache_dir", "revision", "token") if name in options}
    try:
        with hub_access(str(source)):
            return AutoTokenizer.from_pretrained(source, subfolder=FOLDER, **known)
    except Exception as error:  # as above
        raise UserError(
            f"{source}: the encoder of this model has its own tokenizer, but {FOLDER}/ is missing"
        ) from error


def _refuse_other_vocabulary(side: str, source: str | dict[str, Any], given: PreTrainedTokenizerBase, key: str) -> None:
    """Refuse ids that differ from those of a checkpoint's own tokenizer; added tokens are allowed."""
    own = own_tokenizer(source)
    if own is None:
        return
    ids = given.get_vocab()
    differing = [token for token, row in own.get_vocab().items() if ids.get(token) != row]
    if differing:
        raise UserError(
            f"{key}: '{given.name_or_path}' has another vocabulary than the {side} '{source}' ({len(differing)} tokens "
            f"differ, for instance {differing[0]!r}); set {key}={source}"
        )


def _as_text(tokenizer: Any) -> tuple[str, int, int]:
    """The parts of a tokenizer that decide how it splits a text."""
    return tokenizer.backend_tokenizer.to_str(), tokenizer.bos_token_id, tokenizer.eos_token_id
