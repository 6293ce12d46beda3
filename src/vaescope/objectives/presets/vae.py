"""VAE: minimise D + R, the negative ELBO (Kingma and Welling 2014); collapses where the decoder is strong."""

from __future__ import annotations

from typing import Any


class Vae:
    """minimise D + R."""

    def spec(self) -> dict[str, Any]:
        """Return the terms."""
        return {"terms": {"distortion": 1.0, "rate": 1.0}}
