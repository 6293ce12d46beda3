"""What the aggregate posterior q(z) says about information and marginal KL, computed once for all diagnostics.

Every statistic is a vector of jackknife replicates (``estimators.jackknife``), so that any combination of them
has its standard error.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from vaescope.estimators import aggregate, gaussian, jackknife
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.draws import Draws
from vaescope.evidence.fitted_marginals import FittedMarginals

MARGINAL_EVALUATIONS = 400_000_000
"""Densities of one dimension that ``Marginals`` may evaluate; it takes fewer texts as queries to stay below."""


class Aggregate:
    """log q_N(z_i), z_i ~ q(z|x_i), under all N posteriors, with and without the posterior of text i itself.

    Attributes:
        texts: N.
        blocks: jackknife blocks G.
        own: log q(z_i|x_i), ``[N]``.
        others: log of the sum of the other posteriors' densities in each block, ``[N, G]``.
    """

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self.texts = draws.texts
        self.blocks = jackknife.block_count(draws.texts)
        self.own = _log_q(draws).sum(1)
        self.others = aggregate.log_block_sums(
            draws.z[0], draws.posterior_mean, draws.posterior_std, own_M=torch.arange(self.texts), blocks=self.blocks
        )

    def means(self, values_N: Tensor) -> Tensor:
        """Replicates of the mean of one value per text."""
        return jackknife.means(values_N, self.blocks)

    @cached_property
    def information(self) -> Tensor:
        """I_self = mean_i [log q(z_i|x_i) - log q_N(z_i)] <= log N.

        Exact in expectation for the N texts as they are; for the population E I_self <= I (Poole et al. 2019).
        """
        return self.means(self.own) - mean_log_mixture(self.own, self.others, self.texts)

    @cached_property
    def information_others(self) -> Tensor:
        """I_loo, the same with text i left out of its own mixture: E I_loo >= I, with heavy tails."""
        absent_N = torch.full_like(self.own, -torch.inf)
        return self.means(self.own) - mean_log_mixture(absent_N, self.others, self.texts, missing=1)

    @cached_property
    def information_gaussian(self) -> Tensor:
        """R_g against a Gaussian fitted to the other half of the texts: an upper bound of I without a ceiling."""
        return self.means(self.fitted.gaussian)

    @cached_property
    def information_mixture(self) -> Tensor:
        """R_g against a Gaussian mixture fitted to the other half; not finite for very few texts."""
        return self.means(self.fitted.mixture)

    @cached_property
    def fitted(self) -> FittedMarginals:
        """The rates of each text against the fitted densities."""
        return FittedMarginals(self._draws)

    @cached_property
    def rate(self) -> Tensor:
        """Replicates of the rate."""
        return self.means(self._draws.rates)

    @cached_property
    def marginals(self) -> Marginals:
        """The same for every latent unit alone."""
        return Marginals(self._draws, self)


class Marginals:
    """E log q_N(z_d) of every unit d, from all N posteriors at M of the z: sums over units as replicates.

    Attributes:
        index: the texts whose z are the queries, ``[M]``.
        upper: sum_d mean log q_N(z_d) with text i in its own mixture; its expectation is >= that of the population.
        lower: the same with text i left out; its expectation is <= that of the population.
        joint: mean log q_N(z) at the same queries.
    """

    def __init__(self, draws: Draws, joint: Aggregate) -> None:
        texts, size = draws.posterior_mean.shape
        queries = max(1, min(texts, MARGINAL_EVALUATIONS // (texts * size)))
        order = torch.randperm(texts, generator=torch.Generator().manual_seed(0))
        self.index = order[: max(queries, joint.blocks * 2)].sort().values
        sums_MGD = aggregate.log_marginal_block_sums(
            draws.z[0][self.index], draws.posterior_mean, draws.posterior_std, own_M=self.index, blocks=joint.blocks
        )
        own_MD = _log_q(draws)[self.index]
        absent_MD = torch.full_like(own_MD, -torch.inf)
        self.upper = mean_log_mixture(own_MD, sums_MGD, texts, index_M=self.index).sum(1)
        self.lower = mean_log_mixture(absent_MD, sums_MGD, texts, index_M=self.index, missing=1).sum(1)
        own_M, others_MG = joint.own[self.index], joint.others[self.index]
        self.joint = mean_log_mixture(own_M, others_MG, texts, index_M=self.index)
        self._texts = texts

    def interval(self, index_code: Tensor, *, low: float, high: float) -> Estimate:
        """Return a divergence of q(z) in nats: its value for these texts, by replicates, in the population's ends."""
        return Estimate(
            value=jackknife.value(index_code),
            se=jackknife.standard_error(index_code),
            unit="nats/text",
            kind="interval",
            n=len(self.index),
            low=min(max(0.0, low), high),
            high=high,
            detail={"components": self._texts, "queries": len(self.index)},
        )


def mean_log_mixture(
    own_M: Tensor, others_MG: Tensor, texts: int, *, index_M: Tensor | None = None, missing: int = 0
) -> Tensor:
    """Replicates of mean_i log [(own_i + sum of the blocks)/(texts - missing)], ``[1 + G]`` or ``[1 + G, D]``.

    A replicate leaves a block out twice: as texts that are averaged over and as components of the mixture.
    """
    blocks = others_MG.shape[1]
    block_M = (torch.arange(len(own_M)) if index_M is None else index_M) % blocks
    sizes_G = torch.bincount(torch.arange(texts) % blocks, minlength=blocks)
    before_MG, after_MG = others_MG.logcumsumexp(1), others_MG.flip(1).logcumsumexp(1).flip(1)
    replicates = [torch.logaddexp(own_M, before_MG[:, -1]).mean(0) - _log(texts - missing)]
    absent_M = torch.full_like(own_M, -torch.inf)
    for block in range(blocks):
        keep = block_M != block
        below_M = before_MG[:, block - 1] if block > 0 else absent_M
        above_M = after_MG[:, block + 1] if block < blocks - 1 else absent_M
        total_M = torch.logaddexp(own_M, torch.logaddexp(below_M, above_M))[keep]
        replicates.append(total_M.mean(0) - _log(texts - int(sizes_G[block]) - missing))
    return torch.stack(replicates)


def _log_q(draws: Draws) -> Tensor:
    """log q(z_d|x) of the first sample of each text, ``[N, D]``."""
    tensors = (draws.z[0], draws.posterior_mean, draws.posterior_std)
    return gaussian.log_density(*(tensor.double() for tensor in tensors))


def _log(count: int) -> Tensor:
    return torch.tensor(float(count), dtype=torch.float64).log()
