"""beta-VAE: minimise D + beta R with beta a number or a schedule (Higgins et al. 2017; Alemi et al. 2018)."""

from __future__ import annotations

from typing import Any


class BetaVae:
    """minimise D + beta(step) R."""

    def __init__(self, *, beta: float | dict[str, Any] = 0.5) -> None:
        self.beta = beta

    def spec(self) -> dict[str, Any]:
        """Return the terms."""
        return {"terms": {"distortion": 1.0, "rate": self.beta}}
