"""The distributions of the latent variable: diagonal Gaussians, and mixtures of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, Independent, Normal, constraints
from typing_extensions import override

from vaescope.errors import UserError
from vaescope.estimators import gaussian

TERMS_AT_ONCE = 2**24
"""Largest number of one-dimensional densities in memory at a time (64 MiB in float32)."""


class DiagonalGaussian(Independent):
    r"""N(mean, diag std^2) over the last dimension: batch shape ``[...]``, event shape ``[D]``.

    Arguments are not validated, since a check would wait for the device.

    Attributes:
        is_standard: True for N(0, I) that was made by ``standard``. A distribution whose parameters happen to be 0 and
            1 is not: the next training step may change them.

    >>> q = DiagonalGaussian(torch.ones(3, 2), torch.ones(3, 2))
    >>> q.unit_kl(DiagonalGaussian.standard(2))[0]
    tensor([0.5000, 0.5000])
    """

    base_dist: Normal
    is_standard = False

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__(Normal(mean, std, validate_args=False), 1, validate_args=False)

    @classmethod
    def standard(cls, size: int, device: torch.device | str | None = None) -> DiagonalGaussian:
        """Return N(0, I) of D = ``size`` dimensions, in float32."""
        mean_D = torch.zeros(size, device=device)
        found = cls(mean_D, torch.ones_like(mean_D))
        found.is_standard = True
        return found

    @classmethod
    def of(cls, distribution: Distribution) -> DiagonalGaussian:
        """Convert a diagonal Gaussian of torch's own classes to this class.

        Raises:
            UserError: another distribution.

        >>> DiagonalGaussian.of(Independent(Normal(torch.zeros(2), torch.ones(2)), 1)).is_standard
        True
        """
        if isinstance(distribution, cls):
            return distribution
        inside = distribution.base_dist if isinstance(distribution, Independent) else None
        if not isinstance(inside, Normal) or len(distribution.event_shape) != 1:
            raise UserError(
                f"expected a diagonal Gaussian, Independent(Normal(mean, std), 1), not {type(distribution).__name__}"
            )
        found = cls(inside.loc, inside.scale)
        found.is_standard = bool((inside.loc == 0).all() and (inside.scale == 1).all())
        return found

    @classmethod
    def concatenate(cls, parts: Sequence[DiagonalGaussian]) -> DiagonalGaussian:
        """Join the batches of several diagonal Gaussians into one batch."""
        if len(parts) == 1:
            return parts[0]
        return cls(torch.cat([part.mean for part in parts]), torch.cat([part.stddev for part in parts]))

    @property
    @override
    def mean(self) -> Tensor:
        return self.base_dist.loc

    @property
    @override
    def stddev(self) -> Tensor:
        return self.base_dist.scale

    @override
    def log_prob(self, z: Tensor) -> Tensor:
        return gaussian.log_density(z, self.mean, self.stddev).sum(-1)

    @override
    def entropy(self) -> Tensor:
        return gaussian.entropy(self.stddev).sum(-1)

    @override
    def expand(self, batch_shape: Size | Sequence[int], _instance: Distribution | None = None) -> DiagonalGaussian:
        shape = (*batch_shape, *self.event_shape)
        found = type(self)(self.mean.expand(shape), self.stddev.expand(shape))
        found.is_standard = self.is_standard
        return found

    def __getitem__(self, index: int | slice | Tensor) -> DiagonalGaussian:
        """Return the Gaussians of one or several rows of the batch."""
        return type(self)(self.mean[index], self.stddev[index])

    def unit_kl(self, other: DiagonalGaussian) -> Tensor:
        r"""Return KL(self || other) of each latent unit in nats, ``[..., D]``; the sum over units is the KL.

        :math:`KL_j = \frac12[(\mu_j - \mu'_j)^2/\sigma_j'^2 + r_j^2 - 1] - \log r_j` with
        :math:`r_j = \sigma_j / \sigma'_j`.
        """
        shift, ratio = (self.mean - other.mean) / other.stddev, self.stddev / other.stddev
        return gaussian.kl_to_standard(shift, ratio)

    def draw(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        r"""Return reparameterised samples ``[S, ..., D]`` from standard Gaussian noise, and their log-density.

        :math:`z = \mu + \sigma\epsilon` and :math:`\log q(z) = \sum_j -\epsilon_j^2/2 - \log\sigma_j - \log(2\pi)/2`.
        Unlike ``log_prob(z)``, this loses no precision where :math:`\sigma` is far smaller than :math:`\mu`.

        >>> q = DiagonalGaussian(torch.full((1, 2), 1e3), torch.full((1, 2), 1e-6))
        >>> z, log_q = q.draw(torch.zeros(1, 1, 2))
        >>> log_q
        tensor([[25.7931]])
        """
        z = self.mean + self.stddev * noise
        return z, (gaussian.standard_log_density(noise) - self.stddev.log()).sum(-1)


class GaussianMixture(Distribution):
    r"""A mixture of K diagonal Gaussians, :math:`\sum_k w_k N(z; \mu_k, \mathrm{diag}\,\sigma_k^2)`.

    Samples have a gradient with respect to means and standard deviations, but not to the weights.

    Args:
        log_weight_K: log of the weights, which sum to 1, ``[K]``.
        components: the Gaussians, batch shape ``[K]``, event shape ``[D]``.

    >>> pair = DiagonalGaussian(torch.tensor([[-1.0], [1.0]]), torch.ones(2, 1))
    >>> GaussianMixture(torch.full((2,), 0.5).log(), pair).log_prob(torch.zeros(1))
    tensor(-1.4189)
    """

    arg_constraints: dict[str, constraints.Constraint] = {}
    has_rsample = True

    def __init__(self, log_weight_K: Tensor, components: DiagonalGaussian) -> None:
        super().__init__(event_shape=components.event_shape, validate_args=False)
        self.log_weight_K = log_weight_K
        self.components = components

    @property
    @override
    def mean(self) -> Tensor:
        return self.log_weight_K.exp() @ self.components.mean

    @property
    @override
    def variance(self) -> Tensor:
        weight_K, mean_KD = self.log_weight_K.exp(), self.components.mean
        return weight_K @ (self.components.stddev.square() + (mean_KD - self.mean).square())

    @override
    def log_prob(self, z: Tensor) -> Tensor:
        # differences before squares keep the precision of narrow components far from the origin
        points_N1D = z.reshape(-1, 1, z.shape[-1])
        parts = points_N1D.split(max(1, TERMS_AT_ONCE // self.components.mean.numel()))
        log_p_N = torch.cat([(self.log_weight_K + self.components.log_prob(part)).logsumexp(-1) for part in parts])
        return log_p_N.view(z.shape[:-1])

    @override
    def rsample(self, sample_shape: Size | Sequence[int] = ()) -> Tensor:
        count = Size(sample_shape).numel()
        component_n = torch.multinomial(self.log_weight_K.exp(), count, replacement=True)
        mean_nD = self.components.mean[component_n]
        z_nD = mean_nD + self.components.stddev[component_n] * torch.randn_like(mean_nD)
        return z_nD.view(*sample_shape, -1)


class DefensiveMixture(Distribution):
    r"""(1 - share) main + share base: the density is everywhere at least ``share`` times that of the base (Hesterberg
    1995).

    >>> narrow = DiagonalGaussian(torch.zeros(1), torch.full((1,), 0.01))
    >>> DefensiveMixture(narrow, DiagonalGaussian.standard(1), 0.05).log_prob(torch.ones(1))
    tensor(-4.4147)
    """

    arg_constraints: dict[str, constraints.Constraint] = {}
    has_rsample = True

    def __init__(self, main: Distribution, base: Distribution, share: float) -> None:
        super().__init__(event_shape=main.event_shape, validate_args=False)
        self.main, self.base, self.share = main, base, share

    @override
    def log_prob(self, z: Tensor) -> Tensor:
        main, base = self.main.log_prob(z), self.base.log_prob(z)
        return torch.logaddexp(math.log1p(-self.share) + main, math.log(self.share) + base)

    @override
    def rsample(self, sample_shape: Size | Sequence[int] = ()) -> Tensor:
        main, base = (part.rsample(Size(sample_shape)) for part in (self.main, self.base))
        return torch.where(torch.rand_like(main[..., :1]) < self.share, base, main)
