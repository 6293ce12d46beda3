"""Values of tokens as means over texts and along the relative position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from vaescope import plotting
from vaescope.assessment.ratio import ratio
from vaescope.estimators.estimate import Estimate
from vaescope.estimators.share import bounded
from vaescope.evidence.draws import Draws

BINS = 10


def token_mean(
    values_T: Tensor,
    text_T: Tensor,
    draws: Draws,
    *,
    unit: str,
    detail: Mapping[str, Any],
    limits: tuple[float, float] = (0.0, 1.0),
) -> Estimate:
    """The mean over tokens of values between two limits, with an error clustered by text: its tokens depend on each
    other.

    Copies of a text are one cluster. Differences of a decoder that ignores z are 0 exactly.
    """
    if draws.ignores_latent and not values_T.any():
        return Estimate(0.0, 0.0, unit, "exact", len(text_T.unique()), detail=detail)
    text_P, place_T = text_T.unique(return_inverse=True)
    counts = torch.bincount(place_T)
    sums = torch.zeros(len(counts), dtype=torch.float64).index_add_(0, place_T, values_T.double())
    found = ratio(sums, counts, unit=unit, kind="unbiased", detail=detail, copies=draws.clusters(text_P))
    return bounded(found, *limits)


def profile(values_T: Tensor, position_T: Tensor) -> list[float | None]:
    """The mean in each of ten equal parts of the text, None where no token falls.

    >>> profile(torch.tensor([1.0, 3.0]), torch.tensor([0.1, 1.0]))
    [1.0, None, None, None, None, None, None, None, None, 3.0]
    """
    place_T = (position_T.double() * BINS - 1e-6).long().clamp(0, BINS - 1)
    counts = torch.bincount(place_T, minlength=BINS)
    sums = torch.zeros(BINS, dtype=torch.float64).index_add_(0, place_T, values_T.double())
    return [s / n if n else None for s, n in zip(sums.tolist(), counts.tolist(), strict=True)]


def profile_figure(labels: Mapping[str, str], estimates: Mapping[str, Estimate], quantity: str) -> Figure:
    """Draw the ``profile`` in the detail of some estimates, named in ``labels``, in ten parts of the text."""
    figure, (axes,) = plotting.axes(5, 3)
    for name, label in labels.items():
        line = [float("nan") if v is None else v for v in estimates[name].detail["profile"]]
        axes.plot([(i + 0.5) / BINS for i in range(BINS)], line, marker="o", label=label)
    axes.set(xlabel="position in the text", ylabel=quantity)
    axes.legend(frameon=False)
    return figure
