"""Tiny models over every family of decoders, on which priors and injections are tested."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from vaescope.corpora.batch import Batch
from vaescope.model.backbone import causal, new_config
from vaescope.model.build import tiny_model
from vaescope.model.vae import TransformerVAE

DECODERS: dict[str, dict[str, Any]] = {
    "roberta": {"intermediate_size": 32, "type_vocab_size": 1},
    "bert": {"intermediate_size": 32, "type_vocab_size": 1},
    "gpt2": {},
    "llama": {"intermediate_size": 32, "num_key_value_heads": 1},
    "qwen3": {"intermediate_size": 32, "num_key_value_heads": 1, "head_dim": 6},
}
"""The families of decoders, with what their tiny models need beyond the common sizes."""

_SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": 12,
    "max_position_embeddings": 16,
}
_TOKENS = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}


def model_of(
    injection: str | dict[str, Any] = "memory+embedding",
    decoder: str = "roberta",
    *,
    awake: bool = True,
    tied: bool | None = None,
    **options: Any,
) -> tuple[TransformerVAE, Batch]:
    """Return a tiny model, 4 latent units by default, and a batch of two texts.

    Args:
        injection: as in a configuration.
        decoder: a key of ``DECODERS``.
        awake: move the parameters of the injections away from their start, where some are the identity.
        tied: whether both sides share their parameters; by default only with the decoder ``roberta``.
        options: of ``TransformerVAEConfig``.
    """
    config = causal(new_config({"model_type": decoder}, **_SIZES, **DECODERS[decoder], **_TOKENS))
    tie = decoder == "roberta" if tied is None else tied
    model, batch = tiny_model(injection=injection, decoder=config, tie_encoder_decoder=tie, **options)
    if awake:
        noise = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for parameter in model.injections.parameters():
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=noise))
    return model, batch


def without_dropout(model: TransformerVAE) -> TransformerVAE:
    """Return the model with all its dropout probabilities set to 0."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        for name in ("dropout_prob", "attention_dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
    for name in ("attention_probs_dropout_prob", "attn_pdrop"):
        if hasattr(model.decoder.config, name):
            setattr(model.decoder.config, name, 0.0)
    return model


def text(*ids: int) -> Batch:
    """Return a batch of one text."""
    ids_1T = torch.tensor([ids])
    return Batch(ids_1T, torch.ones_like(ids_1T), torch.arange(1))


def padded(batch: Batch, extra: int) -> Batch:
    """Return a batch with ``extra`` more padding tokens on the right."""
    pad = torch.full((len(batch), extra), 1)
    return Batch(torch.cat([batch.input_ids, pad], 1), torch.cat([batch.attention_mask, pad * 0], 1), batch.index)
