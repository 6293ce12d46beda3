"""Goal: values of a validation that end the training when they are reached."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vaescope.errors import UserError, unknown

COMPARISONS: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le}


@dataclass
class Goal:
    """Conditions on the numbers of a validation and its assessment; a training ends when all of them hold at once.

    Attributes:
        conditions: ``">= VALUE"`` or ``"<= VALUE"`` by the name of a term or an estimate.
        reached: whether they have held at a validation.

    Raises:
        UserError: a condition of another form.

    >>> goal = Goal({"latent_use": ">= 10"})
    >>> goal.look({"latent_use": 4.0, "distortion": 30.0}); goal.reached
    False
    >>> goal.look({"latent_use": 12.0, "distortion": 24.0}); goal.reached
    True
    """

    conditions: dict[str, str]
    reached: bool = False
    _parsed: dict[str, tuple[str, float]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._parsed = {name: _parse(name, text) for name, text in self.conditions.items()}

    def look(self, values: Mapping[str, Any]) -> None:
        """Read the numbers of a validation.

        Raises:
            UserError: it has no number of a name.
        """
        for name in self._parsed:
            if name not in values:
                numbers = [key for key, value in values.items() if isinstance(value, float)]
                raise UserError(f"training.until: {unknown('number of a validation', name, numbers)}")
        held = [COMPARISONS[sign](float(values[name]), bound) for name, (sign, bound) in self._parsed.items()]
        self.reached = self.reached or (bool(held) and all(held))

    def state_dict(self) -> dict[str, bool]:
        """Return what to save."""
        return {"reached": self.reached}

    def load_state_dict(self, state: dict[str, bool]) -> None:
        """Restore what was saved."""
        self.reached = bool(state["reached"])


def _parse(name: str, text: str) -> tuple[str, float]:
    sign, value = text[:2], text[2:].strip()
    try:
        bound = float(value)
    except ValueError:
        bound = math.nan
    if sign not in COMPARISONS or not math.isfinite(bound):
        raise UserError(f"training.until: {name}: '{text}' is not '>= NUMBER' or '<= NUMBER'")
    return sign, bound
