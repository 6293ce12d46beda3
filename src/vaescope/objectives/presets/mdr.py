"""Minimum desired rate: minimise D + R subject to R >= a target in nats per text (Pelsmaeker and Aziz 2020)."""

from __future__ import annotations

from vaescope.objectives.specification import Spec


def mdr(*, rate: float = 8.0, method: str = "pi", start: float = 1.0) -> Spec:
    """Minimise D + R subject to R >= ``rate``.

    ``method`` moves the multiplier, and ``start`` is the price of rate at the first step: a low one lets a model with a
    high rate come to its target from above. See ``Constraint``.
    """
    constraint = {"term": "rate", "relation": ">=", "bound": rate, "method": method, "start": start}
    return {"terms": {"distortion": 1.0, "rate": 1.0}, "constraints": [constraint]}
