"""The linear-Gaussian VAE, in which every quantity of the assessment has a closed form: the ground truth for
estimators.

    data     x ~ N(data_mean, data_covariance)            encoder  q(z|x) = N(A x + c, diag std^2)
    model    z ~ N(0, I),  x|z ~ N(W z + b, noise I)

The encoder need not be the exact posterior. Roweis 1998, Tipping and Bishop 1999, Lucas et al. 2019.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from vaescope.estimators.gaussian import LOG_2PI, log_density, standard_log_density
from vaescope.randomness import stream


@dataclass(frozen=True)
class LinearGaussian:
    """A VAE given by matrices; n is the size of x, d that of z; every property is exact, in nats per x.

    Attributes:
        weight: W, ``[n, d]``.
        bias: b, ``[n]``.
        noise: variance of x given z.
        data_mean: mean of the data, ``[n]``.
        data_covariance: covariance of the data, ``[n, n]``.
        encoder_weight: A, ``[d, n]``.
        encoder_bias: c, ``[d]``.
        encoder_std: standard deviation of q(z|x), ``[d]``.

    >>> vae = LinearGaussian.matched(latent_size=2, data_size=3, rate=4.0)
    >>> round(vae.rate, 6), round(vae.information, 6), abs(round(vae.marginal_kl, 6))
    (4.0, 4.0, 0.0)
    """

    weight: Tensor
    bias: Tensor
    noise: float
    data_mean: Tensor
    data_covariance: Tensor
    encoder_weight: Tensor
    encoder_bias: Tensor
    encoder_std: Tensor

    @classmethod
    def matched(cls, *, latent_size: int, data_size: int, rate: float, seed: int = 0) -> LinearGaussian:
        """Return a VAE of a given rate whose data come from its own model and whose encoder is its exact posterior.

        The columns of W are orthogonal, so the posterior is diagonal. Use ``dataclasses.replace`` to make the model
        wrong.
        """
        generator = stream(seed, "linear-Gaussian model")
        basis, _ = torch.linalg.qr(torch.randn(data_size, latent_size, generator=generator, dtype=torch.float64))
        share = 0.5 + torch.rand(latent_size, generator=generator, dtype=torch.float64)
        signal = (2 * rate * share / share.sum()).exp() - 1
        weight = basis * signal.sqrt()
        bias = torch.randn(data_size, generator=generator, dtype=torch.float64)
        encoder_weight = weight.mT / (1 + signal)[:, None]
        return cls(
            weight=weight,
            bias=bias,
            noise=1.0,
            data_mean=bias,
            data_covariance=weight @ weight.mT + torch.eye(data_size, dtype=torch.float64),
            encoder_weight=encoder_weight,
            encoder_bias=-encoder_weight @ bias,
            encoder_std=(1 + signal).rsqrt(),
        )

    @cached_property
    def latent_size(self) -> int:
        """Number of latent units d."""
        return self.weight.shape[1]

    @cached_property
    def data_size(self) -> int:
        """Size n of x."""
        return self.weight.shape[0]

    @cached_property
    def entropy(self) -> float:
        """H(X) = 1/2 [n log 2 pi e + log|Sx|]."""
        return 0.5 * (self.data_size * (LOG_2PI + 1) + _log_det(self.data_covariance))

    @cached_property
    def aggregate_mean(self) -> Tensor:
        """Mean of q(z), A mu + c."""
        return self.encoder_weight @ self.data_mean + self.encoder_bias

    @cached_property
    def active_variances(self) -> Tensor:
        """Variance over x of the posterior means of each unit, diag(A Sx A')."""
        return self._mean_covariance.diagonal()

    @cached_property
    def _mean_covariance(self) -> Tensor:
        return self.encoder_weight @ self.data_covariance @ self.encoder_weight.mT

    @cached_property
    def aggregate_covariance(self) -> Tensor:
        """Covariance of q(z), A Sx A' + V."""
        return self._mean_covariance + self.encoder_std.square().diag()

    @cached_property
    def _log_det_encoder(self) -> float:
        return 2 * self.encoder_std.log().sum().item()

    @cached_property
    def rate(self) -> float:
        """R = E KL(q(z|x) || p(z))."""
        second = self.encoder_std.square().sum() + self._mean_covariance.trace() + self.aggregate_mean.square().sum()
        return 0.5 * (second.item() - self.latent_size - self._log_det_encoder)

    @cached_property
    def information(self) -> float:
        """I(X;Z) under q = 1/2 [log|S| - log|V|]."""
        return 0.5 * (_log_det(self.aggregate_covariance) - self._log_det_encoder)

    @cached_property
    def marginal_kl(self) -> float:
        """KL(q(z) || p(z))."""
        return self.total_correlation + self.dimension_kl

    @cached_property
    def total_correlation(self) -> float:
        """KL(q(z) || prod_j q(z_j)) = 1/2 [sum_j log S_jj - log|S|]."""
        variances = self.aggregate_covariance.diagonal()
        return 0.5 * (variances.log().sum().item() - _log_det(self.aggregate_covariance))

    @cached_property
    def dimension_kl(self) -> float:
        """sum_j KL(q(z_j) || p(z_j)) = 1/2 sum_j [S_jj + m_j^2 - 1 - log S_jj]."""
        variances = self.aggregate_covariance.diagonal()
        return 0.5 * (variances + self.aggregate_mean.square() - 1 - variances.log()).sum().item()

    @cached_property
    def distortion(self) -> float:
        """D = -E log p(x|z), z from the encoder."""
        residual = torch.eye(self.data_size, dtype=torch.float64) - self.weight @ self.encoder_weight
        shift = residual @ self.data_mean - self.bias - self.weight @ self.encoder_bias
        spread = (residual @ self.data_covariance @ residual.mT).trace() + shift.square().sum()
        spread = spread + (self.weight * self.encoder_std).square().sum()
        return 0.5 * (self.data_size * (LOG_2PI + math.log(self.noise)) + spread.item() / self.noise)

    @property
    def elbo(self) -> float:
        """-(D + R)."""
        return -(self.distortion + self.rate)

    @cached_property
    def model_covariance(self) -> Tensor:
        """Covariance of p(x), W W' + noise I."""
        return self.weight @ self.weight.mT + self.noise * torch.eye(self.data_size, dtype=torch.float64)

    @cached_property
    def log_likelihood(self) -> float:
        """E log p(x) over the data."""
        offset = self.data_mean - self.bias
        moment = self.data_covariance + torch.outer(offset, offset)
        quadratic = torch.linalg.solve(self.model_covariance, moment).trace().item()
        return -0.5 * (self.data_size * LOG_2PI + _log_det(self.model_covariance) + quadratic)

    @property
    def inference_gap(self) -> float:
        """E KL(q(z|x) || p(z|x)) = E log p(x) - ELBO."""
        return self.log_likelihood - self.elbo

    @property
    def joint_inconsistency(self) -> float:
        """KL(q(x,z) || p(x,z)) = R + D - H."""
        return self.rate + self.distortion - self.entropy

    @property
    def decoder_mismatch(self) -> float:
        """E KL(q(x|z) || p(x|z)) over q(z) = D - H + I."""
        return self.distortion - self.entropy + self.information

    @property
    def perplexity(self) -> float:
        """exp(-E log p(x) / n), by coordinate of x."""
        return math.exp(-self.log_likelihood / self.data_size)

    @property
    def bits_per_byte(self) -> float:
        """-E log2 p(x) / n, by coordinate of x."""
        return -self.log_likelihood / self.data_size / math.log(2)

    @property
    def distortion_gain(self) -> float:
        """H - D, the nats that z saves over the best model without a latent variable."""
        return self.entropy - self.distortion

    @property
    def conversion_efficiency(self) -> float:
        """(H - D) / R."""
        return self.distortion_gain / self.rate

    @property
    def active_units(self) -> int:
        """Units whose posterior mean has a variance above 0.01."""
        return int((self.active_variances > 0.01).sum())

    @property
    def radius_squared(self) -> float:
        """E|z|^2 over that of the prior, d."""
        second = self.aggregate_covariance.trace() + self.aggregate_mean.square().sum()
        return second.item() / self.latent_size

    @property
    def latent_use(self) -> float:
        """-E log p(x|z) - D with z from the encoder at another x."""
        return self._cost(self.aggregate_mean, self.aggregate_covariance)

    @property
    def latent_use_prior(self) -> float:
        """-E log p(x|z) - D with z from the prior."""
        return self._cost(torch.zeros_like(self.aggregate_mean), torch.eye(self.latent_size, dtype=torch.float64))

    def _cost(self, mean_D: Tensor, covariance_DD: Tensor) -> float:
        """-E log p(x|z) - D with z ~ N(mean, covariance) independent of x."""
        offset = self.data_mean - self.bias - self.weight @ mean_D
        spread = self.data_covariance.trace() + offset.square().sum()
        spread = spread + (self.weight @ covariance_DD @ self.weight.mT).trace()
        constant = self.data_size * (LOG_2PI + math.log(self.noise))
        return 0.5 * (constant + spread.item() / self.noise) - self.distortion

    def log_prob(self, x_Nn: Tensor) -> Tensor:
        """log p(x) of each x, ``[N]``."""
        normal = torch.distributions.MultivariateNormal(self.bias, self.model_covariance)
        return normal.log_prob(x_Nn)

    def sample_data(self, n: int, *, seed: int = 0) -> Tensor:
        """Return n data points, ``[n, data_size]``."""
        generator = stream(seed, "linear-Gaussian data")
        noise = torch.randn(n, self.data_size, generator=generator, dtype=torch.float64)
        return self.data_mean + noise @ torch.linalg.cholesky(self.data_covariance).mT

    def encode(self, x_Nn: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of q(z|x), each ``[N, d]``."""
        mean_ND = x_Nn @ self.encoder_weight.mT + self.encoder_bias
        return mean_ND, self.encoder_std.expand_as(mean_ND)

    def log_conditional(self, x_Nn: Tensor, z_SND: Tensor) -> Tensor:
        """log p(x|z), ``[S, N]``."""
        mean_SNn = z_SND @ self.weight.mT + self.bias
        std = torch.tensor(math.sqrt(self.noise), dtype=torch.float64)
        return log_density(x_Nn, mean_SNn, std).sum(-1)

    def sample_draws(self, n: int, *, samples: int = 1, seed: int = 0) -> dict[str, Tensor]:
        """Return the tensors of a sweep over n fresh data points, named as the fields of ``Draws``.

        One coordinate of x counts as a token, a word and a byte.
        """
        x_Nn = self.sample_data(n, seed=seed)
        mean_ND, std_ND = self.encode(x_Nn)
        generator = stream(seed, "linear-Gaussian posterior")
        noise_SND = torch.randn(samples, *mean_ND.shape, generator=generator, dtype=torch.float64)
        z_SND = mean_ND + std_ND * noise_SND
        return {
            "posterior_mean": mean_ND,
            "posterior_std": std_ND.contiguous(),
            "z": z_SND,
            "log_p_x_z": self.log_conditional(x_Nn, z_SND),
            "log_p_z": standard_log_density(z_SND).sum(-1),
            "log_q_z_x": log_density(z_SND, mean_ND, std_ND).sum(-1),
            "tokens": torch.full((n,), self.data_size),
            "words": torch.full((n,), self.data_size - 1),
            "bytes": torch.full((n,), self.data_size),
            "log_q_x": torch.distributions.MultivariateNormal(self.data_mean, self.data_covariance).log_prob(x_Nn),
        }

    def text_space(self, n: int, *, drawn: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Return one z ~ q(z|x) of n fresh data points, ``[n, d]``, and log weights of data drawn at it.

        The weights are log P(x) + log q(z|x) - log p(x|z), ``[1 + drawn, n]``: of the x that made z, then of x's drawn
        from the decoder p(x|z) (``estimators.text_space_density``).
        """
        x_Nn = self.sample_data(n, seed=seed)
        mean_ND, std_ND = self.encode(x_Nn)
        generator = stream(seed, "linear-Gaussian text space")
        z_ND = mean_ND + std_ND * torch.randn(mean_ND.shape, generator=generator, dtype=torch.float64)
        noise = torch.randn(drawn, n, self.data_size, generator=generator, dtype=torch.float64)
        x_KNn = torch.cat([x_Nn[None], z_ND @ self.weight.mT + self.bias + math.sqrt(self.noise) * noise])
        data = torch.distributions.MultivariateNormal(self.data_mean, self.data_covariance)
        log_q_KN = log_density(z_ND, *self.encode(x_KNn)).sum(-1)
        log_r_KN = torch.stack([self.log_conditional(x, z_ND[None])[0] for x in x_KNn])
        return z_ND, data.log_prob(x_KNn) + log_q_KN - log_r_KN


def _log_det(matrix: Tensor) -> float:
    return torch.linalg.slogdet(matrix).logabsdet.item()
