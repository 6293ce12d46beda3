"""Estimate: a number with its standard error, interval, unit, kind and ceiling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import Any

from scipy import stats
from torch import Tensor

from vaescope.errors import Missing
from vaescope.estimators.copies import Copies

KINDS = ("exact", "unbiased", "consistent", "lower", "upper", "interval")
"""How an estimate relates to the truth: equal (computed exactly), equal in expectation, equal in the limit, below it in
expectation, above it in expectation, or between ``low`` and ``high``."""

LEVEL = 0.95
"""Confidence of every interval."""


@cache
def quantile(count: int, *, level: float = LEVEL, candidates: int = 1) -> float:
    """Return the half-width of an interval in standard errors, by Student's t with ``count`` - 1 degrees of freedom.

    If the best of several intervals is used, ``candidates`` is their number (Bonferroni).

    >>> round(quantile(1_000_000), 2), round(quantile(3), 2)
    (1.96, 4.3)
    """
    return float(stats.t.ppf(1 - (1 - level) / 2 / candidates, count - 1)) if count > 1 else math.inf


@cache
def deviations(sigmas: float, count: int) -> float:
    """Return the threshold in standard errors, for a mean of ``count`` texts, that corresponds to ``sigmas`` of a
    normal variable.

    >>> round(deviations(4.0, 1_000_000), 2), round(deviations(4.0, 5), 1)
    (4.0, 17.4)
    """
    return float(stats.t.isf(stats.norm.sf(sigmas), count - 1))


def widened(quantile: float, skewness: float) -> float:
    """Return the standard errors to the *upper* end of the interval of a mean whose distribution is skewed.

    A sample of a right-skewed quantity that lacks its large values has a small mean and a small error. The correction
    is the first one of the Edgeworth series of Student's statistic, g (2 q^2 + 1)/6 (Hall 1983).

    Args:
        quantile: the standard errors q without skewness.
        skewness: that of the mean, g: of one value over sqrt(N).

    >>> round(widened(1.96, 0.0), 2), round(widened(1.96, 0.3), 2)
    (1.96, 2.39)
    """
    return quantile + skewness * (2 * quantile**2 + 1) / 6


def at_least_zero(estimate: Estimate, skewness: float = 0.0) -> Estimate:
    """Return the mean of a quantity that is never negative: the interval starts at 0 at the lowest.

    ``skewness`` is that of one value; the upper end is ``widened`` by it.

    >>> found = at_least_zero(Estimate(value=1.0, se=0.5, unit="nats/text", kind="unbiased", n=4), math.sqrt(8))
    >>> found.low, round(found.high, 1)
    (0.0, 5.1)
    """
    low, high = min(max(0.0, estimate.low), estimate.value), estimate.high
    if skewness > 0 and estimate.se > 0:
        high = estimate.value + widened(quantile(estimate.n), skewness / math.sqrt(estimate.n)) * estimate.se
    return replace(estimate, low=low, high=high)


@cache
def binomial_interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95% interval of a probability of which ``share`` was seen in ``count`` texts (Clopper, Pearson 1934).

    >>> tuple(round(end, 3) for end in binomial_interval(0.0, 20))
    (0.0, 0.168)
    """
    right, level = share * count, (1 - LEVEL) / 2
    low = float(stats.beta.ppf(level, right, count - right + 1)) if right > 0 else 0.0
    high = float(stats.beta.ppf(1 - level, right + 1, count - right)) if right < count else 1.0
    return low, high


@dataclass(frozen=True, repr=False)
class Estimate:
    """A value with its error and its meaning.

    Attributes:
        value: the number, in ``unit``.
        se: standard error of ``value``; 0 only for kind ``exact``.
        unit: for instance ``nats/text``.
        kind: one of ``KINDS``.
        n: number of texts (or draws) behind it.
        low: lower end of the 95% interval, by default by Student's t with n - 1 degrees of freedom. The interval is for
            the truth (kinds exact, unbiased, consistent, interval) or for the expectation of the estimator (``lower``,
            ``upper``).
        high: its upper end.
        ceiling: the largest value that the estimator can return (log N for information), or None.
        detail: further numbers (effective sample sizes, parts of a sum).

    Raises:
        ValueError: no finite standard error, an unknown kind, or an interval without ends.

    >>> Estimate(value=8.1, se=0.1, unit="nats/text", kind="unbiased", n=500).low
    7.9035...
    """

    value: float
    se: float
    unit: str
    kind: str
    n: int
    low: float = math.nan
    high: float = math.nan
    ceiling: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind '{self.kind}' is not one of {', '.join(KINDS)}")
        if not (math.isfinite(self.se) and self.se >= 0):
            raise ValueError(f"an estimate needs a finite standard error, not {self.se}")
        if self.kind == "interval":
            if not self.low <= self.high:
                raise ValueError(f"an interval needs ordered ends, not [{self.low}, {self.high}]")
        elif math.isnan(self.low):
            reach = quantile(self.n) * self.se if self.se > 0 else 0.0
            object.__setattr__(self, "low", self.value - reach)
            object.__setattr__(self, "high", self.value + reach)

    def __repr__(self) -> str:
        """Return the number with its interval, unit and kind, without the details.

        >>> Estimate(value=8.1, se=0.1, unit="nats/text", kind="unbiased", n=500)
        Estimate(8.1 ± 0.1 nats/text, 95% [7.904, 8.296], unbiased, n=500)
        """
        bounds = f"95% [{self.low:.4g}, {self.high:.4g}]"
        return f"Estimate({self.value:.4g} ± {self.se:.2g} {self.unit}, {bounds}, {self.kind}, n={self.n})"

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain numbers and strings, without fields that have no meaning."""
        return {k: v for k, v in asdict(self).items() if v is not None and v != {}}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Estimate:
        """Return the estimate of these fields; null stands for numbers that JSON lacks, an infinite end or NaN.

        >>> fields = {"value": 1.0, "se": 0.0, "unit": "nats", "kind": "interval", "n": 2, "low": 0.5, "high": None}
        >>> Estimate.from_json(fields).high
        inf
        """
        unknown = {"value": math.nan, "low": -math.inf, "high": math.inf}
        return cls(**fields | {name: unknown[name] for name in unknown if fields.get(name, 0) is None})


def mean_of(
    values_N: Tensor,
    *,
    unit: str,
    kind: str = "unbiased",
    detail: Mapping[str, Any] | None = None,
    copies: Copies | None = None,
) -> Estimate:
    """Return the mean over independent texts with its standard error, in float64.

    Copies of a text count as one observation: the standard error is clustered by distinct text (Liang and Zeger 1986),
    and ``n`` is the effective number of independent texts.

    Raises:
        Missing: fewer than two distinct texts, for which no error can be computed.

    >>> import torch
    >>> e = mean_of(torch.tensor([1.0, 2.0, 3.0]), unit="nats/text")
    >>> e.value, round(e.se, 4), e.n
    (2.0, 0.5774, 3)
    >>> e = mean_of(torch.tensor([1.0, 1.0, 2.0, 2.0, 3.0, 3.0]), unit="nats", copies=Copies.of(torch.arange(6) // 2))
    >>> e.value, round(e.se, 4), e.n
    (2.0, 0.5774, 3)
    """
    values_N = values_N.double().reshape(-1)
    n = distinct = values_N.numel()
    residual = values_N - values_N.mean()
    if copies is not None and copies.distinct < n:
        distinct, n = copies.distinct, max(2, round(copies.effective))
        residual = residual.new_zeros(distinct).index_add(0, copies.text, residual)
    if distinct < 2:
        raise Missing(f"mean of {distinct} texts with an error: at least 2 are needed")
    se = math.sqrt(distinct / (distinct - 1) * residual.square().sum().item()) / values_N.numel()
    return Estimate(value=values_N.mean().item(), se=se, unit=unit, kind=kind, n=n, detail=detail or {})
