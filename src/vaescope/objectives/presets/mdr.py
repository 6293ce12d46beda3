"""Minimum desired rate: minimise D + R subject to R >= a target in nats per text (Pelsmaeker and Aziz 2020)."""

from __future__ import annotations

from vaescope.objectives.specification import Spec


def mdr(*, rate: float = 8.0, method: str = "pi") -> Spec:
    """Minimise D + R subject to R >= ``rate``; ``method`` moves the multiplier, see ``Constraint``."""
    constraint = {"term": "rate", "relation": ">=", "bound": rate, "method": method}
    return {"terms": {"distortion": 1.0, "rate": 1.0}, "constraints": [constraint]}
