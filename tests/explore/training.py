"""A run of few steps on the built-in corpus."""

from __future__ import annotations

from vaescope.config import parse_config
from vaescope.training.loop import train

TINY = {"model_type": "roberta", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


def train_tiny(out, *, steps=12, model=None, **other):
    config = {
        "data": {"known": "topic_pcfg", "options": {"depth": 0}, "sizes": [64, 40, 8], "max_length": 24},
        "tokenizer": {"vocab_size": 270},
        "model": {"encoder": TINY | {"intermediate_size": 16}, "latent_size": 4} | (model or {}),
        "training": {"steps": steps, "batch_size": 8, "precision": "fp32", "tracker": "none"},
        "out": str(out),
    }
    train(parse_config(config | other))
    return out
