"""Cyclical annealing: minimise D + beta R with beta going from 0 to 1 again and again (Fu et al. 2019)."""

from __future__ import annotations

from typing import Any


class Cyclical:
    """minimise D + beta(step) R; every ``period`` steps beta grows from 0 to ``beta`` over a share ``ramp``."""

    def __init__(self, *, period: int = 1000, ramp: float = 0.5, beta: float = 1.0) -> None:
        self.schedule = {"schedule": "cyclical", "start": 0.0, "end": beta, "period": period, "ramp": ramp}

    def spec(self) -> dict[str, Any]:
        """Return the terms."""
        return {"terms": {"distortion": 1.0, "rate": self.schedule}}
