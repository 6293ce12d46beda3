"""Estimate: a number one can trust, with its standard error, unit, kind and ceiling."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

KINDS = ("exact", "unbiased", "consistent", "lower", "upper", "interval")
"""What an estimator's expectation is to the truth: equal by computation, equal in expectation, equal in the limit,
below it, above it, or enclosed by the ends ``low`` and ``high``."""


@dataclass(frozen=True)
class Estimate:
    """A value with all that one needs to trust it.

    Attributes:
        value: the number, in ``unit``.
        se: standard error of ``value``; 0 only for kind ``exact``.
        unit: for instance ``nats/text``.
        kind: one of ``KINDS``.
        n: number of texts (or draws) behind it.
        low: lower end of the 95% interval: of the truth for kinds exact, unbiased, consistent and interval; of the
            expectation of the estimator for ``lower`` and ``upper``.
        high: its upper end.
        ceiling: the largest value that the estimator can return (log N for information), or None.
        detail: further numbers that belong to it (effective sample sizes, parts of a sum).

    Raises:
        ValueError: no finite standard error, an unknown kind, or an interval without ends.

    >>> Estimate(value=8.1, se=0.1, unit="nats/text", kind="unbiased", n=500).low
    7.904
    """

    value: float
    se: float
    unit: str
    kind: str
    n: int
    low: float = math.nan
    high: float = math.nan
    ceiling: float | None = None
    detail: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind '{self.kind}' is none of {', '.join(KINDS)}")
        if not (math.isfinite(self.se) and self.se >= 0):
            raise ValueError(f"an estimate needs a finite standard error, not {self.se}")
        if self.kind == "interval":
            if not self.low <= self.high:
                raise ValueError(f"an interval needs ordered ends, not [{self.low}, {self.high}]")
        elif math.isnan(self.low):
            object.__setattr__(self, "low", self.value - 1.96 * self.se)
            object.__setattr__(self, "high", self.value + 1.96 * self.se)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain numbers and strings, those without a meaning left out."""
        return {k: v for k, v in asdict(self).items() if v is not None}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Estimate:
        """Return the estimate of these fields, where null stands for a number that JSON has not: an open end, NaN.

        >>> fields = {"value": 1.0, "se": 0.0, "unit": "nats", "kind": "interval", "n": 2, "low": 0.5, "high": None}
        >>> Estimate.from_json(fields).high
        inf
        """
        unknown = {"value": math.nan, "low": -math.inf, "high": math.inf}
        return cls(**fields | {name: unknown[name] for name in unknown if fields.get(name, 0) is None})


def mean_of(values_N: Tensor, *, unit: str, kind: str = "unbiased", detail: dict[str, Any] | None = None) -> Estimate:
    """Return the mean over independent texts with its standard error, in float64.

    >>> import torch
    >>> e = mean_of(torch.tensor([1.0, 2.0, 3.0]), unit="nats/text")
    >>> e.value, round(e.se, 4), e.n
    (2.0, 0.5774, 3)
    """
    values = values_N.double()
    n = values.numel()
    se = values.std().item() / math.sqrt(n) if n > 1 else 0.0
    return Estimate(value=values.mean().item(), se=se, unit=unit, kind=kind, n=n, detail=detail)
