"""Linear annealing: minimise D + beta R with beta growing from 0 to 1 over some steps (Bowman et al. 2016)."""

from __future__ import annotations

from typing import Any


class Linear:
    """minimise D + beta(step) R; beta is 0 for ``delay`` steps and then grows to ``beta`` over ``steps`` steps."""

    def __init__(self, *, steps: int = 2000, delay: int = 0, beta: float = 1.0) -> None:
        self.schedule = {"schedule": "linear", "start": 0.0, "end": beta, "steps": steps, "delay": delay}

    def spec(self) -> dict[str, Any]:
        """Return the terms."""
        return {"terms": {"distortion": 1.0, "rate": self.schedule}}
