"""Models of known truth as draws in closed form: the subjects of the survey of verdicts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vaescope import Draws
from vaescope.estimators.gaussian import log_density, standard_log_density
from vaescope.evidence.linear_gaussian import LinearGaussian

MANY = 200_000
"""Samples behind the truths that have no closed form."""

Truth = dict[str, float]


@dataclass(frozen=True)
class Law:
    """A mixture of diagonal Gaussians: weights ``[K]``, means and standard deviations ``[K, D]``."""

    weight: Tensor
    mean: Tensor
    std: Tensor

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return n samples and the component of each."""
        k_N = torch.multinomial(self.weight, n, replacement=True, generator=generator)
        noise_ND = torch.randn(n, self.mean.shape[1], generator=generator, dtype=torch.float64)
        return self.mean[k_N] + self.std[k_N] * noise_ND, k_N

    def log_prob(self, z: Tensor) -> Tensor:
        """Return the log-density at points ``[..., D]``."""
        parts = [log_density(z, mean, std).sum(-1) for mean, std in zip(self.mean, self.std, strict=True)]
        return (torch.stack(parts, -1) + self.weight.log()).logsumexp(-1)


@dataclass(frozen=True)
class Types:
    """A population of K types of texts, all of a type with one Gaussian code; p(x|z) is Gaussian in z around the code.

    log p(x_k|z) = -1/2 sum_d [(z_d - centre_kd)^2 / width^2 + log 2 pi width^2]
    """

    codes: Law
    centre: Tensor
    width: float

    def draws(self, n: int, samples: int, seed: int) -> Draws:
        """Return the sweep of n different texts."""
        generator = torch.Generator().manual_seed(seed)
        k_N = torch.multinomial(self.codes.weight, n, replacement=True, generator=generator)
        mean_ND, std_ND = self.codes.mean[k_N], self.codes.std[k_N]
        z_SND = mean_ND + std_ND * torch.randn(samples, *mean_ND.shape, generator=generator, dtype=torch.float64)
        return Draws(
            posterior_mean=mean_ND,
            posterior_std=std_ND,
            z=z_SND,
            log_p_x_z=self.score(k_N, z_SND),
            log_p_z=standard_log_density(z_SND).sum(-1),
            log_q_z_x=log_density(z_SND, mean_ND, std_ND).sum(-1),
            tokens=torch.full((n,), 10),
            text_id=torch.arange(n),
            **shuffled(z_SND[-1], lambda z: self.score(k_N, z)),
        )

    def score(self, k_N: Tensor, z: Tensor) -> Tensor:
        """Return log p(x|z) of texts of the types k at z, ``[..., N]``."""
        return log_density(z, self.centre[k_N], torch.full_like(self.centre[k_N], self.width)).sum(-1)

    def truth(self) -> Truth:
        """Return the numbers that the verdicts are about, by many samples where there is no closed form."""
        generator = torch.Generator().manual_seed(999)
        z, k = self.codes.sample(MANY // 20 if len(self.codes.weight) > 50 else MANY, generator)
        other = k[torch.randperm(len(k), generator=generator)]
        log_p = standard_log_density(z).sum(-1)
        own = log_density(z, self.codes.mean[k], self.codes.std[k]).sum(-1)
        return {
            "rate": (own - log_p).mean().item(),
            "information": (own - self.codes.log_prob(z)).mean().item(),
            "marginal_kl": (self.codes.log_prob(z) - log_p).mean().item(),
            "use": (self.score(k, z) - self.score(other, z)).mean().item(),
        }


def as_texts(draws: Draws) -> Draws:
    """Return the draws with log p(x|z) and log q(x) lowered by one constant, so that they are probabilities of texts.

    It is as if x were read in small cells of equal volume; no number that is judged changes.
    """
    found = [draws.log_p_x_z, draws.log_p_x_z_shuffled, draws.log_q_x]
    volume = max(0.0, *(tensor.max().item() + 1 for tensor in found if tensor is not None))
    names = ("log_p_x_z", "log_p_x_z_shuffled", "log_q_x")
    return replace(draws, **{n: t - volume for n, t in zip(names, found, strict=True) if t is not None})


def shuffled(z_ND: Tensor, score: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """Return log p(x|z) at the z of another text, and which text that is."""
    from_N = torch.arange(len(z_ND)).roll(1)
    return {"log_p_x_z_shuffled": score(z_ND[from_N]), "shuffled_from": from_N}


def linear_draws(vae: LinearGaussian, n: int, samples: int, seed: int) -> Draws:
    """Return the sweep of a linear-Gaussian model over n texts."""
    x_Nn = vae.sample_data(n, seed=seed)
    tensors = vae.sample_draws(n, samples=samples, seed=seed)
    other = shuffled(tensors["z"][-1], lambda z: vae.log_conditional(x_Nn, z[None])[0])
    return Draws(**tensors, **other)


def linear_truth(vae: LinearGaussian) -> Truth:
    """Return the numbers that the verdicts are about, in closed form."""
    use = (vae.weight @ vae.encoder_weight @ vae.data_covariance).trace().item() / vae.noise
    names = ("rate", "information", "marginal_kl", "total_correlation", "inference_gap", "log_likelihood")
    truth: Truth = {name: getattr(vae, name) for name in names}
    return truth | {"use": use, "moment_kl": vae.marginal_kl}


def healthy(size: int, rate: float, *, units: int | None = None) -> LinearGaussian:
    """Return a model whose encoder is its exact posterior; the rate is in the first ``units`` of its units."""
    vae = LinearGaussian.matched(latent_size=units or size, data_size=(units or size) + 1, rate=rate)
    if units is None:
        return vae
    more = size - units
    return replace(
        vae,
        weight=torch.cat([vae.weight, vae.weight.new_zeros(vae.data_size, more)], 1),
        encoder_weight=torch.cat([vae.encoder_weight, vae.encoder_weight.new_zeros(more, vae.data_size)]),
        encoder_bias=torch.cat([vae.encoder_bias, vae.encoder_bias.new_zeros(more)]),
        encoder_std=torch.cat([vae.encoder_std, vae.encoder_std.new_ones(more)]),
    )


def scaled(vae: LinearGaussian, *, mean: float = 1.0, std: float = 1.0, shift: float = 0.0) -> LinearGaussian:
    """Return a model whose encoder has scaled and shifted means, and scaled standard deviations."""
    return replace(
        vae,
        encoder_weight=vae.encoder_weight * mean,
        encoder_bias=vae.encoder_bias * mean + shift,
        encoder_std=vae.encoder_std * std,
    )


def deaf(vae: LinearGaussian) -> LinearGaussian:
    """Return a model whose decoder ignores z, which still says which text it is."""
    return replace(vae, weight=vae.weight * 0, data_covariance=vae.data_covariance)


def correlated(size: int, rate: float) -> LinearGaussian:
    """Return a model whose encoder mixes its first two units: each unit is as under the prior, the pair is not."""
    vae = LinearGaussian.matched(latent_size=size, data_size=size, rate=rate)
    covariance = vae.data_covariance.clone()
    u, v = vae.weight[:, 0], vae.weight[:, 1]
    covariance += 0.97 * (torch.outer(u, v) + torch.outer(v, u))
    return replace(vae, data_covariance=covariance)


def barely_used() -> LinearGaussian:
    """Return a model of rate 7.3 of which 0.65 nats are information and the decoder uses 0.065: 20 of 32 units active.

    The posteriors of 20 units are narrower than the prior, alike for all texts but for a small part of their means.
    """
    size, active = 32, 20
    std = torch.ones(size, dtype=torch.float64)
    std[:active] = 0.474
    gain = torch.zeros(size, dtype=torch.float64)
    gain[:active] = 0.1228
    # the variance of x and the noise are 1 each, so W is what makes the use tr(W A Sx) = 0.065
    weight = torch.zeros(size, dtype=torch.float64)
    weight[:active] = 0.065 / (active * 0.1228)
    eye = torch.eye(size, dtype=torch.float64)
    zero = torch.zeros(size, dtype=torch.float64)
    return LinearGaussian(weight.diag(), zero, 1.0, zero, eye, gain.diag(), zero, std)


def clusters(means: list[list[float]], std: float, *, width: float = 0.5) -> Types:
    """Return a population whose codes are equally many clusters of one width."""
    mean = torch.tensor(means, dtype=torch.float64)
    weight = torch.full((len(mean),), 1 / len(mean), dtype=torch.float64)
    return Types(Law(weight, mean, torch.full_like(mean, std)), mean, width)


def ring(types: int = 400) -> Types:
    """Return narrow codes on a circle of radius sqrt(2), which gives each of two units variance 1."""
    angle = torch.arange(types, dtype=torch.float64) * 2 * math.pi / types
    mean = math.sqrt(2) * torch.stack([angle.cos(), angle.sin()], 1)
    weight = torch.full((types,), 1 / types, dtype=torch.float64)
    return Types(Law(weight, mean, torch.full_like(mean, 0.1)), mean, 0.5)


@dataclass(frozen=True)
class Clustered:
    """A model whose prior, three clusters, is known by its samples; its data are its own, its encoder is exact.

    z0 ~ N(centre_k, 0.7^2), x = z0 + width * noise, and q(z|x) is the posterior within the cluster k of the text, which
    is that of the model where clusters are far apart: q(z) = p(z). ``shift`` moves the codes, and texts come from the
    first ``used`` clusters only.
    """

    size: int
    shift: float = 0.0
    used: int = 3
    width: float = 0.5

    @property
    def centres(self) -> Tensor:
        """The means of the clusters, 6 apart from each other or more."""
        basis = torch.zeros(3, self.size, dtype=torch.float64)
        basis[0, 0], basis[1, 0], basis[2, 1] = 4.0, -4.0, 5.0
        return basis

    def clusters(self, count: int, shift: float) -> Law:
        """Return the mixture of the first ``count`` clusters, shifted."""
        centre = self.centres[:count] + shift
        return Law(torch.full((count,), 1 / count, dtype=torch.float64), centre, torch.full_like(centre, 0.7))

    def draws(self, n: int, samples: int, seed: int) -> Draws:
        """Return the sweep of n texts."""
        generator = torch.Generator().manual_seed(seed)
        z0_ND, k_N = self.clusters(self.used, 0.0).sample(n, generator)
        x_ND = z0_ND + self.width * torch.randn(z0_ND.shape, generator=generator, dtype=torch.float64)
        precision = 1 / 0.7**2 + 1 / self.width**2
        mean_ND = (self.centres[k_N] / 0.7**2 + x_ND / self.width**2) / precision + self.shift
        std_ND = torch.full_like(mean_ND, precision**-0.5)
        z_SND = mean_ND + std_ND * torch.randn(samples, *mean_ND.shape, generator=generator, dtype=torch.float64)
        prior = self.clusters(3, 0.0)

        def score(z: Tensor) -> Tensor:
            return log_density(x_ND, z, torch.full_like(x_ND, self.width)).sum(-1)

        return Draws(
            posterior_mean=mean_ND,
            posterior_std=std_ND,
            z=z_SND,
            log_p_x_z=score(z_SND),
            log_p_z=prior.log_prob(z_SND),
            log_q_z_x=log_density(z_SND, mean_ND, std_ND).sum(-1),
            tokens=torch.full((n,), 10),
            prior_z=prior.sample(10_000, torch.Generator().manual_seed(seed + 1))[0],
            **shuffled(z_SND[-1], score),
        )

    def truth(self) -> Truth:
        """Return the numbers that the verdicts are about, by many samples of the exact densities."""
        generator = torch.Generator().manual_seed(999)
        codes, prior = self.clusters(self.used, self.shift), self.clusters(3, 0.0)
        z_ND, _ = codes.sample(MANY, generator)
        marginal = (codes.log_prob(z_ND) - prior.log_prob(z_ND)).mean().item()
        # within a cluster: 1/2 log(variance of q(z) / variance of q(z|x)) per unit; and which cluster
        information = 0.5 * self.size * math.log(1 + 0.7**2 / self.width**2) + math.log(self.used)
        return {"rate": marginal + information, "information": information, "marginal_kl": marginal, "use": 10.0}


def xor(n: int, samples: int, seed: int, std: float = 0.05) -> Draws:
    """Return codes of 3 units whose signs multiply to +1, each unit and each pair as under the prior."""
    generator = torch.Generator().manual_seed(seed)
    mean_ND = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    mean_ND[:, 2] = mean_ND[:, 2].abs() * (mean_ND[:, 0] * mean_ND[:, 1]).sign()
    return around(mean_ND, torch.full_like(mean_ND, std), samples, generator)


def around(mean_ND: Tensor, std_ND: Tensor, samples: int, generator: torch.Generator) -> Draws:
    """Return the sweep of a model whose decoder is Gaussian around the codes, as wide as the codes."""
    z_SND = mean_ND + std_ND * torch.randn(samples, *mean_ND.shape, generator=generator, dtype=torch.float64)
    return Draws(
        posterior_mean=mean_ND,
        posterior_std=std_ND,
        z=z_SND,
        log_p_x_z=log_density(z_SND, mean_ND, std_ND).sum(-1),
        log_p_z=standard_log_density(z_SND).sum(-1),
        log_q_z_x=log_density(z_SND, mean_ND, std_ND).sum(-1),
        tokens=torch.full((len(mean_ND),), 10),
        **shuffled(z_SND[-1], lambda z: log_density(z, mean_ND, std_ND).sum(-1)),
    )


def outlier(n: int, samples: int, seed: int, distance: float = 60.0) -> Draws:
    """Return the draws of an exact model and, last, one text that lies far outside of the prior."""
    vae = healthy(4, 3.0)
    x_Nn = vae.sample_data(n, seed=seed)
    x_Nn[-1] += vae.weight @ torch.full((4,), distance, dtype=torch.float64)
    mean_ND, std_ND = vae.encode(x_Nn)
    generator = torch.Generator().manual_seed(seed + 1)
    z_SND = mean_ND + std_ND * torch.randn(samples, n, 4, generator=generator, dtype=torch.float64)
    return Draws(
        posterior_mean=mean_ND,
        posterior_std=std_ND.contiguous(),
        z=z_SND,
        log_p_x_z=vae.log_conditional(x_Nn, z_SND),
        log_p_z=standard_log_density(z_SND).sum(-1),
        log_q_z_x=log_density(z_SND, mean_ND, std_ND).sum(-1),
        tokens=torch.full((n,), 5),
        **shuffled(z_SND[-1], lambda z: vae.log_conditional(x_Nn, z[None])[0]),
    )


def missed_mode(n: int, samples: int, seed: int, width: float = 0.05) -> Draws:
    """Return a decoder that reads |z| only and an encoder that knows z > 0 only: half of the posterior is missed."""
    generator = torch.Generator().manual_seed(seed)
    x_N1 = torch.randn(n, 1, generator=generator, dtype=torch.float64).abs() + 0.3
    mean_N1 = x_N1 / (1 + width**2)
    std_N1 = torch.full_like(mean_N1, width / math.sqrt(1 + width**2))
    z_SN1 = mean_N1 + std_N1 * torch.randn(samples, n, 1, generator=generator, dtype=torch.float64)

    def score(z: Tensor) -> Tensor:
        return log_density(z.abs(), x_N1, torch.full_like(x_N1, width)).sum(-1)

    return Draws(
        posterior_mean=mean_N1,
        posterior_std=std_N1,
        z=z_SN1,
        log_p_x_z=score(z_SN1),
        log_p_z=standard_log_density(z_SN1).sum(-1),
        log_q_z_x=log_density(z_SN1, mean_N1, std_N1).sum(-1),
        tokens=torch.full((n,), 10),
        **shuffled(z_SN1[-1], score),
    )
