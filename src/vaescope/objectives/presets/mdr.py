"""Minimum desired rate: minimise D + R subject to R >= a target in nats per text (Pelsmaeker and Aziz 2020)."""

from __future__ import annotations

from typing import Any


class Mdr:
    """minimise D + R subject to R >= ``rate``; the options of the multiplier are those of ``Constraint``."""

    def __init__(self, *, rate: float = 8.0, method: str = "pi") -> None:
        self.rate = rate
        self.method = method

    def spec(self) -> dict[str, Any]:
        """Return the terms and the constraint."""
        constraint = {"term": "rate", "relation": ">=", "bound": self.rate, "method": self.method}
        return {"terms": {"distortion": 1.0, "rate": 1.0}, "constraints": [constraint]}
