"""TARP: do balls around random points hold the z that made a text as often as q(z|x) says?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from vaescope import plotting
from vaescope.assessment.coverage import first_five, judge_coverage
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators import calibration, goodness
from vaescope.estimators.share import share_of
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence, need
from vaescope.evidence.simulations import Simulations
from vaescope.randomness import stream

FEWEST = 20
REFERENCES = ("prior 1", "prior 2", "prior 3", "outward")
"""Points that balls are drawn around: samples of the prior, and twice the posterior mean, which depends on the text."""
SAMPLES, AT_ONCE = 400, 4_000_000
"""Samples of q(z|x) of each text, and numbers that are held at once."""


class Tarp(Diagnostic):
    """Coverage of random balls: the share of q(z|x) that is nearer to a reference point than the z that made the text.

    It is uniform for every reference point if q(z|x) is the posterior, and for all of them together only then. Samples
    are drawn anew from the Gaussian q(z|x), so that the share has no steps. Lemos et al. 2023, arXiv:2302.03026.
    """

    no_truth: ClassVar[str] = "0.9 for the exact posterior, else no closed form; its coverage is checked there"
    blocked_by = ("identity_sampler",)
    suite = "full"
    consistency = True

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``tarp``: the coverage of central 90% regions, mean over the reference points."""
        shares_MQ = _shares(_simulations(evidence), evidence.draws)
        adjusted = goodness.holm(torch.from_numpy(calibration.uniformity(shares_MQ))).tolist()
        detail = {
            "levels": {str(c): float(calibration.central_coverage(shares_MQ, c).mean()) for c in calibration.LEVELS},
            "rejected": [name for name, p in zip(REFERENCES, adjusted, strict=True) if p < 0.05],
            "smallest_p": min(adjusted),
        }
        covered_M = torch.from_numpy(calibration.central_coverage(shares_MQ, 0.9))
        return {"tarp": share_of(covered_M, unit="coverage at 0.9", detail=detail)}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the coverage; crossing a band is only a warning."""
        estimate = estimates["tarp"]
        rejected = estimate.detail["rejected"]
        message = "central 90% regions by the distance from random points hold the z that made the text in "
        message += f"{estimate.value:.1%} of {estimate.n} texts; {len(rejected)} of {len(REFERENCES)} sets of points "
        message += f"leave their band{first_five(rejected)}"
        return [judge_coverage("tarp", estimate, rejected, message, thresholds)]

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Share of texts with a ball of at most this credibility, less the credibility; grey: the band of 95%."""
        shares_MQ = _shares(_simulations(evidence), evidence.draws)
        grid, low, high = calibration.band(len(shares_MQ))
        figure, (axes,) = plotting.axes(5, 3)
        axes.fill_between(grid, low - grid, high - grid, color="0.85")
        for column, name in zip(np.sort(shares_MQ, 0).T, REFERENCES, strict=True):
            colour = plotting.PALETTE[name == "outward"]
            curve = np.searchsorted(column, grid, side="right") / len(column) - grid
            axes.plot(grid, curve, color=colour, linewidth=1, label=name.split()[0] if name[-1] not in "23" else None)
        axes.set(xlabel="credibility of the ball", ylabel="coverage, less credibility")
        axes.legend(frameon=False)
        return figure


def _simulations(evidence: Evidence) -> Simulations:
    simulations = need(evidence.simulations, "drawn texts", "assess with suite=full")
    if simulations.finished.sum() < FEWEST:
        raise Missing(f"fewer than {FEWEST} drawn texts that ended within the length limit: draw more texts")
    return simulations


def _shares(simulations: Simulations, draws: Draws) -> np.ndarray:
    """The share of q(z|x) nearer to each reference point than the true z, in (0, 1), ``[M', Q]``."""
    kept_M = simulations.finished
    true_MD = simulations.z.double()[kept_M]
    mean_MD, std_MD = (x.double()[kept_M] for x in (simulations.draws.posterior_mean, simulations.draws.posterior_std))
    points_QMD = _points(draws, mean_MD)
    generator = stream(0, "balls around random points")
    texts = max(1, AT_ONCE // (SAMPLES * true_MD.shape[1]))
    shares = []
    for place in torch.arange(len(true_MD)).split(texts):
        noise = torch.randn(SAMPLES, len(place), true_MD.shape[1], generator=generator, dtype=torch.float64)
        sample_SMD = mean_MD[place] + std_MD[place] * noise
        columns = [_nearer(sample_SMD, true_MD[place], point_MD[place]) for point_MD in points_QMD]
        shares.append(torch.stack(columns, 1))
    below_MQ = torch.cat(shares)
    # the rank among samples is uniform on S + 1 places, and a random place inside one makes it continuous
    return ((below_MQ + torch.rand(below_MQ.shape, generator=generator)) / (SAMPLES + 1)).double().numpy()


def _points(draws: Draws, mean_MD: Tensor) -> list[Tensor]:
    """A reference point of each kind for each text."""
    count, generator = len(mean_MD), stream(0, "reference points")
    points = []
    for _ in REFERENCES[:-1]:
        if draws.prior_z is None:
            points.append(torch.randn(mean_MD.shape, generator=generator, dtype=torch.float64))
        else:
            points.append(draws.prior_z.double()[torch.randint(len(draws.prior_z), (count,), generator=generator)])
    return [*points, 2 * mean_MD]


def _nearer(sample_SMD: Tensor, true_MD: Tensor, point_MD: Tensor) -> Tensor:
    """Samples that are nearer to the point than the true z, ``[M]``."""
    distance_SM = (sample_SMD - point_MD).square().sum(-1)
    return (distance_SM < (true_MD - point_MD).square().sum(-1)).sum(0)
