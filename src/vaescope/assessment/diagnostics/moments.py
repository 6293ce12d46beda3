"""Moments: is q(z) shifted, too narrow or too wide? Its mean and the eigenvalues of its covariance, with a null."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor
from typing_extensions import override

from vaescope import plotting
from vaescope.assessment.against_prior import encodings, refit_prior, standard_prior
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.diagnostics.moment_kl import moment_kl
from vaescope.assessment.findings import Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators import jackknife
from vaescope.estimators.estimate import Estimate, at_least_zero
from vaescope.evidence.evidence import Evidence
from vaescope.randomness import numpy_stream, stream

NULLS = 99


class Moments(Diagnostic):
    """|E z|, and the largest and smallest eigenvalue of Cov(z), of one z per text; invariant to rotations of z.

    By Jensen's inequality the first two are too large on average and the last too small: the eigenvalues of N samples
    spread around 1 even where q(z) = p(z) (Marchenko and Pastur 1967), so the null is
    simulated: 99 samples of N(0, I) of the same size give the ranges and p-values. Judged in nats by the moment KL.
    """

    no_truth: ClassVar[str] = "bounds that converge slowly to the eigenvalues; checked with many texts"
    consistency = True

    @override
    def estimate(self, evidence: Evidence) -> Estimates:
        draws = evidence.draws
        standard_prior(draws)
        texts = len(encodings(draws))
        if texts <= max(draws.latent_size, 2):  # two texts leave one when a block is left out
            few = f"{texts} texts are too few for a covariance of {draws.latent_size} units"
            raise Missing(f"{few}: assess more texts")
        null_NF = null_moments(texts, draws.latent_size)
        observed_F, replicates_RF = _moments(encodings(draws)), _replicates(encodings(draws))
        estimates = {}
        for index, (name, (unit, kind)) in enumerate(_KINDS.items()):
            values_N, value = null_NF[:, index], observed_F[index].item()
            centred = (values_N - values_N.median()).abs()
            extreme = (centred >= abs(value - values_N.median().item())).double().sum().item()
            found = Estimate(
                value=value,
                se=jackknife.standard_error(replicates_RF[:, index]),
                unit=unit,
                kind=kind,
                n=texts,
                detail={"null": values_N.quantile(_ENDS).tolist(), "p_value": (1 + extreme) / (1 + NULLS)},
            )
            estimates[name] = at_least_zero(found)
        return estimates

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the mismatch of the moments in nats, and describe it."""
        draws = evidence.draws
        kl = estimates.get("moment_kl") or moment_kl(draws)
        rate = draws.rates.mean().item()
        parts = []
        for name, words in (("mean", "mean at distance"), ("largest", "variances up to"), ("smallest", "down to")):
            estimate = estimates[f"moments_{name}"]
            low, high = estimate.detail["null"]
            parts.append(f"{words} {estimate.value:.3g} (the prior's: {low:.2g} to {high:.2g})")
        message = f"moment KL {kl.value:.2f} nats [{kl.low:.2f}, {kl.high:.2f}]: {', '.join(parts)}"
        rule = Rule(*thresholds.marginal_kl_limits(rate), "nats")
        step = f"{refit_prior(draws)}, or lower the weight that shrinks the posterior"
        more = f"assess at least {10 * evidence.draws.latent_size} texts"
        return [rule.judge("moments", kl, message, next_step=step, more=more)]

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Sorted eigenvalues of Cov(z), with those of one sample of the prior."""
        draws = evidence.draws
        figure, (axes,) = plotting.axes(5, 3)
        found_ND = encodings(draws)
        null_ND = torch.randn(found_ND.shape, generator=stream(0, "picture of moments")).double()
        looks = ((null_ND, "prior", plotting.INK), (found_ND, "encodings", plotting.PALETTE[0]))
        for z_ND, label, colour in looks:
            axes.plot(_eigenvalues(z_ND).flip(0).numpy(), marker=".", label=label, color=colour)
        axes.set(xlabel="direction", ylabel="variance")
        axes.legend(frameon=False)
        return figure


_KINDS = {
    "moments_mean": ("latent units", "upper"),
    "moments_largest": ("latent units^2", "upper"),
    "moments_smallest": ("latent units^2", "lower"),
}
_ENDS = torch.tensor([0.025, 0.975], dtype=torch.float64)


@lru_cache(maxsize=8)
def null_moments(texts: int, size: int) -> Tensor:
    """The three moments of samples of N(0, I), ``[NULLS, 3]``, from the distribution of mean and scatter (Wishart).

    The scatter of n samples is B B' with B lower triangular (Bartlett 1933), so no n by D sample is drawn.
    """
    generator = numpy_stream(0, "null of moments", texts, size)
    rows = np.empty((NULLS, 3))
    for row in rows:
        factor_DD = np.tril(generator.standard_normal((size, size)), -1)
        factor_DD += np.diag(np.sqrt(generator.chisquare(texts - 1 - np.arange(size))))
        values_D = np.linalg.svd(factor_DD, compute_uv=False) ** 2 / (texts - 1)
        mean = math.sqrt(generator.chisquare(size) / texts)
        row[:] = mean, values_D.max(), values_D.min()
    return torch.from_numpy(rows)


def _moments(z_ND: Tensor) -> Tensor:
    values_D = _eigenvalues(z_ND)
    return torch.stack([z_ND.mean(0).norm(), values_D[-1], values_D[0]])


def _eigenvalues(z_ND: Tensor) -> Tensor:
    return torch.linalg.eigvalsh(torch.cov(z_ND.mT).reshape(z_ND.shape[1], -1))


def _replicates(z_ND: Tensor) -> Tensor:
    blocks = jackknife.block_count(len(z_ND))
    block_N = torch.arange(len(z_ND)) % blocks
    return torch.stack([_moments(z_ND), *(_moments(z_ND[block_N != block]) for block in range(blocks))])
