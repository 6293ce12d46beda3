"""Tiny models over every injection and decoder family, for the contracts."""

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
}
INJECTIONS = [*choices.names("injections"), "memory+embedding"]


def model_of(injection="memory+embedding", decoder="roberta", **options):
    config = causal(new_config({"model_type": decoder}, **SIZES, **DECODERS[decoder], **TOKENS))
    return tiny_model(injection=injection, decoder=config, tie_encoder_decoder=decoder == "roberta", **options)
