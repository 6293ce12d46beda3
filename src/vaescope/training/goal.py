"""Goal: numbers of a validation that end the training when they are reached, and conditions on such numbers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vaescope.errors import UserError, unknown

KEY = "training.until"
"""The setting that holds the conditions."""

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
        self._parsed = parse_conditions(self.conditions, KEY)

    def look(self, values: Mapping[str, Any]) -> None:
        """Read the numbers of a validation.

        Raises:
            UserError: it has no number of a name.
        """
        self.reached = self.reached or (bool(self._parsed) and not unmet(self._parsed, values, KEY))

    def state_dict(self) -> dict[str, bool]:
        """Return what to save."""
        return {"reached": self.reached}

    def load_state_dict(self, state: dict[str, bool]) -> None:
        """Restore what was saved."""
        self.reached = bool(state["reached"])


def parse_conditions(conditions: Mapping[str, str], key: str) -> dict[str, tuple[str, float]]:
    """Return the comparison and the bound of each condition by its name; ``key`` names the setting in errors.

    Raises:
        UserError: a condition of another form.

    >>> parse_conditions({"rate": ">= 7.5"}, "training.until")
    {'rate': ('>=', 7.5)}
    """
    return {name: _parse(name, text, key) for name, text in conditions.items()}


def unmet(conditions: Mapping[str, tuple[str, float]], values: Mapping[str, Any], key: str) -> list[str]:
    """Return the conditions that numbers do not meet, each with its number.

    Raises:
        UserError: there is no number of a name.

    >>> unmet({"rate": (">=", 7.5), "distortion": ("<=", 30.0)}, {"rate": 2.04, "distortion": 29.0}, "training.until")
    ['rate is 2.04, not >= 7.5']
    """
    for name in conditions:
        if name not in values:
            numbers = [key for key, value in values.items() if isinstance(value, float)]
            raise UserError(f"{key}: {unknown('number of a validation', name, numbers)}")
    return [
        f"{name} is {float(values[name]):.3g}, not {sign} {bound:g}"
        for name, (sign, bound) in conditions.items()
        if not COMPARISONS[sign](float(values[name]), bound)
    ]


def _parse(name: str, text: str, key: str) -> tuple[str, float]:
    sign, value = text[:2], text[2:].strip()
    try:
        bound = float(value)
    except ValueError:
        bound = math.nan
    if sign not in COMPARISONS or not math.isfinite(bound):
        raise UserError(f"{key}: {name}: '{text}' is not '>= NUMBER' or '<= NUMBER'")
    return sign, bound
