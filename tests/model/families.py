"""Tiny models over every injection and decoder family, for the contracts."""

import torch

from vaescope import choices
from vaescope.model.backbone import causal, new_config
from vaescope.model.build import tiny_model

SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": 12,
    "max_position_embeddings": 16,
}
TOKENS = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
DECODERS = {
    "roberta": {"intermediate_size": 32, "type_vocab_size": 1},
    "bert": {"intermediate_size": 32, "type_vocab_size": 1},
    "gpt2": {},
    "llama": {"intermediate_size": 32, "num_key_value_heads": 1},
    "qwen3": {"intermediate_size": 32, "num_key_value_heads": 1, "head_dim": 6},
}
COMPOSED = {
    "embedding after norm": {"embedding": {"placement": "after_norm"}},
    "memory+embedding": "memory+embedding",
    "everything": {"memory": {"slots": 2}, "prefix": {"tokens": 2}}
    | {name: {} for name in ("gate", "matrix", "cross_attention", "embedding")},
}
INJECTIONS = [*choices.names("injections"), *COMPOSED]


def model_of(injection="memory+embedding", decoder="roberta", *, awake=True, tied=None, **options):
    """A tiny model; awake, every injection has left its start, where some are the identity."""
    config = causal(new_config({"model_type": decoder}, **SIZES, **DECODERS[decoder], **TOKENS))
    injection = COMPOSED.get(injection, injection) if isinstance(injection, str) else injection
    model, batch = tiny_model(
        injection=injection,
        decoder=config,
        tie_encoder_decoder=decoder == "roberta" if tied is None else tied,
        **options,
    )
    if awake:
        noise = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for parameter in model.injections.parameters():
                parameter += 0.3 * torch.randn(parameter.shape, generator=noise)
    return model, batch
