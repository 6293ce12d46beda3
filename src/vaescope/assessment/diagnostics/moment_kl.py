"""Moment KL: the mismatch of only the mean and the covariance of q(z), KL(N(m, S) || N(0, I)) <= KL(q(z) || p(z))."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import torch
from matplotlib.figure import Figure
from torch import Tensor

from vaescope import plotting
from vaescope.assessment.against_prior import standard_prior
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.estimators import jackknife
from vaescope.estimators.estimate import Estimate
from vaescope.estimators.gaussian import moments_kl
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence

ENOUGH = 10
"""Texts per unit above which the bias is small enough to be corrected."""


def moment_kl(draws: Draws) -> Estimate:
    """KL(N(m, S) || N(0, I)), m = mean mu_i, S = Cov(mu_i) + mean V_i, corrected for the bias of N texts.

    Without correction the expectation is at least the truth for every N (the KL is convex in the first and second
    moments). With fewer than 10 texts per unit no correction is safe: the interval is then from 0 to the upper end of
    the uncorrected number. Copies of a text count once.
    """
    standard_prior(draws)
    draws = _distinct(draws)
    replicates = _replicates(draws)
    plain, se = jackknife.value(replicates), jackknife.standard_error(replicates)
    bias = _bias(draws)
    value = max(0.0, plain - bias)
    few = draws.texts < ENOUGH * draws.latent_size
    reach = jackknife.upper_end(replicates) - plain
    mean_D, covariance_DD = moments(draws)
    variance_D = covariance_DD.diagonal()
    return Estimate(
        value=value,
        se=se,
        unit="nats/text",
        kind="interval" if few else "consistent",
        n=draws.texts,
        low=0.0 if few else max(0.0, plain - bias - reach),
        high=plain + reach if few else max(value, plain - bias) + reach,
        detail={
            "bias": bias,
            "uncorrected": plain,
            "gaussian_total_correlation": 0.5 * (variance_D.log().sum() - torch.logdet(covariance_DD)).item(),
            "per_unit": (0.5 * (variance_D + mean_D.square() - 1 - variance_D.log())).tolist(),
        },
    )


class MomentKl(Diagnostic):
    """An interval for few texts, else a consistent number.

    The bias is that of a Wishart determinant in the directions in which the posterior means vary, and none in those
    where all codes are the prior.
    """

    truths: ClassVar = {"moment_kl": "marginal_kl"}
    consistency = True

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``moment_kl`` with the Gaussian total correlation and the part of each unit."""
        return {"moment_kl": moment_kl(evidence.draws)}

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """The part of each unit, by mean and variance alone."""
        figure, (axes,) = plotting.axes(5, 3)
        parts = estimates["moment_kl"].detail["per_unit"]
        axes.bar(range(len(parts)), parts, color=plotting.PALETTE[0])
        axes.set(xlabel="latent unit", ylabel="KL of the Gaussian margin (nats)")
        return figure


def moments(draws: Draws) -> tuple[Tensor, Tensor]:
    """Return mean ``[D]`` and covariance ``[D, D]`` of q_N(z), exact for the N texts, float64."""
    mean_ND, variance_ND = draws.posterior_mean.double(), draws.posterior_std.double().square()
    covariance_DD = torch.cov(mean_ND.mT, correction=0).reshape(draws.latent_size, draws.latent_size)
    return mean_ND.mean(0), covariance_DD + variance_ND.mean(0).diag()


def _distinct(draws: Draws) -> Draws:
    """The posteriors of the distinct texts."""
    if (copies := draws.clusters()) is None or copies.distinct < 2:
        return draws
    return replace(
        draws,
        posterior_mean=draws.posterior_mean[copies.first],
        posterior_std=draws.posterior_std[copies.first],
        text_id=torch.arange(copies.distinct),
    )


def _bias(draws: Draws) -> float:
    """The bias of the uncorrected number: that of -log|S|/2, since tr S + m'm is a mean over texts.

    To first order it is sum_k a_k/(2 N) + [sum_k a_k^2 + (sum_k a_k)^2]/(4 N), a_k in [0, 1] the eigenvalues of
    S^-1 Cov(mu): all 1 for sharp codes, all 0 where every posterior is the prior. The terms beyond are those of a sharp
    code of K = sum_k a_k units, whose bias is known (Wishart): [K log(N/2) - sum_j psi((N - j)/2)]/2, j = 1 .. K, where
    the first order is K (K + 3)/(4 N). N is the number of independent texts; copies of a text count as one.
    """
    texts, mean_ND = float(draws.texts), draws.posterior_mean.double()
    variance_D = draws.posterior_std.double().square().mean(0)
    squares_K = torch.linalg.svdvals((mean_ND - mean_ND.mean(0)) * (variance_D * draws.texts).rsqrt()).square()
    share_K = squares_K / (1 + squares_K)
    total = share_K.sum().item()
    first = total / (2 * texts) + (share_K.square().sum().item() + total**2) / (4 * texts)
    units = max(1, min(round(total), int(texts) - 2))
    digammas = torch.digamma((texts - torch.arange(1, units + 1, dtype=torch.float64)) / 2).sum().item()
    exact = (units * math.log(texts / 2) - digammas) / 2
    return first * exact / (units * (units + 3) / (4 * texts))


def _replicates(draws: Draws) -> Tensor:
    """KL(N(m, S) || N(0, I)) of all texts, then without each block, from sums of first and second moments."""
    text_N = torch.arange(draws.texts)
    blocks = jackknife.block_count(draws.texts)
    mean_ND = draws.posterior_mean.double()
    centre_D = mean_ND.mean(0)
    mean_ND = mean_ND - centre_D
    firsts_RD = jackknife.means(mean_ND, blocks)
    variances_RD = jackknife.means(draws.posterior_std.double().square(), blocks)
    total_DD = mean_ND.mT @ mean_ND
    seconds = [total_DD / draws.texts]
    for block in range(blocks):
        part_ND = mean_ND[text_N % blocks == block]
        seconds.append((total_DD - part_ND.mT @ part_ND) / (draws.texts - len(part_ND)))
    covariances = [
        second - torch.outer(first, first) + variance.diag()
        for second, first, variance in zip(seconds, firsts_RD, variances_RD, strict=True)
    ]
    values = [
        moments_kl(first + centre_D, covariance) for first, covariance in zip(firsts_RD, covariances, strict=True)
    ]
    return torch.tensor(values, dtype=torch.float64)
