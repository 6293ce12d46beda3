"""vaescope trains Transformer VAEs on text and examines them as latent variable models first.

text -> Batch -> q(z|x) -> z[S,B,D] -> log p(x|z)[S,B] -> Pass -> objective -> trainer -> run folder
                                                                                         | load
report, study <- Assessment <- diagnostics (pure) <- Draws[S,N,D] <------ one sweep of a model over a split
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vaescope.api import assess, assess_model, compare, noise_curve, refit, train
    from vaescope.assessment.assessment import Assessment
    from vaescope.config import RunConfig
    from vaescope.errors import UserError
    from vaescope.estimators.estimate import Estimate
    from vaescope.evidence.draws import Draws
    from vaescope.evidence.evidence import Evidence
    from vaescope.evidence.facts import Facts
    from vaescope.model.checkpoints.load import load
    from vaescope.model.latent_space import LatentSpace
    from vaescope.model.vae import TransformerVAE
    from vaescope.model.vae_config import TransformerVAEConfig
    from vaescope.sweep.from_transformers import FromTransformers
    from vaescope.sweep.text_model import Sampled, TextModel

__version__ = "0.1.0"

_HOMES = {
    "Assessment": "vaescope.assessment.assessment",
    "Draws": "vaescope.evidence.draws",
    "Estimate": "vaescope.estimators.estimate",
    "Evidence": "vaescope.evidence.evidence",
    "Facts": "vaescope.evidence.facts",
    "FromTransformers": "vaescope.sweep.from_transformers",
    "LatentSpace": "vaescope.model.latent_space",
    "RunConfig": "vaescope.config",
    "Sampled": "vaescope.sweep.text_model",
    "TextModel": "vaescope.sweep.text_model",
    "TransformerVAE": "vaescope.model.vae",
    "TransformerVAEConfig": "vaescope.model.vae_config",
    "UserError": "vaescope.errors",
    "assess": "vaescope.api",
    "assess_model": "vaescope.api",
    "compare": "vaescope.api",
    "load": "vaescope.model.checkpoints.load",
    "noise_curve": "vaescope.api",
    "refit": "vaescope.api",
    "train": "vaescope.api",
}

__all__ = [
    "Assessment",
    "Draws",
    "Estimate",
    "Evidence",
    "Facts",
    "FromTransformers",
    "LatentSpace",
    "RunConfig",
    "Sampled",
    "TextModel",
    "TransformerVAE",
    "TransformerVAEConfig",
    "UserError",
    "__version__",
    "assess",
    "assess_model",
    "compare",
    "load",
    "noise_curve",
    "refit",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import vaescope`` needs no torch."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'vaescope' has no attribute '{name}'")


def __dir__() -> list[str]:
    """Return the public names, for completion."""
    return __all__
