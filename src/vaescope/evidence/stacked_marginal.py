"""The rate against a density made of the encodings of other texts: an upper bound of the information."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaescope.estimators import aggregate_density, gaussian, mixture, stacking
from vaescope.estimators.copies import Copies
from vaescope.evidence.draws import Draws
from vaescope.evidence.encodings import Encodings
from vaescope.evidence.references import References

WIDTHS = (1.0, 1.25, 1.5)
"""Factors tau of the posteriors' standard deviations that are tried."""
DEFENSIVE = 0.01
"""Share of the prior that every density has; it costs at most -log 0.99 = 0.01 nats and bounds every text's rate."""
PRIOR = "the prior"


class StackedMarginal:
    r"""R_g = E KL(q(z|x) || g) >= I for g made of the encodings of other texts (Barber and Agakov 2003).

    .. math:: g(z) = 0.99 \sum_k w_k g_k(z) + 0.01 \, p(z)

    The g_k are the prior; for training texts and for further texts of the population each the mixture of their
    posteriors with the standard deviations times tau; a Gaussian and a mixture of Gaussians fitted to training
    encodings; and other densities that were fitted to training encodings (a flow). No g_k depends on the assessed
    texts. The weights that score a text are fitted to the *other* half of the distinct texts (``stacking``), so they
    have not seen the text either.

    A text that is also one of the other texts is left out of the mixture that scores it, so that a split that repeats
    training texts does not lower R_g. Where P(x) is known (``log_q_x``) and texts are drawn independently, a common
    text is rightly there: its share of the mixture is then at most P(x), so that g is never above the mixture itself.

    The cost is T N densities for each tau, in tiles: no [T, N] array exists.

    Attributes:
        log_density: log g(z_i), ``[N]``.
        weights: the weight of each density in the g of each half of the texts, by name.
    """

    def __init__(self, draws: Draws, references: References) -> None:
        log_p_N = draws.log_p_z[0].double()
        candidates = {PRIOR: log_p_N, **_densities(draws, references)}
        self.weights: list[dict[str, float]] = []
        log_g_NK = torch.stack(list(candidates.values()), 1).double()
        log_h_N = torch.empty_like(log_p_N)
        side_N = draws.copies.text % 2
        for half in (0, 1):
            weights_K = stacking.weights(log_g_NK[side_N != half])
            log_h_N[side_N == half] = stacking.log_density(log_g_NK[side_N == half], weights_K)
            self.weights.append(dict(zip(candidates, weights_K.tolist(), strict=True)))
        self.log_density = torch.logaddexp(math.log1p(-DEFENSIVE) + log_h_N, math.log(DEFENSIVE) + log_p_N)


def _densities(draws: Draws, references: References) -> dict[str, Tensor]:
    """Log densities at the first z of each assessed text, ``[N]``, by name."""
    found: dict[str, Tensor] = {}
    for name, others in (("training encodings", references.training), ("further encodings", references.components)):
        if others is not None:
            posteriors = _Mixture(draws, others)
            found |= {f"{name}, std x {tau:g}": posteriors.log_density(tau) for tau in WIDTHS}
    if references.training is not None:
        unseen_T = unseen(draws, references.training)
        found |= _fitted(draws.z[0], references.training.mean[unseen_T], references.training.std[unseen_T])
    return found | dict(references.log_densities)


def unseen(draws: Draws, others: Encodings) -> Tensor:
    """Return which of the other texts are no copies of an assessed text, ``[T]``, bool."""
    joint = draws.copies_with(others).text
    return ~torch.isin(joint[draws.texts :], joint[: draws.texts])


def _fitted(z_ND: Tensor, mean_TD: Tensor, std_TD: Tensor) -> dict[str, Tensor]:
    """Log densities of a Gaussian and a mixture of Gaussians fitted to one sample of each posterior, or none."""
    mean_TD, std_TD, size = mean_TD.double(), std_TD.double(), mean_TD.shape[1]
    if len(mean_TD) <= 2 * size:
        return {}
    covariance_DD = torch.cov(mean_TD.mT, correction=0).reshape(size, size) + std_TD.square().mean(0).diag()
    normal = torch.distributions.MultivariateNormal(mean_TD.mean(0), covariance_DD)
    found = {"a Gaussian": normal.log_prob(z_ND.double())}
    noise_TD = torch.randn(mean_TD.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    several = mixture.fit(mean_TD + std_TD * noise_TD)
    if several is not None:
        found["a mixture of Gaussians"] = mixture.log_density(several, z_ND)
    return found


class _Mixture:
    """The aggregate posterior of other texts at the first z of each assessed text, that text left out of it."""

    def __init__(self, draws: Draws, others: Encodings) -> None:
        self._draws, self._others = draws, others
        texts, joint = draws.texts, draws.copies_with(others).text
        self._copies = Copies.of(joint[texts:])
        place = torch.full((int(joint.max()) + 1,), -1, dtype=torch.int64)
        place[joint[texts:]] = self._copies.text
        self._own_N = place[joint[:texts]]
        left_out_N = torch.where(self._own_N >= 0, self._copies.counts[self._own_N], 0).double()
        self._rest_N = (len(others) - left_out_N).clamp_min(1)
        # the share that an independent draw keeps: its own, at most P(x)
        self._kept_N = torch.zeros_like(left_out_N)
        if draws.log_q_x is not None:
            self._kept_N = torch.minimum(left_out_N / len(others), draws.log_q_x.double().exp())

    def log_density(self, tau: float) -> Tensor:
        first_U, others, draws = self._copies.first, self._others, self._draws
        sums_N1 = aggregate_density.log_block_sums(
            draws.z[0],
            others.mean[first_U],
            tau * others.std[first_U],
            own_M=self._own_N,
            weight_N=self._copies.counts,
        )
        without_N = sums_N1.squeeze(1) - self._rest_N.log()
        tensors = (draws.z[0], draws.posterior_mean, tau * draws.posterior_std)
        own_N = gaussian.log_density(*(tensor.double() for tensor in tensors)).sum(1)
        return torch.logaddexp(torch.log1p(-self._kept_N) + without_N, self._kept_N.log() + own_N)
