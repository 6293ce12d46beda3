"""Moment KL: the mismatch of mean and covariance of q(z) alone, KL(N(m, S) || N(0, I)) <= KL(q(z) || p(z))."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vaescope.assessment.against_prior import standard_prior
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.estimators import jackknife
from vaescope.estimators.estimate import Estimate
from vaescope.estimators.gaussian import moments_kl
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def moment_kl(draws: Draws) -> Estimate:
    """The mismatch of mean and covariance of q(z) and N(0, I); see ``MomentKl``."""
    standard_prior(draws)
    mean_D, covariance_DD = moments(draws)
    replicates = _replicates(draws)
    bias = jackknife.bias(replicates)
    value, se = jackknife.value(replicates) - bias, jackknife.standard_error(replicates)
    variance_D = covariance_DD.diagonal()
    detail = {
        "bias": bias,
        "bias_of_sharp_codes": draws.latent_size * (draws.latent_size + 3) / (4 * draws.texts),
        "gaussian_total_correlation": 0.5 * (variance_D.log().sum() - torch.logdet(covariance_DD)).item(),
        "per_unit": (0.5 * (variance_D + mean_D.square() - 1 - variance_D.log())).tolist(),
    }
    return Estimate(value=value, se=se, unit="nats/text", kind="consistent", n=draws.texts, detail=detail)


class MomentKl(Diagnostic):
    """m = mean mu_i, S = Cov(mu_i) + mean V_i; the bias is taken out by the jackknife.

    The bias is d(d+3)/(4N) where the codes are sharp and none where they are all the prior, so no one formula fits.
    """

    consistency = True

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``moment_kl`` with the Gaussian total correlation and the part of each unit."""
        return {"moment_kl": moment_kl(evidence.draws)}

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """The part of each unit, by mean and variance alone."""
        draws = evidence.draws
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 3), layout="constrained")
        axes = figure.subplots()
        axes.bar(range(draws.latent_size), (estimates["moment_kl"].detail or {})["per_unit"], color="tab:blue")
        axes.set(xlabel="latent unit", ylabel="KL of the Gaussian margin (nats)")
        return figure


def moments(draws: Draws) -> tuple[Tensor, Tensor]:
    """Return mean ``[D]`` and covariance ``[D, D]`` of q_N(z), exact for the N texts, float64."""
    mean_ND, variance_ND = draws.posterior_mean.double(), draws.posterior_std.double().square()
    covariance_DD = torch.cov(mean_ND.mT, correction=0).reshape(draws.latent_size, draws.latent_size)
    return mean_ND.mean(0), covariance_DD + variance_ND.mean(0).diag()


def _replicates(draws: Draws) -> Tensor:
    """KL(N(m, S) || N(0, I)) of all texts, then without each block, from sums of first and second moments."""
    blocks = jackknife.block_count(draws.texts)
    mean_ND = draws.posterior_mean.double()
    centre_D = mean_ND.mean(0)
    mean_ND = mean_ND - centre_D
    firsts_RD = jackknife.means(mean_ND, blocks)
    variances_RD = jackknife.means(draws.posterior_std.double().square(), blocks)
    total_DD = mean_ND.mT @ mean_ND
    seconds = [total_DD / draws.texts]
    for block in range(blocks):
        part_ND = mean_ND[block::blocks]
        seconds.append((total_DD - part_ND.mT @ part_ND) / (draws.texts - len(part_ND)))
    covariances = [
        second - torch.outer(first, first) + variance.diag()
        for second, first, variance in zip(seconds, firsts_RD, variances_RD, strict=True)
    ]
    values = [
        moments_kl(first + centre_D, covariance) for first, covariance in zip(firsts_RD, covariances, strict=True)
    ]
    return torch.tensor(values, dtype=torch.float64)
