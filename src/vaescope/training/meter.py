"""Meter: means since the last log line, kept on the device, and the first number that is not finite."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vaescope.errors import UserError


class Meter:
    """Sum a vector of named numbers per step, without waiting for the device until the sums are read.

    >>> meter = Meter(["rate", "distortion"], torch.device("cpu"))
    >>> meter.add(1, torch.tensor([1.0, 4.0])); meter.add(2, torch.tensor([3.0, 4.0]))
    >>> meter.read()
    {'rate': 2.0, 'distortion': 4.0}
    """

    def __init__(self, names: list[str], device: torch.device) -> None:
        self.names = names
        self.sums = torch.zeros(len(names), dtype=torch.float64, device=device)
        self.count = 0
        self.first_bad = torch.zeros(len(names), dtype=torch.int64, device=device)

    def add(self, step: int, values: Tensor) -> None:
        """Add the numbers of a step."""
        self.sums += values
        self.count += 1
        bad = ~values.isfinite() & (self.first_bad == 0)
        self.first_bad = torch.where(bad, step, self.first_bad)

    def check(self) -> None:
        """Wait for the device and raise an error if a number was not finite.

        Raises:
            UserError: names the first such step and number; nothing computed since has been saved.
        """
        steps = self.first_bad.tolist()
        found = [(step, name) for step, name in zip(steps, self.names, strict=True) if step]
        if found:
            step, name = min(found, key=lambda item: item[0])
            raise UserError(
                f"step {step}: {name} is not finite; start a new run with a lower training.learning_rate "
                "or training.precision=fp32 (the last checkpoint is from before)"
            )

    def read(self) -> dict[str, float]:
        """Return the means since the last call, and reset them."""
        means = (self.sums / max(1, self.count)).tolist()
        self.sums.zero_()
        self.count = 0
        return dict(zip(self.names, means, strict=True))

    def state_dict(self) -> dict[str, Any]:
        """Return the sums since the last call."""
        return {"sums": self.sums.cpu(), "count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the sums."""
        self.sums.copy_(state["sums"])
        self.count = state["count"]
