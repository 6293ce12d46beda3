"""Training runs of a second or two."""

from vaescope.config import parse_config

MODEL = {
    "encoder": {
        "model_type": "roberta",
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    },
    "latent_size": 4,
}


def build_config(out, *, objective="vae", seed=0, **training):
    """A run of a second or two: a very small model on the built-in corpus, with a constraint if given."""
    settings = {
        "steps": 6,
        "batch_size": 8,
        "log_every": 2,
        "validate_every": 3,
        "save_every": 3,
        "validation_texts": 16,
        "precision": "fp32",
        "tracker": "none",
        "learning_rate": 3e-3,
    }
    return parse_config(
        {
            "data": {"known": "topic_pcfg", "sizes": [64, 32, 8], "max_length": 24, "too_long": "truncate"},
            "tokenizer": {"vocab_size": 270},
            "model": MODEL,
            "objective": objective,
            "training": settings | training,
            "seed": seed,
            "out": str(out),
        }
    )
