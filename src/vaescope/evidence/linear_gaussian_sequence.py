"""The linear-Gaussian model with a sequence of latents and an autoregressive prior: the truth of learned priors.

    z_1 ~ N(0, I),   z_k | z_k-1 ~ N(a z_k-1, (1 - a^2) I),   x_k | z_k ~ N(W z_k + b, I)

The encoder is that of ``LinearGaussian`` over all K latents together: the exact posterior mean, with the variances of
a mean field, so that q(z) is not the prior.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from vaescope.estimators.gaussian import log_density
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.randomness import stream


@dataclass(frozen=True)
class LinearGaussianSequence:
    """K latents of D units with the prior of a stationary process; every property is exact, in nats per text.

    Attributes:
        vae: the model of all K latents as one vector, whose encoder and decoder count; its prior N(0, I) does not.
        latents: K.
        correlation: a, of neighbouring latents in the prior.

    >>> model = LinearGaussianSequence.matched(latents=3, latent_size=2, data_size=3, rate=2.0, correlation=0.6)
    >>> abs(model.rate - model.information - model.marginal_kl) < 1e-9
    True
    """

    vae: LinearGaussian
    latents: int
    correlation: float

    @classmethod
    def matched(
        cls, *, latents: int, latent_size: int, data_size: int, rate: float, correlation: float
    ) -> LinearGaussianSequence:
        """Return a model whose data are its own, ``rate`` being that of each latent if they were independent."""
        one = LinearGaussian.matched(latent_size=latent_size, data_size=data_size, rate=rate)
        weight = torch.block_diag(*[one.weight] * latents)
        prior = _prior_covariance(latents, latent_size, correlation)
        identity = torch.eye(len(weight), dtype=torch.float64)
        precision = torch.linalg.inv(prior) + weight.mT @ weight
        encoder = torch.linalg.solve(precision, weight.mT)
        bias = one.bias.repeat(latents)
        vae = LinearGaussian(
            weight=weight,
            bias=bias,
            noise=1.0,
            data_mean=bias,
            data_covariance=weight @ prior @ weight.mT + identity,
            encoder_weight=encoder,
            encoder_bias=-encoder @ bias,
            encoder_std=precision.diagonal().rsqrt(),
        )
        return cls(vae, latents, correlation)

    @property
    def size(self) -> int:
        """Units D of each latent."""
        return self.vae.latent_size // self.latents

    @cached_property
    def prior_covariance(self) -> Tensor:
        """Covariance of the prior, ``[K D, K D]``."""
        return _prior_covariance(self.latents, self.size, self.correlation)

    @property
    def information(self) -> float:
        """I(X;Z) under q."""
        return self.vae.information

    @cached_property
    def rate(self) -> float:
        """R = E KL(q(z|x) || p(z)), p the autoregressive prior."""
        return float(sum(self.rates))

    @cached_property
    def rates(self) -> list[float]:
        """R_k = E [log q(z_k|x) - log p(z_k|z_k-1)] of each latent."""
        a, size = self.correlation, self.size
        mean, entropy = self.vae.aggregate_mean, self.vae.encoder_std.log()
        second = (self.vae.aggregate_covariance + torch.outer(mean, mean)).view(self.latents, size, self.latents, size)
        rates = []
        for k in range(self.latents):
            cost, noise = second[k, :, k].trace(), 1.0
            if k:
                before = second[k - 1, :, k - 1].trace()
                cost, noise = cost - 2 * a * second[k, :, k - 1].trace() + a**2 * before, 1 - a**2
            spread = entropy[k * size : (k + 1) * size].sum()
            rates.append((0.5 * (cost / noise - size + size * math.log(noise)) - spread).item())
        return rates

    @cached_property
    def marginal_kl(self) -> float:
        """KL(q(z) || p(z)) of two Gaussians."""
        mean, covariance = self.vae.aggregate_mean, self.vae.aggregate_covariance
        moment = covariance + torch.outer(mean, mean)
        ratio = torch.linalg.solve(self.prior_covariance, moment).trace().item()
        log_dets = [torch.linalg.slogdet(matrix).logabsdet.item() for matrix in (self.prior_covariance, covariance)]
        return 0.5 * (ratio - len(mean) + log_dets[0] - log_dets[1])

    def log_prior(self, z: Tensor) -> Tensor:
        """log p(z_k|z_1, ..., z_k-1) of z ``[..., K, D]``, ``[..., K]``."""
        a = self.correlation
        before = torch.cat([torch.zeros_like(z[..., :1, :]), a * z[..., :-1, :]], -2)
        std = torch.tensor([1.0, *[(1 - a**2) ** 0.5] * (self.latents - 1)], dtype=torch.float64)
        return log_density(z, before, std[:, None]).sum(-1)

    def sample_draws(self, n: int, *, samples: int = 1, priors: int = 500, seed: int = 0) -> dict[str, Tensor]:
        """Return the tensors of a sweep over n data points, with K latents of D units each; see ``Draws``."""
        tensors = self.vae.sample_draws(n, samples=samples, seed=seed)
        for name in ("posterior_mean", "posterior_std", "z"):
            tensors[name] = tensors[name].unflatten(-1, (self.latents, self.size))
        each = self.log_prior(tensors["z"])
        generator = stream(seed, "samples of a sequence prior")
        noise = torch.randn(priors, self.vae.latent_size, generator=generator, dtype=torch.float64)
        prior = noise @ torch.linalg.cholesky(self.prior_covariance).mT
        return tensors | {
            "log_p_z": each.sum(-1),
            "log_p_z_latents": each,
            "prior_z": prior.unflatten(-1, (self.latents, self.size)),
        }


def _prior_covariance(latents: int, size: int, correlation: float) -> Tensor:
    place = torch.arange(latents, dtype=torch.float64)
    process = torch.tensor(correlation, dtype=torch.float64) ** (place[:, None] - place).abs()
    return torch.kron(process, torch.eye(size, dtype=torch.float64))
