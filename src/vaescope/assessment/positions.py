"""Values of tokens as means over texts and along the relative position."""

from __future__ import annotations

import torch
from torch import Tensor

from vaescope.assessment.estimate import Estimate
from vaescope.assessment.ratio import ratio

BINS = 10


def token_mean(values_T: Tensor, text_T: Tensor, *, unit: str, kind: str = "unbiased") -> Estimate:
    """The mean over tokens, whose error counts texts, since the tokens of a text depend on one another."""
    _, place_T = text_T.unique(return_inverse=True)
    counts = torch.bincount(place_T)
    sums = torch.zeros(len(counts), dtype=torch.float64).index_add_(0, place_T, values_T.double())
    return ratio(sums, counts, unit=unit, kind=kind)


def profile(values_T: Tensor, position_T: Tensor) -> list[float | None]:
    """The mean in each of ten equal parts of the text, None where no token falls.

    >>> profile(torch.tensor([1.0, 3.0]), torch.tensor([0.1, 1.0]))
    [1.0, None, None, None, None, None, None, None, None, 3.0]
    """
    place_T = (position_T.double() * BINS - 1e-6).long().clamp(0, BINS - 1)
    counts = torch.bincount(place_T, minlength=BINS)
    sums = torch.zeros(BINS, dtype=torch.float64).index_add_(0, place_T, values_T.double())
    return [s / n if n else None for s, n in zip(sums.tolist(), counts.tolist(), strict=True)]
