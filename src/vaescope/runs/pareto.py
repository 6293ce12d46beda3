"""The Pareto front of a run's validations: those that no other validation dominates.

A criterion turns a value into a *cost* to minimise: ``max`` -value, ``min`` value, ``near t`` |value - t|.
A point dominates another if none of its costs is larger and at least one is smaller; points of equal costs do not
dominate each other, so ties stay. The front is what nothing dominates: a function of the set of points, not of their
order, unless points had to be removed because there were more than ``most``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vaescope.checks import fits, shown
from vaescope.errors import UserError

AIMS = ("max", "min", "near")


@dataclass(frozen=True)
class Criterion:
    """What makes a value good: large, small, or near a target.

    Attributes:
        aim: ``max``, ``min`` or ``near``.
        target: the value to be near; None if it is not known.

    >>> Criterion.parse("rate", "near 8").cost(7.5)
    0.5
    """

    aim: str
    target: float | None = None

    @classmethod
    def parse(cls, name: str, text: str) -> Criterion:
        """Read ``max``, ``min``, ``near`` or ``near VALUE``.

        Raises:
            UserError: anything else.
        """
        aim, _, value = str(text).strip().partition(" ")
        try:
            target = float(value) if value else None
        except ValueError:
            target = math.nan
        if aim not in AIMS or (target is not None and (aim != "near" or not math.isfinite(target))):
            raise UserError(f"criterion {name}: '{text}' is not max, min, near or near VALUE (near 8)")
        return cls(aim, target)

    def cost(self, value: float) -> float:
        """Return the cost to minimise.

        Raises:
            ValueError: ``near`` without a value, which the target of the objective fills in first.
        """
        if self.aim == "near":
            if self.target is None:
                raise ValueError("near needs a value")
            return abs(value - self.target)
        return -value if self.aim == "max" else value

    def __str__(self) -> str:
        """Return it as it is written."""
        return self.aim if self.target is None else f"{self.aim} {self.target:g}"


@dataclass(frozen=True)
class Point:
    """A validation: its step, its values of the criteria, and the constraints that its weights do not meet."""

    step: int
    values: dict[str, float]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Front:
    """At most ``most`` points, none of which dominates another; the best of each criterion is always among them.

    While there are more than ``most`` points, the most crowded one (closest nearest neighbour) is removed; ties remove
    the latest. Distances are Euclidean in the costs, each divided by its range over the points. The best point of each
    criterion (ties: the earliest) is never removed, so the best value of all validations stays.

    Attributes:
        criteria: the criteria by name.
        most: the largest number of points, at least one per criterion.
        points: the points by step.

    >>> front = Front({"elbo": Criterion("max"), "marginal_kl": Criterion("min")}, most=3)
    >>> for step, elbo, kl in [(1, -9.0, 0.1), (2, -8.0, 0.5), (3, -8.5, 0.7)]:
    ...     front = front.insert(Point(step, {"elbo": elbo, "marginal_kl": kl}))
    >>> [point.step for point in front.points]
    [1, 2]
    """

    criteria: Mapping[str, Criterion]
    most: int
    points: tuple[Point, ...] = ()

    def __post_init__(self) -> None:
        if self.most < len(self.criteria):
            raise UserError(
                f"training.keep.most: {self.most} is too few for {len(self.criteria)} criteria; "
                "the best checkpoint of each must fit"
            )

    def costs(self, point: Point) -> tuple[float, ...]:
        """Return the costs of a point, in the order of the criteria."""
        return tuple(criterion.cost(point.values[name]) for name, criterion in self.criteria.items())

    def insert(self, point: Point) -> Front:
        """Return the front with one more point; it is unchanged if that point is dominated."""
        new = self.costs(point)
        if any(dominates(self.costs(old), new) for old in self.points):
            return self
        kept = [old for old in self.points if not dominates(new, self.costs(old))]
        front = replace(self, points=tuple(sorted([*kept, point], key=lambda p: p.step)))
        while len(front.points) > front.most:
            lost = front._most_crowded()
            front = replace(front, points=tuple(p for p in front.points if p is not lost))
        return front

    def best(self, name: str) -> Point:
        """Return the best point by a criterion; ties return the earliest."""
        return min(self.points, key=lambda p: (self.criteria[name].cost(p.values[name]), p.step))

    def _most_crowded(self) -> Point:
        columns = list(zip(*map(self.costs, self.points), strict=True))
        ranges = [max(column) - min(column) or 1.0 for column in columns]
        scaled = [[cost / size for cost, size in zip(self.costs(p), ranges, strict=True)] for p in self.points]
        safe = {self.best(name).step for name in self.criteria}

        def crowding(i: int) -> tuple[float, int]:
            nearest = min(math.dist(scaled[i], scaled[j]) for j in range(len(scaled)) if j != i)
            return nearest, -self.points[i].step

        return self.points[min((i for i, p in enumerate(self.points) if p.step not in safe), key=crowding)]

    def state_dict(self) -> list[dict[str, Any]]:
        """Return the points as plain numbers."""
        return [{"step": p.step, "values": dict(p.values), "warnings": list(p.warnings)} for p in self.points]

    def with_state(self, state: list[dict[str, Any]]) -> Front:
        """Return this front with saved points.

        Raises:
            ValueError: a point without a step, or without a finite number for each criterion.
        """
        for p in state:
            if not (fits(p["step"], int) and fits(p["values"], dict[str, float]) and fits(p["warnings"], list[str])):
                raise ValueError(f"{shown(p)} is not a step with numbers")
            if self.criteria.keys() - p["values"].keys():
                raise ValueError(f"step {p['step']} lacks a criterion")
        points = tuple(Point(p["step"], dict(p["values"]), tuple(p["warnings"])) for p in state)
        return replace(self, points=points)


def dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Return whether no cost is larger and at least one is smaller than the other's.

    >>> dominates((1.0, 2.0), (1.0, 3.0)), dominates((1.0, 2.0), (1.0, 2.0))
    (True, False)
    """
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other
