"""VAE: minimise D + R, the negative ELBO (Kingma and Welling 2014); collapses where the decoder is strong."""

from __future__ import annotations

from vaescope.objectives.specification import Spec


def vae() -> Spec:
    """Minimise D + R."""
    return {"terms": {"distortion": 1.0, "rate": 1.0}}
