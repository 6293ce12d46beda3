"""Two VAEs so small that every number of the assessment has a closed form, each with two free parameters.

All in nats per x, float64; the functions take tensors of parameters and are differentiable.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaescope import Draws
from vaescope.estimators.gaussian import log_density, standard_log_density
from vaescope.evidence.linear_gaussian import LinearGaussian

READ_RATE = 1.0
"""Nats of the unit that the linear decoder reads."""

SYMBOLS = 5
PLACES = torch.arange(SYMBOLS, dtype=torch.float64) - (SYMBOLS - 1) / 2
PLACES = PLACES / PLACES.square().mean().sqrt()
"""The codes of the symbols of the toy model before scaling, with mean 0 and variance 1."""

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
NODES = torch.from_numpy(_NODES)
WEIGHTS = torch.from_numpy(_WEIGHTS / _WEIGHTS.sum())


@dataclass(frozen=True)
class Numbers:
    """Closed forms at a point, or at many: tensors of one shape."""

    rate: Tensor
    distortion: Tensor
    information: Tensor

    @property
    def marginal_kl(self) -> Tensor:
        """KL(q(z) || p(z)) = R - I."""
        return self.rate - self.information

    @property
    def elbo(self) -> Tensor:
        """-(D + R)."""
        return -(self.rate + self.distortion)


class Linear:
    """Two units, x in R^2. The decoder reads the first correctly and ignores the second.

    x_1 = w z_1 + noise,  x_2 = noise;   q(z_2|x_2) = N(slope x_2, std^2), and q(z_1|x_1) the exact posterior.

    Of the second unit R = 1/2 (slope^2 + std^2 - 1) - log std and I = 1/2 log(1 + slope^2/std^2); D does not know it.
    """

    entropy = math.log(2 * math.pi * math.e) + READ_RATE

    def numbers(self, slope: Tensor, std: Tensor) -> Numbers:
        """Return the closed forms of the whole model."""
        rate = 0.5 * (slope.square() + std.square() - 1) - std.log() + READ_RATE
        information = 0.5 * torch.log1p((slope / std).square()) + READ_RATE
        return Numbers(rate, torch.full_like(rate, self.entropy - READ_RATE), information)

    def vae(self, slope: float, std: float) -> LinearGaussian:
        """Return the model at a point as a ``LinearGaussian``."""
        signal = math.exp(2 * READ_RATE) - 1
        double = {"dtype": torch.float64}
        return LinearGaussian(
            weight=torch.tensor([[math.sqrt(signal), 0.0], [0.0, 0.0]], **double),
            bias=torch.zeros(2, **double),
            noise=1.0,
            data_mean=torch.zeros(2, **double),
            data_covariance=torch.tensor([[1 + signal, 0.0], [0.0, 1.0]], **double),
            encoder_weight=torch.tensor([[math.sqrt(signal) / (1 + signal), 0.0], [0.0, slope]], **double),
            encoder_bias=torch.zeros(2, **double),
            encoder_std=torch.tensor([(1 + signal) ** -0.5, std], **double),
        )

    def draws(self, slope: float, std: float, *, texts: int, samples: int, seed: int) -> Draws:
        """Return a sweep over fresh data."""
        tensors = self.vae(slope, std).sample_draws(texts, samples=samples, seed=seed)
        return Draws(**tensors, metadata={"entropy": self.entropy})

    def codes(self, slope: float, std: float) -> tuple[Tensor, Tensor]:
        """Return means and standard deviations of q(z_2|x) that show what the second unit does, ``[N]`` each."""
        x_N = torch.distributions.Normal(0.0, 1.0).icdf((torch.arange(400) + 0.5).double() / 400)
        return slope * x_N, torch.full_like(x_N, std)

    def path(self, rate: float, shares: Tensor) -> Tensor:
        """Return points ``[P, 2]`` with the same rate of the second unit; ``shares`` of it are information.

        R, D and the ELBO are the same at all of them. The rest of the rate is marginal KL by codes that lie too far
        out: v = slope^2 + std^2 > 1 with 1/2 (v - 1 - log v) = (1 - share) rate.
        """
        points = []
        for share in shares.tolist():
            kl = (1 - share) * rate
            low, high = 1.0, 2 * kl + 20.0
            for _ in range(200):
                middle = (low + high) / 2
                low, high = (middle, high) if 0.5 * (middle - 1 - math.log(middle)) < kl else (low, middle)
            noise = low / math.exp(2 * share * rate)
            points.append([math.sqrt(max(low - noise, 0.0)), math.sqrt(noise)])
        return torch.tensor(points, dtype=torch.float64)


class Toy:
    """One of five symbols and one unit: q(z|k) = N(spread c_k, std^2). The decoder sees z through a blur:

    p(k|z) is proportional to N(z; spread c_k, blur^2), the posterior of k if codes were as wide as the blur.

    R = 1/2 (spread^2 + std^2 - 1) - log std, since the c_k have variance 1; D and I are one-dimensional integrals, here
    by Gauss-Hermite quadrature with 80 nodes for each symbol.
    """

    entropy = math.log(SYMBOLS)

    def __init__(self, blur: float = 0.7) -> None:
        self.blur = blur

    def numbers(self, spread: Tensor, std: Tensor, blur: Tensor | None = None) -> Numbers:
        """Return the closed forms."""
        blur = torch.as_tensor(self.blur, dtype=torch.float64) if blur is None else blur
        rate = 0.5 * (spread.square() + std.square() - 1) - std.log()
        return Numbers(rate, -self._log_share(spread, std, blur), self.entropy + self._log_share(spread, std, std))

    def _log_share(self, spread: Tensor, std: Tensor, width: Tensor) -> Tensor:
        """E log [N(z; spread c_k, width^2) / sum_j N(z; spread c_j, width^2)] over k and z ~ q(z|k)."""
        mean_K = spread[..., None] * PLACES
        z_KG = mean_K[..., None] + std[..., None, None] * NODES
        score_KGJ = -0.5 * ((z_KG[..., None] - mean_K[..., None, None, :]) / width[..., None, None, None]).square()
        own_KG = score_KGJ.diagonal(dim1=-3, dim2=-1).transpose(-1, -2)
        return ((own_KG - score_KGJ.logsumexp(-1)) * WEIGHTS).sum(-1).mean(-1)

    def draws(self, spread: float, std: float, *, texts: int, samples: int, seed: int) -> Draws:
        """Return a sweep over fresh data."""
        generator = torch.Generator().manual_seed(seed)
        k_N = torch.randint(SYMBOLS, (texts,), generator=generator)
        mean_N1 = spread * PLACES[k_N][:, None]
        std_N1 = torch.full_like(mean_N1, std)
        z_SN1 = mean_N1 + std * torch.randn(samples, texts, 1, generator=generator, dtype=torch.float64)
        score_SNK = -0.5 * ((z_SN1 - spread * PLACES) / self.blur).square()
        log_p_SNK = score_SNK.log_softmax(-1)
        return Draws(
            posterior_mean=mean_N1,
            posterior_std=std_N1,
            z=z_SN1,
            log_p_x_z=log_p_SNK.gather(2, k_N.expand(samples, -1)[..., None]).squeeze(2),
            log_p_z=standard_log_density(z_SN1).sum(-1),
            log_q_z_x=log_density(z_SN1, mean_N1, std_N1).sum(-1),
            tokens=torch.ones(texts, dtype=torch.long),
            metadata={"entropy": self.entropy},
        )

    def codes(self, spread: float, std: float) -> tuple[Tensor, Tensor]:
        """Return means and standard deviations of the five q(z|k)."""
        return spread * PLACES, torch.full_like(PLACES, std)

    def path(self, elbo: float, spreads: Tensor) -> Tensor:
        """Return points ``[P, 2]`` with the same ELBO, where the codes are narrower than optimal for their spread."""
        points = []
        for spread in spreads:
            low, high = 1e-3, 1.0
            stds = torch.linspace(low, high, 200, dtype=torch.float64)
            high = stds[self.numbers(spread.expand(200), stds).elbo.argmax()].item()
            for _ in range(100):
                middle = (low + high) / 2
                above = self.numbers(spread, torch.tensor(middle, dtype=torch.float64)).elbo > elbo
                low, high = (low, middle) if above else (middle, high)
            points.append([spread.item(), (low + high) / 2])
        return torch.tensor(points, dtype=torch.float64)
