"""Schedules: weights as pure functions of the optimiser step, so that they need no state to resume."""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from vaescope.errors import UserError, unknown


@dataclass(frozen=True, kw_only=True)
class Schedule(ABC):
    """A weight w(step) >= 0 over optimiser steps 0, 1, 2, ..."""

    @abstractmethod
    def __call__(self, step: int) -> float:
        """Return the weight at an optimiser step."""

    @property
    @abstractmethod
    def largest(self) -> float:
        """Largest weight of the schedule."""


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """w(step) = value.

    >>> Constant(value=0.5)(1000)
    0.5
    """

    value: float

    def __call__(self, step: int) -> float:
        """Return the value."""
        return self.value

    @property
    def largest(self) -> float:
        """The value."""
        return self.value


@dataclass(frozen=True, kw_only=True)
class Ramp(Schedule):
    """A ramp from ``start`` to ``end`` over ``steps`` steps, after ``delay`` steps at ``start``."""

    start: float = 0.0
    end: float = 1.0
    steps: int = 1000
    delay: int = 0

    def __call__(self, step: int) -> float:
        """Return start + (end - start) * shape(share of the ramp that is done)."""
        done = min(max((step - self.delay) / self.steps, 0.0), 1.0)
        return self.start + (self.end - self.start) * self.shape(done)

    @abstractmethod
    def shape(self, done: float) -> float:
        """Map [0, 1] to [0, 1], increasing."""

    @property
    def largest(self) -> float:
        """The larger of its ends."""
        return max(self.start, self.end)


class Linear(Ramp):
    """A straight ramp.

    >>> [Linear(start=0, end=1, steps=10, delay=5)(step) for step in (0, 5, 10, 15, 99)]
    [0.0, 0.0, 0.5, 1.0, 1.0]
    """

    def shape(self, done: float) -> float:
        """Return t."""
        return done


class Cosine(Ramp):
    """Half a cosine: (1 - cos(pi t)) / 2.

    >>> [round(Cosine(steps=10)(step), 3) for step in (0, 5, 10)]
    [0.0, 0.5, 1.0]
    """

    def shape(self, done: float) -> float:
        """Return (1 - cos(pi t)) / 2."""
        return (1 - math.cos(math.pi * done)) / 2


class Sigmoid(Ramp):
    """A logistic curve over +-6 of its scale, stretched to meet both ends exactly.

    Bowman et al., Generating Sentences from a Continuous Space, CoNLL 2016.

    >>> [round(Sigmoid(steps=10)(step), 3) for step in (0, 5, 10)]
    [0.0, 0.5, 1.0]
    """

    def shape(self, done: float) -> float:
        """Return the stretched logistic curve."""
        return (math.tanh(6 * done - 3) / math.tanh(3) + 1) / 2


@dataclass(frozen=True, kw_only=True)
class Cyclical(Schedule):
    """Cycles of ``period`` steps: a share ``delay`` at ``start``, a straight share ``ramp``, then ``end``.

    Fu et al., Cyclical Annealing Schedule, NAACL 2019.

    >>> cycle = Cyclical(period=8, delay=0.5, ramp=0.25)
    >>> [cycle(step) for step in range(9)]
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 0.0]
    """

    start: float = 0.0
    end: float = 1.0
    period: int = 1000
    delay: float = 0.0
    ramp: float = 0.5

    def __call__(self, step: int) -> float:
        """Return the weight at this phase of the cycle."""
        phase = (step % self.period) / self.period
        done = min(max((phase - self.delay) / self.ramp, 0.0), 1.0)
        return self.start + (self.end - self.start) * done

    @property
    def largest(self) -> float:
        """The larger of its ends."""
        return max(self.start, self.end)


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "linear": Linear,
    "cosine": Cosine,
    "sigmoid": Sigmoid,
    "cyclical": Cyclical,
}
"""The schedules by name."""


def build_schedule(weight: float | dict[str, Any], *, name: str = "weight") -> Schedule:
    """Return the schedule of a weight: a number, or ``{schedule: linear, start: 0, end: 1, steps: 1000}``.

    Raises:
        UserError: an unknown schedule or option, a negative weight, a length that is not a number of steps.

    >>> build_schedule({"schedule": "linear", "steps": 4})(1)
    0.25
    """
    if not isinstance(weight, dict):
        return _checked(Constant(value=weight), name)
    options = dict(weight)
    kind = options.pop("schedule", None)
    if kind not in SCHEDULES:
        raise unknown(f"schedule of {name}", str(kind), SCHEDULES)
    known = inspect.signature(SCHEDULES[kind]).parameters
    for option in options:
        if option not in known:
            raise unknown(f"option of the schedule '{kind}' of {name}", option, known)
    if kind == "constant" and "value" not in options:
        raise UserError(f"{name}: the schedule 'constant' needs a value")
    return _checked(SCHEDULES[kind](**options), name)


def _checked(schedule: Schedule, name: str) -> Schedule:
    """Return ``schedule`` after checking its numbers."""
    for option, value in vars(schedule).items():
        where = f"{name}.{option}" if option != "value" else name
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UserError(f"{where}: {value!r} is not a number")
        if value < 0:
            raise UserError(f"{where}: {value!r} is negative; weights and lengths are numbers >= 0")
        if option in ("steps", "period") and (value < 1 or int(value) != value):
            raise UserError(f"{where}: {value!r} is not a number of optimiser steps >= 1")
    if isinstance(schedule, Cyclical) and (schedule.ramp == 0 or schedule.delay + schedule.ramp > 1):
        raise UserError(f"{name}: delay + ramp are shares of a cycle: ramp > 0 and delay + ramp <= 1")
    return schedule
