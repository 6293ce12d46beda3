"""Statistics of the aggregate posterior q(z) for information and marginal KL, computed once for all diagnostics.

Every statistic is a vector of jackknife replicates (``estimators.jackknife``), so that any combination of them
has its standard error. A replicate leaves out one block of distinct texts, with all their copies.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from vaescope.estimators import aggregate_density, gaussian, jackknife
from vaescope.estimators.copies import Copies
from vaescope.estimators.estimate import Estimate
from vaescope.estimators.share import NORMAL
from vaescope.evidence.draws import Draws
from vaescope.evidence.encodings import Encodings
from vaescope.evidence.fitted_marginals import FittedMarginals
from vaescope.randomness import stream

MARGINAL_EVALUATIONS = 400_000_000
"""Largest number of one-dimensional densities that ``Marginals`` evaluates; it uses fewer query texts to stay below."""


class AggregatePosterior:
    """log q_N(z_i), z_i ~ q(z|x_i), under all N posteriors, with and without those of text i itself.

    A text that appears several times is one component, weighted by the number of its copies. Leaving a text out of its
    own mixture leaves out all its copies.

        Args:
            draws: the N assessed texts, whose first z are the queries.
            further: texts that are components of the mixture but not queries; N then includes them.

        Attributes:
            copies: which rows are copies of one text: those of the assessed texts first, then the further ones.
            blocks: jackknife blocks G.
            own: log q(z_i|x_i), ``[N]``.
            others: log of the sum of the densities in each block under the posteriors of all other texts, ``[N, G]``.
    """

    def __init__(self, draws: Draws, further: Encodings | None = None) -> None:
        self._draws = draws
        self.copies = draws.copies if further is None else draws.copies_with(further)
        self.blocks = jackknife.block_count(draws.copies.distinct)
        self.own = _log_q(draws).sum(1)
        self._components = _rows_of(draws, further, self.copies.first)
        self.others = aggregate_density.log_block_sums(
            draws.z[0], *self._components, own_M=self._text, blocks=self.blocks, weight_N=self.copies.counts
        )

    @property
    def own_in_mixture(self) -> Tensor:
        """Log of the summed densities of the copies of text i at z_i, ``[N]``."""
        return self.own + self._of_row.double().log()

    @property
    def _text(self) -> Tensor:
        return self.copies.text[: len(self.own)]

    @property
    def _of_row(self) -> Tensor:
        return self.copies.of_row[: len(self.own)]

    def means(self, values_N: Tensor) -> Tensor:
        """Replicates of the mean of one value per text."""
        return jackknife.means(values_N, self.blocks, index_N=self._text)

    @cached_property
    def information(self) -> Tensor:
        """I_self = mean_i [log q(z_i|x_i) - log q_N(z_i)], at most the entropy of the N texts, log N without copies.

        Unbiased for the empirical distribution of the N texts; for the population E I_self <= I (Poole et al. 2019).
        """
        return self.means(self.own) - mean_log_mixture(self.own_in_mixture, self.others, self.copies)

    @property
    def log_density(self) -> Tensor:
        """log q_N(z_i), with the text in its own mixture, ``[N]``."""
        return torch.logaddexp(self.own_in_mixture, self.others.logsumexp(1)) - _log(self.copies.rows)

    @cached_property
    def information_others(self) -> Tensor:
        """I_loo, the same with all copies of text i left out of its mixture: E I_loo >= I, with heavy tails."""
        return self.means(self.own) - mean_log_mixture(None, self.others, self.copies)

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
        """The same for each latent unit separately."""
        return Marginals(self._draws, self)

    @cached_property
    def surprise(self) -> Tensor:
        """-log q_N(z_i) with all copies of text i left out, ``[N]``."""
        return (self.copies.rows - self._of_row).double().log() - self.others.logsumexp(1)

    def surprise_at(self, z_MD: Tensor) -> Tensor:
        """-log q_N(z) at other points: of all texts, then without the texts of each block, ``[1 + G, M]``."""
        sums_MG = aggregate_density.log_block_sums(
            z_MD, *self._components, blocks=self.blocks, weight_N=self.copies.counts
        )
        sizes_G = torch.bincount(self.copies.text % self.blocks, minlength=self.blocks).double()
        rows = [_log(self.copies.rows) - sums_MG.logsumexp(1)]
        for block in range(self.blocks):
            rest_MG = torch.cat([sums_MG[:, :block], sums_MG[:, block + 1 :]], 1)
            rows.append((self.copies.rows - sizes_G[block]).log() - rest_MG.logsumexp(1))
        return torch.stack(rows)


class Marginals:
    """E log q_N(z_d) of every unit d, from all N posteriors at M of the z: sums over units as replicates.

    Attributes:
        index: the texts whose z are the queries, ``[M]``.
        upper: sum_d mean log q_N(z_d) with text i in its own mixture; its expectation is >= that of the population.
        lower: the same with all copies of text i left out; its expectation is <= that of the population.
        joint: mean log q_N(z) at the same queries.
    """

    def __init__(self, draws: Draws, joint: AggregatePosterior) -> None:
        copies, first_U = joint.copies, joint.copies.first
        queries = max(1, min(draws.texts, MARGINAL_EVALUATIONS // (copies.distinct * draws.latent_size)))
        order = torch.randperm(draws.texts, generator=stream(0, "texts of the marginals"))
        self.index = order[: max(queries, joint.blocks * 2)].sort().values
        sums_MGD = aggregate_density.log_marginal_block_sums(
            draws.z[0][self.index],
            draws.posterior_mean[first_U],
            draws.posterior_std[first_U],
            own_M=copies.text[self.index],
            blocks=joint.blocks,
            weight_N=copies.counts,
        )
        log_count_M = copies.of_row[self.index].double().log()
        own_MD = _log_q(draws)[self.index] + log_count_M[:, None]
        self.upper = mean_log_mixture(own_MD, sums_MGD, copies, index_M=self.index).sum(1)
        self.lower = mean_log_mixture(None, sums_MGD, copies, index_M=self.index).sum(1)
        own_M, others_MG = joint.own_in_mixture[self.index], joint.others[self.index]
        self.joint = mean_log_mixture(own_M, others_MG, copies, index_M=self.index)
        self._joint = joint

    def means(self, values_M: Tensor) -> Tensor:
        """Replicates of the mean of one value per query."""
        return jackknife.means(values_M, self._joint.blocks, index_N=self._joint.copies.text[self.index])

    def interval(self, index_code: Tensor, *, low: float, high: float) -> Estimate:
        """Return a divergence of q(z) in nats: the value for these texts, with the interval of the population."""
        low = min(max(0.0, low), max(0.0, high))
        return Estimate(
            value=max(0.0, jackknife.value(index_code)),
            se=jackknife.standard_error(index_code) or (high - low) / (2 * NORMAL),
            unit="nats/text",
            kind="interval",
            n=len(self.index),
            low=low,
            high=max(0.0, high),
            detail={"components": self._joint.copies.distinct, "queries": len(self.index)},
        )


def mean_log_mixture(
    own_M: Tensor | None, others_MG: Tensor, copies: Copies, *, index_M: Tensor | None = None
) -> Tensor:
    """Replicates of the mean of log q_N(z_i) over queries, ``[1 + G]`` or ``[1 + G, D]``.

    Args:
        own_M: log of the summed densities of the text of each query, its copies included, ``[M]`` or ``[M, D]``; None
            leaves the text out of its own mixture: log [sum of the others / (N - copies of i)].
        others_MG: the same of all other texts in each block, ``[M, G]`` or ``[M, G, D]``.
        copies: the texts.
        index_M: the rows that the queries are; all by default.

    A replicate leaves a block out twice: from the average over texts, and from the components of the mixture.
    """
    blocks = others_MG.shape[1]
    index_M = torch.arange(len(others_MG)) if index_M is None else index_M
    block_M = copies.text[index_M] % blocks
    rows_G = torch.bincount(copies.text % blocks, minlength=blocks)
    missing_M = torch.zeros_like(index_M) if own_M is not None else copies.of_row[index_M]
    missing_M = missing_M.reshape(-1, *[1] * (others_MG.dim() - 2))
    absent_M = torch.full_like(others_MG[:, 0], -torch.inf)
    own_M = absent_M if own_M is None else own_M
    before_MG, after_MG = others_MG.logcumsumexp(1), others_MG.flip(1).logcumsumexp(1).flip(1)
    replicates = [(torch.logaddexp(own_M, before_MG[:, -1]) - _log(copies.rows - missing_M)).mean(0)]
    for block in range(blocks):
        keep = block_M != block
        below_M = before_MG[:, block - 1] if block > 0 else absent_M
        above_M = after_MG[:, block + 1] if block < blocks - 1 else absent_M
        total_M = torch.logaddexp(own_M, torch.logaddexp(below_M, above_M))
        replicates.append((total_M - _log(copies.rows - rows_G[block] - missing_M))[keep].mean(0))
    return torch.stack(replicates)


def _rows_of(draws: Draws, further: Encodings | None, rows_U: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the posteriors of some rows, ``[U, D]``."""
    if further is None:
        return draws.posterior_mean[rows_U], draws.posterior_std[rows_U]
    mean_RD = torch.cat([draws.posterior_mean, further.mean.to(draws.posterior_mean)])
    std_RD = torch.cat([draws.posterior_std, further.std.to(draws.posterior_std)])
    return mean_RD[rows_U], std_RD[rows_U]


def _log_q(draws: Draws) -> Tensor:
    """log q(z_d|x) of the first sample of each text, ``[N, D]``."""
    tensors = (draws.z[0], draws.posterior_mean, draws.posterior_std)
    return gaussian.log_density(*(tensor.double() for tensor in tensors))


def _log(count: Tensor | int) -> Tensor:
    return torch.as_tensor(count, dtype=torch.float64).log()
