"""Active units: how many posterior means vary over texts, Var E[z_d|x] > 0.01."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy import stats
from torch import Tensor
from typing_extensions import override

from vaescope import plotting
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators.copies import Copies
from vaescope.estimators.estimate import Estimate
from vaescope.estimators.share import NORMAL
from vaescope.evidence.evidence import Evidence
from vaescope.randomness import numpy_stream

RESAMPLES = 200


class ActiveUnits(Diagnostic):
    """A count with a bootstrap error over distinct texts, and the variance and rate of each unit.

    The interval also holds the units that are surely and that are possibly active by the 95% interval of a variance of
    Gaussian means, which is wide for few texts, where a bootstrap knows little.

    The cut is a convention (Burda, Grosse, Salakhutdinov 2016) and has a meaning only because the prior has unit
    variance; a unit can be active at a negligible rate, so the detail has both. By default the cut is the threshold
    ``active_variance``.
    """

    truths: ClassVar = {"active_units": "active_units"}

    def __init__(self, *, cut: float | None = None) -> None:
        self.given = cut
        self.cut = Thresholds.active_variance if cut is None else cut

    @override
    def under(self, thresholds: Thresholds) -> ActiveUnits:
        return ActiveUnits(cut=thresholds.active_variance) if self.given is None else self

    @override
    def estimate(self, evidence: Evidence) -> Estimates:
        draws = evidence.draws
        mean_ND = draws.posterior_mean.double()
        variance_D = mean_ND.var(0)
        resampled = (_resampled_variances(mean_ND, draws.clusters()) > self.cut).sum(1).double()
        detail = {"cut": self.cut, "units": draws.latent_size, "variances": variance_D.tolist()}
        if draws.unit_rates is not None:
            detail["rates"] = draws.unit_rates.mean(0).tolist()
        n = draws.texts if (copies := draws.clusters()) is None else max(2, round(copies.effective))
        active = float((variance_D > self.cut).sum())
        surely, possibly = (float((variance_D * factor > self.cut).sum()) for factor in _variance_factors(n))
        low = min(active, surely, resampled.quantile(0.025).item())
        high = max(active, possibly, resampled.quantile(0.975).item())
        estimate = Estimate(
            value=active,
            se=resampled.std().item() or (high - low) / (2 * NORMAL),
            unit="units",
            kind="consistent",
            n=n,
            low=low,
            high=high,
            detail=detail,
        )
        return {"active_units": estimate}

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Variance of the posterior means of each unit, the cut dashed."""
        draws = evidence.draws
        figure, (axes,) = plotting.axes(5, 3)
        axes.bar(range(draws.latent_size), draws.posterior_mean.double().var(0).numpy(), color=plotting.PALETTE[0])
        axes.axhline(self.cut, color=plotting.INK, linestyle="--")
        axes.set(xlabel="latent unit", ylabel="variance of the posterior mean", yscale="log")
        return figure


def _variance_factors(n: int) -> tuple[float, float]:
    """The ends of the 95% interval of the variance of n Gaussian values, over that of the sample."""
    ends = stats.chi2.ppf([0.975, 0.025], n - 1)
    return (n - 1) / float(ends[0]), (n - 1) / float(ends[1])


def _resampled_variances(mean_ND: Tensor, copies: Copies | None) -> Tensor:
    """Bootstrap replicates of the variances, ``[RESAMPLES, D]``, from counts of each text in a resample.

    Distinct texts are drawn, each with all its copies.
    """
    texts = len(mean_ND)
    copies = Copies.of(torch.arange(texts)) if copies is None else copies
    centred_ND = mean_ND - mean_ND.mean(0)
    moments_NF = torch.cat([centred_ND, centred_ND.square()], 1)
    generator = numpy_stream(0, "bootstrap of active units")
    counts_RN = torch.from_numpy(np.stack([copies.resampled(generator) for _ in range(RESAMPLES)])).double()
    first_RD, second_RD = (counts_RN @ moments_NF / counts_RN.sum(1, keepdim=True)).chunk(2, dim=1)
    return (second_RD - first_RD.square()) * texts / (texts - 1)
