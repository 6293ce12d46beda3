"""Autoencoder: minimise only the distortion D; the rate costs nothing.

The end of the rate-distortion curve at beta = 0.
"""

from __future__ import annotations

from vaescope.objectives.specification import Spec


def autoencoder() -> Spec:
    """Minimise D."""
    return {"terms": {"distortion": 1.0, "rate": 0.0}}
