"""Ratios of sums over texts (per token, per word, per byte) with delta-method errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from vaescope.errors import UserError
from vaescope.estimators.copies import Copies
from vaescope.estimators.estimate import Estimate, mean_of

LARGEST_EXPONENT = 300.0


def ratio(
    numerator_N: Tensor,
    denominator_N: Tensor,
    *,
    unit: str,
    kind: str,
    detail: Mapping[str, Any] | None = None,
    copies: Copies | None = None,
) -> Estimate:
    """sum numerator / sum denominator; its error is that of the mean residual a_n - r b_n over mean b.

    ``copies`` gives the rows that are the same text, as in ``mean_of``.

    >>> import torch
    >>> r = ratio(torch.tensor([2.0, 4.0]), torch.tensor([1, 2]), unit="nats/token", kind="upper")
    >>> r.value, r.se
    (2.0, 0.0)
    """
    numerator_N, denominator_N = numerator_N.double(), denominator_N.double()
    if denominator_N.sum() <= 0:
        raise UserError(f"a number in {unit} needs texts that are not empty")
    value = (numerator_N.sum() / denominator_N.sum()).item()
    residual = mean_of(numerator_N - value * denominator_N, unit=unit, copies=copies)
    se = residual.se / denominator_N.mean().item()
    detail = {"denominator_per_text": denominator_N.mean().item(), **(detail or {})}
    return Estimate(value=value, se=se, unit=unit, kind=kind, n=residual.n, detail=detail)


def perplexity(log_p_N: Tensor, counts_N: Tensor, *, unit: str, copies: Copies | None = None) -> Estimate:
    """exp(-sum log p / sum counts), an upper bound when log p is a lower one; the interval is that of the exponent.

    It is capped at exp(LARGEST_EXPONENT), so that a very bad model has a finite number.
    """
    nats = ratio(-log_p_N, counts_N, unit=unit, kind="upper", copies=copies)
    value, low, high = (math.exp(min(end, LARGEST_EXPONENT)) for end in (nats.value, nats.low, nats.high))
    return replace(nats, value=value, se=value * nats.se, low=low, high=high)
