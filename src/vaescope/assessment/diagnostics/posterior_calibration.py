"""Posterior calibration: for texts drawn from the model, is their z a sample of q(z|x)? (SBC and coverage)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy import stats

from vaescope import plotting
from vaescope.assessment.coverage import first_five, judge_coverage
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators import calibration, goodness
from vaescope.estimators.share import share_of
from vaescope.evidence.evidence import Evidence, need
from vaescope.evidence.simulations import Simulations

FEWEST = 20


class PosteriorCalibration(Diagnostic):
    """Simulation-based calibration by the exact transform u = Phi((z - mean)/std) of every unit.

    Two further quantities depend on the data: |z - mean|^2 under q(z|x), which is chi-squared with D degrees
    of freedom (and carries log q(z|x)), and the rank of log p(x|z) among samples of q(z|x), which an encoder that
    ignores x does not pass. Talts et al. 2018, arXiv:1804.06788; Modrak et al. 2023, arXiv:2211.02383.
    """

    no_truth: ClassVar[str] = "0.9 for the exact posterior, else no closed form; its coverage is checked there"
    blocked_by = ("identity_sampler",)
    suite = "full"
    consistency = True

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``posterior_calibration``: the coverage of 90% intervals, with the other levels and ellipsoids."""
        draws = evidence.draws
        simulations = need(evidence.simulations, "drawn texts", "assess with suite=full")
        if simulations.finished.sum() < FEWEST:
            raise Missing(f"fewer than {FEWEST} drawn texts that ended within the length limit: draw more texts")
        transforms, names = _transforms(simulations)
        adjusted = goodness.holm(torch.from_numpy(calibration.uniformity(transforms))).tolist()
        rejected = [name for name, p in zip(names, adjusted, strict=True) if p < 0.05]
        units, radius = transforms[:, : draws.latent_size], transforms[:, draws.latent_size]
        detail = {
            "units": {str(c): float(calibration.central_coverage(units, c).mean()) for c in calibration.LEVELS},
            "ellipsoid": {str(c): float((radius <= c).mean()) for c in calibration.LEVELS},
            "rejected": rejected,
            "smallest_p": min(adjusted),
            "quantities": len(names),
            "unfinished_share": 1 - simulations.finished.double().mean().item(),
        }
        covered_M = torch.from_numpy(calibration.central_coverage(units, 0.9))
        return {"posterior_calibration": share_of(covered_M, unit="coverage at 0.9", detail=detail)}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the coverage; crossing a band is only a warning."""
        estimate = estimates["posterior_calibration"]
        detail = estimate.detail
        rejected = detail["rejected"]
        message = f"90% intervals of q(z|x) hold the z that made the text in {estimate.value:.1%} of {estimate.n} texts"
        message += f"; {len(rejected)} of {detail['quantities']} quantities leave their band"
        message += first_five(rejected)
        return [judge_coverage("posterior_calibration", estimate, rejected, message, thresholds)]

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Empirical distribution function of each quantity minus the uniform one; grey: the band that contains 95% of
        whole curves."""
        draws = evidence.draws
        transforms, _ = _transforms(need(evidence.simulations, "drawn texts", "assess with suite=full"))
        grid, low, high = calibration.band(len(transforms))
        figure, (axes,) = plotting.axes(5, 3)
        axes.fill_between(grid, low - grid, high - grid, color="0.85")
        for j, column in enumerate(np.sort(transforms, 0).T):
            curve = np.searchsorted(column, grid, side="right") / len(column) - grid
            last = j - draws.latent_size
            looks = [(plotting.PALETTE[0], None), (plotting.PALETTE[1], "radius"), (plotting.INK, "log p(x|z)")]
            colour, label = looks[max(last + 1, 0)]
            axes.plot(grid, curve, color=colour, linewidth=0.8 if last < 0 else 1.6, label=label)
        axes.set(xlabel="t", ylabel="share of values up to t, less t")
        axes.legend(frameon=False)
        return figure


def _transforms(simulations: Simulations) -> tuple[np.ndarray, list[str]]:
    """Values that are uniform if q(z|x) is the posterior, ``[M, D + 2]``, and their names."""
    residual_MD = simulations.standardised.numpy()
    size = residual_MD.shape[1]
    columns = [
        stats.norm.cdf(residual_MD),
        stats.chi2.cdf((residual_MD**2).sum(1), df=size)[:, None],
        simulations.likelihood_ranks.numpy()[:, None],
    ]
    return np.concatenate(columns, 1), [*(f"z_{d}" for d in range(size)), "radius", "log p(x|z)"]
