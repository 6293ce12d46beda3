"""Cyclical annealing: minimise D + beta R with beta that grows from 0 to 1 in each cycle (Fu et al. 2019)."""

from __future__ import annotations

from vaescope.objectives.specification import Spec


def cyclical(*, period: int = 1000, ramp: float = 0.5, beta: float = 1.0) -> Spec:
    """Minimise D + beta(step) R; every ``period`` steps beta grows from 0 to ``beta`` over a share ``ramp``."""
    schedule = {"schedule": "cyclical", "start": 0.0, "end": beta, "period": period, "ramp": ramp}
    return {"terms": {"distortion": 1.0, "rate": schedule}}
