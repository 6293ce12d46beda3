"""vaescope trains Transformer VAEs on text and examines them as latent variable models first.

text -> Batch -> q(z|x) -> z[S,B,D] -> log p(x|z)[S,B] -> Pass -> objective -> trainer -> run folder
                                                                                         | load
report, study <- Assessment <- diagnostics (pure) <- Draws[S,N,D] <------ one sweep of a model over a split
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "TransformerVAE": "vaescope.model.vae",
    "TransformerVAEConfig": "vaescope.model.config",
    "Draws": "vaescope.evidence.draws",
    "Evidence": "vaescope.evidence.evidence",
    "Estimate": "vaescope.estimators.estimate",
    "assess": "vaescope.assessment.assess",
    "train": "vaescope.training.loop",
    "load": "vaescope.model.checkpoints.load",
    "LatentSpace": "vaescope.model.latent_space",
    "UserError": "vaescope.errors",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import vaescope`` needs no torch."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'vaescope' has no attribute '{name}'")
