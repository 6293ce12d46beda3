"""Shares: means of numbers between two known limits, whose interval stays honest where all texts agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from vaescope.estimators.copies import Copies
from vaescope.estimators.estimate import Estimate, binomial_interval, mean_of

NORMAL = 1.96
"""Standard errors from the middle of the 95% interval of a normal variable to its ends."""


def share_of(
    values_N: Tensor,
    *,
    unit: str = "share",
    kind: str = "unbiased",
    detail: Mapping[str, Any] | None = None,
    copies: Copies | None = None,
) -> Estimate:
    """Return the mean over texts of numbers from 0 to 1, such as whether a text is right.

    Of yes-or-no values the interval is that of Clopper and Pearson, with the effective number of independent texts; it
    has a width even if all texts agree. Of other numbers it is ``bounded``.

    Raises:
        Missing: fewer than two distinct texts.

    >>> import torch
    >>> e = share_of(torch.ones(20))
    >>> e.value, round(e.low, 3), e.high, e.se > 0
    (1.0, 0.832, 1.0, True)
    """
    mean = mean_of(values_N, unit=unit, kind=kind, detail=detail, copies=copies)
    if bool(((values_N == 0) | (values_N == 1)).all()):
        low, high = binomial_interval(mean.value, mean.n)
        return replace(mean, se=mean.se or (high - low) / (2 * NORMAL), low=low, high=high)
    return bounded(mean, 0.0, 1.0)


def bounded(estimate: Estimate, least: float, most: float) -> Estimate:
    """Return a mean of numbers between two limits with its interval inside them, and with a width if all texts agree.

    If all n texts have one value, at most a share h of the population has another value (``binomial_interval`` of 0 of
    n), so the mean is at most h of the way to a limit.

    >>> alike = Estimate(value=0.5, se=0.0, unit="share", kind="unbiased", n=20)
    >>> found = bounded(alike, 0.0, 1.0)
    >>> round(found.low, 3), round(found.high, 3)
    (0.416, 0.584)
    """
    value, low, high, se = estimate.value, estimate.low, estimate.high, estimate.se
    if se == 0:
        _, others = binomial_interval(0.0, estimate.n)
        low, high = value - others * (value - least), value + others * (most - value)
        se = (high - low) / (2 * NORMAL)
    return replace(estimate, se=se, low=min(value, max(least, low)), high=max(value, min(most, high)))
