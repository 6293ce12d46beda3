"""Latent pictures: encodings next to samples of the prior, which show the effect of chance."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats
from torch import Tensor

from vaescope import plotting
from vaescope.assessment.against_prior import encodings, prior_samples
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.evidence.evidence import Evidence

MOST = 1000


class LatentPictures(Diagnostic):
    """Rows: encodings, and as many samples of the prior (the null). Columns: units, radius, principal plane, a pair.

    The units are those whose posterior means vary most. Structure that also appears in the lower row is chance.
    """

    no_truth: ClassVar[str] = "it is a picture"

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return no number: this diagnostic is a picture."""
        return {}

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Draw both rows with the same axes and the same projection."""
        draws = evidence.draws
        z_ND = encodings(draws, most=MOST)
        prior_ND = prior_samples(draws, len(z_ND), "picture")
        active = draws.posterior_mean.double().var(0).argsort(descending=True).tolist()
        first, second = active[0], active[min(1, len(active) - 1)]
        plane_D2 = _principal_plane(z_ND)
        figure, rows = plotting.grid(12, 5.5, rows=[1, 1], columns=4)
        for upper, lower in zip(*rows, strict=True):
            lower.sharex(upper)
            lower.sharey(upper)
        for row, sample_ND, label in zip(rows, (z_ND, prior_ND), ("encodings", "prior (null)"), strict=True):
            _histogram(row[0], sample_ND[:, first], f"unit {first}", draws.prior_z is None)
            plotting.histogram(row[1], sample_ND.square().sum(1), bins=40)
            row[1].set(xlabel="|z|^2", ylabel="density")
            _scatter(row[2], sample_ND @ plane_D2, "principal plane of the encodings")
            _scatter(row[3], sample_ND[:, [first, second]], f"units {first} and {second}")
            row[0].set_ylabel(f"{label}: density")
        return figure


def _histogram(axes: Axes, values_N: Tensor, label: str, standard: bool) -> None:
    plotting.histogram(axes, values_N, bins=40)
    axes.set_xlabel(label)
    if standard:
        grid = np.linspace(-4, 4, 200)
        axes.plot(grid, stats.norm.pdf(grid), color=plotting.INK)


def _scatter(axes: Axes, points_N2: Tensor, label: str) -> None:
    x_N, y_N = points_N2.mT.numpy()
    axes.scatter(x_N, y_N, s=3, alpha=0.5, color=plotting.PALETTE[0], linewidths=0)
    angle = np.linspace(0, 2 * np.pi, 200)
    # holds 95% of N(0, I) in a plane
    axes.plot(2.448 * np.cos(angle), 2.448 * np.sin(angle), color=plotting.INK)
    axes.set_xlabel(label)


def _principal_plane(z_ND: Tensor) -> Tensor:
    """The two directions of largest variance, ``[D, 2]`` (one unit: the same twice)."""
    _, _, right_KD = torch.linalg.svd(z_ND - z_ND.mean(0), full_matrices=False)
    return right_KD[[0, min(1, len(right_KD) - 1)]].mT
