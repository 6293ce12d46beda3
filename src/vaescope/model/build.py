"""A TransformerVAE from a configuration: new, or with the weights of checkpoints on either side."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from vaescope.config import ModelConfig
from vaescope.corpora.batch import Batch
from vaescope.errors import UserError, one_line
from vaescope.model import backbone
from vaescope.model.adapt import freeze
from vaescope.model.checkpoints.base_weights import base_of
from vaescope.model.checkpoints.warm_start import PARTS, warm_start
from vaescope.model.network_settings import refuse_too_large
from vaescope.model.startup_check import check_model
from vaescope.model.vae import TransformerVAE
from vaescope.model.vae_config import ARCHITECTURE, TransformerVAEConfig
from vaescope.model.vocabularies import ENCODER_TOKENS, encoder_tokenizer

_KEYS = {"encoder": "model.encoder_tokenizer", "decoder": "tokenizer.path"}
"""The keys of the configuration that set the tokenizer of each side."""


def build_model(config: ModelConfig, tokenizer: PreTrainedTokenizerBase, max_length: int) -> TransformerVAE:
    """Return the model of a configuration, with a vocabulary and positions that fit the tokenizer and the texts.

    A side given as a string comes with the weights of that checkpoint, a side given as settings is new. By default the
    decoder is the encoder's architecture (and checkpoint) made causal. With ``init_from``, weights of another model
    then replace these. ``check_model`` checks the model before it is returned.

    ``tokenizer`` is the decoder's. The encoder has that of ``model.encoder_tokenizer``, or its own where it is another
    checkpoint; ``model.readable`` then adds its tokens to a split.

    Raises:
        UserError: an unknown architecture, setting or checkpoint; a vocabulary or length that does not fit; sides that
            cannot be tied; weights to start from that do not fit.
    """
    vae_config = plan_model(config, tokenizer, max_length)
    encoder_source, decoder_source = _sources(config)
    encoder_config, decoder_config = (cast(PreTrainedConfig, c) for c in (vae_config.encoder, vae_config.decoder))
    with_encoder = not vae_config.is_language_model
    model = TransformerVAE(
        vae_config,
        encoder=_weights(encoder_source, encoder_config, backbone.pretrained_encoder) if with_encoder else None,
        decoder=_weights(decoder_source, decoder_config, backbone.pretrained_decoder),
    )
    _check_fit("decoder", model.decoder, tokenizer, max_length)
    _train_control_tokens(model.decoder, tokenizer)
    if model.encoder is not None:
        reader = encoder_tokenizer(config, tokenizer)
        model.encoder_tokenizer = cast(PreTrainedTokenizerFast | None, reader)
        if reader is not None:
            longest = backbone.longest_text(model.encoder) or ENCODER_TOKENS * max_length
            vae_config.encoder_text_length = min(longest, ENCODER_TOKENS * max_length)
        _check_fit("encoder", model.encoder, reader or tokenizer, vae_config.encoder_text_length or max_length)
    changed: set[str] = set()
    if config.init_from is not None:
        changed = warm_start(model, Path(config.init_from), tokenizer, config.init_parts)
    elif config.init_parts != list(PARTS):
        raise UserError("model.init_parts has a meaning only with model.init_from=FOLDER")
    freeze(model, config.freeze)
    if not vae_config.tied:
        model.base = base_of(model, {"encoder": encoder_source, "decoder": decoder_source}, changed)
    check_model(model)
    return model


def plan_model(config: ModelConfig, tokenizer: PreTrainedTokenizerBase, max_length: int) -> TransformerVAEConfig:
    """Return the architecture of a configuration, after building it once without memory for its weights.

    Raises:
        UserError: an unknown architecture or setting, settings of which no network can be made, or more parameters than
            this machine has memory for.
    """
    reader = encoder_tokenizer(config, tokenizer)
    length = max_length if reader is None else ENCODER_TOKENS * max_length
    encoder, decoder = _sources(config)
    vae_config = TransformerVAEConfig(
        encoder=_side("model.encoder", encoder, reader or tokenizer, length),
        decoder=backbone.causal(_side("model.decoder", decoder, tokenizer, max_length)),
        tie_encoder_decoder=config.tie,
        text_length=max_length,
        encoder_text_length=None if reader is None else length,
        **{name: getattr(config, name) for name in ARCHITECTURE},
        bos_token_id=_bos(tokenizer),
        eos_token_id=_eos(tokenizer),
        pad_token_id=_eos(tokenizer) if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
    )
    refuse_too_large(_without_weights(vae_config).num_parameters())
    return vae_config


def _without_weights(config: TransformerVAEConfig) -> TransformerVAE:
    """Return a model on the meta device, which stores shapes and no numbers."""
    try:
        with torch.device("meta"):
            return TransformerVAE(copy.deepcopy(config))
    except UserError:
        raise
    except Exception as error:  # networks, priors and injections of any origin
        reason = one_line(str(error) or type(error).__name__)[:200]
        raise UserError(f"model: no network can be made of these settings ({reason}); change model.*") from error


def _sources(config: ModelConfig) -> tuple[str | dict[str, Any], str | dict[str, Any]]:
    return config.encoder, config.encoder if config.decoder is None else config.decoder


def tiny_model(**options: Any) -> tuple[TransformerVAE, Batch]:
    """Return a very small new model and a batch of two texts, for examples and tests."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    side = {"vocab_size": 12, "max_position_embeddings": 16, "type_vocab_size": 1, "pad_token_id": 1, **sizes}
    roberta = backbone.new_config({"model_type": "roberta"}, **side)
    settings: dict[str, Any] = {"latent_size": 4, "tie_encoder_decoder": True, "text_length": 12, **options}
    encoder = settings.pop("encoder", None) or roberta
    decoder = settings.pop("decoder", None) or backbone.causal(roberta)
    config = TransformerVAEConfig(
        encoder=encoder, decoder=decoder, bos_token_id=0, eos_token_id=2, pad_token_id=1, **settings
    )
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    ids = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 2, 1, 1]])
    return TransformerVAE(config).eval(), Batch(ids, mask, torch.arange(2))


def _side(
    key: str, source: str | dict[str, Any], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> PreTrainedConfig:
    """The configuration of one side; error messages name the ``key`` of the configuration."""
    try:
        return backbone.read_config(source) if isinstance(source, str) else _new_side(source, tokenizer, max_length)
    except UserError as error:
        raise UserError(f"{key}: {error}") from error


def _new_side(source: dict[str, Any], tokenizer: PreTrainedTokenizerBase, max_length: int) -> PreTrainedConfig:
    # a new network gets an embedding for padding where the tokenizer has none; RoBERTa needs one
    pad = len(tokenizer) if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    required: dict[str, Any] = {
        "vocab_size": max(len(tokenizer), pad + 1),
        "pad_token_id": pad,
        "bos_token_id": _bos(tokenizer),
        "eos_token_id": _eos(tokenizer),
    }
    default = backbone.new_config(source)
    if hasattr(default, "max_position_embeddings"):
        # the RoBERTa family counts positions from the padding index + 1
        required["max_position_embeddings"] = max_length + pad + 1
    if hasattr(default, "type_vocab_size"):
        required["type_vocab_size"] = 1
    return backbone.new_config(source, **required)


def _weights(source: str | dict[str, Any], config: PreTrainedConfig, read: Any) -> PreTrainedModel | None:
    return read(source, config) if isinstance(source, str) else None


def _check_fit(side: str, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_length: int) -> None:
    rows = len(cast(Tensor, network.get_input_embeddings().weight))
    if rows < len(tokenizer):
        raise UserError(
            f"the {side} has {rows} token embeddings, but the tokenizer has {len(tokenizer)} tokens; "
            f"give the checkpoint's own tokenizer as {_KEYS[side]}"
        )
    longest = backbone.longest_text(network)
    if longest is not None and longest < max_length:
        raise UserError(
            f"the {side} has positions for {longest} tokens, but data.max_length is {max_length}; lower data.max_length"
        )


def _train_control_tokens(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give BOS and EOS a gradient where a checkpoint also pads with them; masks exclude padding everywhere."""
    embedding = network.get_input_embeddings()
    if getattr(embedding, "padding_idx", None) in (_bos(tokenizer), _eos(tokenizer)):
        embedding.padding_idx = None  # type: ignore[assignment]


def _bos(tokenizer: PreTrainedTokenizerBase) -> int:
    return tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.cls_token_id


def _eos(tokenizer: PreTrainedTokenizerBase) -> int:
    return tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
