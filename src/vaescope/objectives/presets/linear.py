"""Linear annealing: minimise D + beta R with beta growing from 0 to 1 over some steps (Bowman et al. 2016)."""

from __future__ import annotations

from vaescope.objectives.specification import Spec


def linear(*, steps: int = 2000, delay: int = 0, beta: float = 1.0) -> Spec:
    """Minimise D + beta(step) R; beta is 0 for ``delay`` steps and then grows to ``beta`` over ``steps`` steps."""
    schedule = {"schedule": "linear", "start": 0.0, "end": beta, "steps": steps, "delay": delay}
    return {"terms": {"distortion": 1.0, "rate": schedule}}
