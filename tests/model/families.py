"""The injections, alone and composed, for the contracts of the model."""

from vaescope import choices
from vaescope.testing.example_models import DECODERS
from vaescope.testing.example_models import model_of as tiny

COMPOSED = {
    "embedding after norm": {"embedding": {"placement": "after_norm"}},
    "memory+embedding": "memory+embedding",
    "everything": {"memory": {"slots": 2}, "prefix": {"tokens": 2}}
    | {name: {} for name in ("gate", "matrix", "cross_attention", "embedding")},
}
INJECTIONS = [*choices.names("injections"), *COMPOSED]

__all__ = ["COMPOSED", "DECODERS", "INJECTIONS", "model_of"]


def model_of(injection="memory+embedding", decoder="roberta", **options):
    """A tiny model with an injection, or with some of COMPOSED."""
    composed = COMPOSED.get(injection, injection) if isinstance(injection, str) else injection
    return tiny(composed, decoder, **options)
