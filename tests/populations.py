"""Populations of posteriors whose aggregate q(z) is known, so that information and marginal KL are known too."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from vaescope.estimators import aggregate_density, gaussian
from vaescope.evidence.draws import Draws
from vaescope.evidence.encodings import Encodings

TRUTH = 40_000
"""Texts behind a truth that is a mean: its standard error is about 0.01 nats."""


@dataclass(frozen=True)
class Texts:
    """Some texts of a population: their posteriors, their numbers, and log P(x) where texts are discrete."""

    mean: Tensor
    std: Tensor
    text_id: Tensor | None = None
    log_p: Tensor | None = None

    @property
    def encodings(self) -> Encodings:
        return Encodings(self.mean, self.std, self.text_id)


@dataclass(frozen=True)
class Population:
    """A distribution of posteriors.

    Attributes:
        name: of the shape.
        draw: n independent texts.
        log_q: log q(z) at the z of some texts.
        prior_std: the prior is N(0, prior_std^2); another value than 1 is known by samples alone.
    """

    name: str
    draw: Callable[[int, torch.Generator], Texts]
    log_q: Callable[[Tensor, Texts], Tensor]
    prior_std: float = 1.0

    @cached_property
    def truth(self) -> tuple[float, float]:
        """I(X;Z) and the marginal KL."""
        generator = torch.Generator().manual_seed(2**40)
        texts = self.draw(TRUTH, generator)
        z_ND = texts.mean + texts.std * torch.randn(texts.mean.shape, generator=generator, dtype=torch.float64)
        log_q_N = torch.cat(
            [self.log_q(z_ND[k : k + 20_000], _rows(texts, slice(k, k + 20_000))) for k in range(0, TRUTH, 20_000)]
        )
        information = (gaussian.log_density(z_ND, texts.mean, texts.std).sum(1) - log_q_N).mean().item()
        scale = self.prior_std
        rate = gaussian.kl_to_standard(texts.mean / scale, texts.std / scale).sum(1).mean().item()
        return information, rate - information

    def draws(self, texts: Texts, generator: torch.Generator) -> Draws:
        """Return a sweep over some texts with a decoder that ignores z."""
        count = len(texts.mean)
        z_SND = texts.mean + texts.std * torch.randn(2, *texts.mean.shape, generator=generator, dtype=torch.float64)
        scale = torch.tensor(self.prior_std, dtype=torch.float64)
        standard = self.prior_std == 1
        noise_MD = torch.randn(2_000, texts.mean.shape[1], generator=generator, dtype=torch.float64)
        return Draws(
            posterior_mean=texts.mean,
            posterior_std=texts.std,
            z=z_SND[:1],
            log_p_x_z=torch.zeros(2, count, dtype=torch.float64),
            log_p_z=gaussian.log_density(z_SND, torch.zeros_like(scale), scale).sum(-1),
            log_q_z_x=gaussian.log_density(z_SND, texts.mean, texts.std).sum(-1),
            tokens=torch.ones(count, dtype=torch.int64),
            prior_z=None if standard else self.prior_std * noise_MD,
            log_q_x=texts.log_p,
            text_id=texts.text_id,
        )


def _rows(texts: Texts, rows: slice) -> Texts:
    ids, log_p = (None if values is None else values[rows] for values in (texts.text_id, texts.log_p))
    return Texts(texts.mean[rows], texts.std[rows], ids, log_p)


def _normal(*shape: int, generator: torch.Generator) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def of_components(
    name: str, share_K: Tensor, centre_KD: Tensor, scale_KD: Tensor, std: float, prior_std: float = 1.0
) -> Population:
    """Return a population whose posterior means come from a mixture of Gaussians, so q(z) is one with wider parts."""

    def draw(n: int, generator: torch.Generator) -> Texts:
        index_N = torch.multinomial(share_K, n, True, generator=generator)
        mean_ND = centre_KD[index_N] + scale_KD[index_N] * _normal(n, centre_KD.shape[1], generator=generator)
        return Texts(mean_ND, torch.full_like(mean_ND, std))

    def log_q(z_ND: Tensor, _: Texts) -> Tensor:
        wide_KD = (scale_KD.square() + std**2).sqrt()
        return aggregate_density.log_block_sums(z_ND, centre_KD, wide_KD, weight_N=share_K / share_K.sum()).squeeze(1)

    return Population(name, draw, log_q, prior_std)


def ring(radius: float = 3.0, std: float = 0.05) -> Population:
    """Return a population whose posterior means lie on a circle."""

    def draw(n: int, generator: torch.Generator) -> Texts:
        angle_N = 2 * math.pi * torch.rand(n, generator=generator, dtype=torch.float64)
        mean_ND = radius * torch.stack([angle_N.cos(), angle_N.sin()], 1)
        return Texts(mean_ND, torch.full_like(mean_ND, std))

    def log_q(z_ND: Tensor, _: Texts) -> Tensor:
        length_N = z_ND.norm(dim=1)
        bessel_N = torch.special.i0e(length_N * radius / std**2).log()
        return bessel_N - (length_N - radius).square() / (2 * std**2) - math.log(2 * math.pi * std**2)

    return Population("ring", draw, log_q)


def finite(
    name: str,
    log_count: float,
    std: float = 1e-3,
    *,
    size: int = 8,
    known: bool = False,
) -> Population:
    """Return exp(log_count) texts of equal probability whose narrow codes lie apart: I = log of their number.

    No list of them exists: the code of a text is a function of its number.
    """
    count = round(math.exp(log_count))

    def draw(n: int, generator: torch.Generator) -> Texts:
        number_N = (torch.rand(n, generator=generator, dtype=torch.float64) * count).long().clamp_max(count - 1)
        mean_ND = _codes(number_N, size)
        log_p = torch.full((n,), -math.log(count), dtype=torch.float64) if known else None
        return Texts(mean_ND, torch.full_like(mean_ND, std), number_N, log_p)

    def log_q(z_ND: Tensor, texts: Texts) -> Tensor:
        return gaussian.log_density(z_ND, texts.mean, texts.std).sum(1) - math.log(count)

    return Population(name, draw, log_q)


def _codes(number_N: Tensor, size: int) -> Tensor:
    """A standard normal vector for each number: hashed bits of the number give the angles and lengths."""
    state_ND = number_N[:, None] * 0x9E3779B97F4A7 + torch.arange(1, 2 * size + 1) * 0x2545F4914F6CD
    for factor in (0x2545F4914F6CDD1D, 0x1B03738712FAD5C9):
        state_ND = (state_ND ^ (state_ND >> 29)) * factor
        state_ND = state_ND ^ (state_ND >> 32)
    uniform_ND = ((state_ND & (2**52 - 1)).double() + 0.5) / 2**52
    return (-2 * uniform_ND[:, :size].log()).sqrt() * (2 * math.pi * uniform_ND[:, size:]).cos()


def common_texts(count: int = 3_000, std: float = 0.1, *, size: int = 4, known: bool) -> Population:
    """Return texts with Zipf probabilities, so that a sample repeats many of them; P(x) is known, or not."""
    chance_K = 1 / torch.arange(1, count + 1).double()
    chance_K = chance_K / chance_K.sum()
    codes_KD = _codes(torch.arange(count), size)

    def draw(n: int, generator: torch.Generator) -> Texts:
        index_N = torch.multinomial(chance_K, n, True, generator=generator)
        mean_ND = codes_KD[index_N]
        log_p_N = chance_K[index_N].log() if known else None
        return Texts(mean_ND, torch.full_like(mean_ND, std), index_N, log_p_N)

    def log_q(z_ND: Tensor, _: Texts) -> Tensor:
        std_KD = torch.full_like(codes_KD, std)
        return aggregate_density.log_block_sums(z_ND, codes_KD, std_KD, weight_N=chance_K).squeeze(1)

    return Population("common texts, P(x) known" if known else "common texts", draw, log_q)


def hidden_half(wide: int = 60, narrow: float = 1e8, size: int = 8) -> Population:
    """Return the counterexample to collisions: half of the texts share 60 wide codes, half have narrow ones apart.

    Pairs of texts see the wide codes alone, and their number says nothing of the narrow ones; I is at most H = 11.9.
    """
    codes_KD = _codes(torch.arange(wide) + 7_000_000_000, size)
    wide_KD = torch.full_like(codes_KD, 0.5)

    def draw(n: int, generator: torch.Generator) -> Texts:
        shared_N = torch.rand(n, generator=generator) < 0.5
        index_N = torch.randint(wide, (n,), generator=generator)
        number_N = (torch.rand(n, generator=generator, dtype=torch.float64) * narrow).long()
        mean_ND = torch.where(shared_N[:, None], codes_KD[index_N], _codes(number_N, size))
        std_ND = torch.where(shared_N, 0.5, 0.03).double()[:, None].expand_as(mean_ND).contiguous()
        return Texts(mean_ND, std_ND, torch.where(shared_N, index_N, number_N + wide))

    def log_q(z_ND: Tensor, texts: Texts) -> Tensor:
        of_wide_N = aggregate_density.log_aggregate(z_ND, codes_KD, wide_KD)
        # of the other narrow codes the mean remains, which is small beside the own one
        others_N = gaussian.log_density(z_ND, torch.zeros(1).double(), torch.tensor(1.00045).double()).sum(1)
        own_N = gaussian.log_density(z_ND, texts.mean, texts.std).sum(1) - math.log(narrow)
        of_narrow_N = torch.where(texts.std[:, 0] < 0.1, torch.logaddexp(own_N, others_N), others_N)
        return torch.logaddexp(of_wide_N, of_narrow_N) - math.log(2)

    return Population("hidden half", draw, log_q)


def shapes() -> list[Population]:
    """Return one population of each shape."""
    generator = torch.Generator().manual_seed(5)
    one_KD, size = torch.ones(1, 6).double(), 6
    centres_KD = 2.5 * _normal(12, size, generator=generator)
    far_KD = torch.stack([torch.zeros(size), torch.full((size,), 6.0)]).double()
    return [
        of_components("Gaussian", one_KD[:, 0], 0 * one_KD, one_KD, 0.2),
        of_components("clusters", torch.ones(12).double(), centres_KD, torch.full_like(centres_KD, 0.4), 0.1),
        ring(),
        of_components("outliers", torch.tensor([0.98, 0.02]).double(), far_KD, torch.ones_like(far_KD), 0.2),
        finite("narrow codes", math.log(4_000), 1e-3),
        common_texts(known=False),
        common_texts(known=True),
        replace(of_components("sampled prior", one_KD[:, 0], 0 * one_KD, one_KD, 0.2, prior_std=1.5)),
    ]
