"""Language model: no latent, minimise -log p(x); the baseline that shows what z is worth (sets injection `none`)."""

from __future__ import annotations

from vaescope.objectives.specification import Spec


def language_model() -> Spec:
    """Minimise D, which is -log p(x) without z; the rate is 0."""
    return {"terms": {"distortion": 1.0, "rate": 0.0}}
