"""Evidence of linear-Gaussian VAEs, whose truth is known, to test diagnostics on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from vaescope.estimators.gaussian import log_density, standard_log_density
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.experiments import Annealed, Experiments, Inference, Interpolation, Tokens
from vaescope.evidence.facts import Baseline, Facts
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.evidence.noisy_code import NoisyCode
from vaescope.evidence.simulations import Simulations
from vaescope.randomness import stream


def mixed(vae: LinearGaussian) -> LinearGaussian:
    """Return the same model with an encoder that is wrong in every way: mixed, shifted, too wide."""
    n = vae.data_size
    noise = torch.randn(n, n, generator=torch.Generator().manual_seed(1)).double()
    weight = vae.encoder_weight + vae.encoder_weight @ noise * (0.2 / math.sqrt(n))
    return replace(vae, encoder_weight=weight, encoder_bias=vae.encoder_bias + 0.2, encoder_std=vae.encoder_std * 1.2)


def draws_at(mean_ND: Tensor, std: float, *, z_ND: Tensor | None = None, seed: int = 7) -> Draws:
    """Return draws of an encoder of given means and one width, or of given z; the decoder ignores z."""
    std_ND = torch.full_like(mean_ND, std)
    if z_ND is None:
        generator = stream(seed, "draws at given means")
        z_ND = mean_ND + std_ND * torch.randn(mean_ND.shape, generator=generator, dtype=torch.float64)
    n = len(mean_ND)
    return Draws(
        posterior_mean=mean_ND,
        posterior_std=std_ND,
        z=z_ND[None],
        log_p_x_z=torch.zeros(1, n),
        log_p_z=standard_log_density(z_ND[None]).sum(-1),
        log_q_z_x=log_density(z_ND, mean_ND, std_ND).sum(-1)[None],
        tokens=torch.full((n,), 5),
    )


def words_of(x_Nn: Tensor) -> list[str]:
    """Return a text for each x: its coordinates in bins of width 1, one word each."""
    return [" ".join(f"w{j}_{int(value)}" for j, value in enumerate(x)) for x in x_Nn.round().tolist()]


def draws_of(vae: LinearGaussian, x_Nn: Tensor, *, samples: int, seed: int, purpose: str = "data") -> Draws:
    """Return a sweep over given data; sweeps of different purposes have different samples."""
    mean_ND, std_ND = vae.encode(x_Nn)
    generator = stream(seed, "posterior", purpose)
    noise_SND = torch.randn(samples, *mean_ND.shape, generator=generator, dtype=torch.float64)
    z_SND = mean_ND + std_ND * noise_SND
    return Draws(
        posterior_mean=mean_ND,
        posterior_std=std_ND.contiguous(),
        z=z_SND,
        log_p_x_z=vae.log_conditional(x_Nn, z_SND),
        log_p_z=standard_log_density(z_SND).sum(-1),
        log_q_z_x=log_density(z_SND, mean_ND, std_ND).sum(-1),
        tokens=torch.full((len(x_Nn),), vae.data_size),
        metadata={"seed": seed, "precision": "fp32"},
    )


def evidence(vae: LinearGaussian, n: int = 600, *, samples: int = 16, seed: int = 0) -> Evidence:
    """Return draws of the data and simulations of the model, n texts each."""
    generator = stream(seed, "simulations")
    z_ND = torch.randn(n, vae.latent_size, generator=generator, dtype=torch.float64)
    noise = torch.randn(n, vae.data_size, generator=generator, dtype=torch.float64)
    x_Nn = z_ND @ vae.weight.mT + vae.bias + vae.noise**0.5 * noise
    log_p_N = vae.log_conditional(x_Nn, z_ND[None])[0]
    data_Nn = vae.sample_data(n, seed=seed)
    draws = draws_of(vae, data_Nn, samples=samples, seed=seed)
    decoded = draws.z[0] @ vae.weight.mT + vae.bias
    noise = torch.randn(n, vae.data_size, generator=generator, dtype=torch.float64)
    simulations = Simulations(
        z=z_ND,
        sampler_log_p=log_p_N,
        log_p_x_z=log_p_N,
        finished=torch.ones(n, dtype=torch.bool),
        draws=draws_of(vae, x_Nn, samples=samples, seed=seed, purpose="simulations"),
        strings=words_of(x_Nn),
        seeds=torch.arange(n),
        resampled=words_of(decoded + vae.noise**0.5 * noise),
        reconstructions=words_of(draws.posterior_mean @ vae.weight.mT + vae.bias),
    )
    return Evidence(draws, simulations=simulations, facts=Facts(strings=words_of(data_Nn)))


def complete(vae: LinearGaussian, n: int = 60, *, samples: int = 16) -> Evidence:
    """Return all evidence that a diagnostic can ask for; experiments that need a text model are synthetic."""
    known = evidence(vae, n, samples=samples)
    draws = known.draws
    generator = torch.Generator().manual_seed(0)
    share = torch.rand(30, generator=generator, dtype=torch.float64)
    tokens = Tokens(
        position=share,
        text=torch.arange(30) // 3,
        correct_posterior=(share > 0.3).double(),
        correct_prior=(share > 0.6).double(),
        divergence=0.5 * share,
        divergence_null=0.1 * share,
    )
    experiments = Experiments(
        tokens=tokens,
        attention=share.expand(2, -1),
        inference=Inference(amortised=-9 - share, optimised=-8.5 - share, log_p=-8.4 - share),
        annealed=Annealed(lower=-9 - share, upper=-8.9 - share, importance=-9.1 - share, accepted=0.6),
        interpolation=Interpolation(
            steps=torch.linspace(0, 1, 3), start=share.view(10, 3), decoded=1 - share.view(10, 3)
        ),
        repeated=0 * share,
    )
    x_Nn = vae.sample_data(n)
    prior_ND = torch.randn(n, vae.latent_size, generator=generator, dtype=torch.float64)
    log_q_x = torch.distributions.MultivariateNormal(vae.data_mean, vae.data_covariance).log_prob(x_Nn)
    draws = replace(
        draws,
        log_p_x_z_shuffled=vae.log_conditional(x_Nn, draws.z.roll(1, 1))[0],
        shuffled_from=torch.arange(n).roll(1),
        log_p_x_z_prior=vae.log_conditional(x_Nn, prior_ND[None])[0],
        log_weights_adapted=draws.log_weights,
        log_q_x=log_q_x,
        bytes=draws.tokens,
        words=draws.tokens - 1,
        # an even number of units is read as two latents too
        metadata=draws.metadata | {"latents": 2 - vae.latent_size % 2},
    )
    facts = Facts(
        strings=known.facts.strings,
        labels=["ab"[i % 2] for i in range(n)],
        entropy=vae.entropy,
        multipliers={"rate>=": [0.3, 0.4]},
        language_model_nll=Baseline(per_text=(-log_q_x).tolist()),
    )
    return replace(known, draws=draws, experiments=experiments, facts=facts)


def noisy_gaussian_code(
    *, texts: int, size: int, levels: Sequence[float], samples: int = 4, seed: int = 0
) -> NoisyCode:
    """A code c of N texts from N(0, I), and a decoder with log p(x|z) = -1 - |z - c(x)|^2 / 2.

    With noise sigma the information is D log(1 + 1 / sigma^2) / 2, and the distortion rises by D sigma^2 / 2.
    """
    code_ND = torch.randn(texts, size, generator=stream(seed, "code"))
    unit_SND = torch.randn(samples, texts, size, generator=stream(seed, "noise"))
    half_SN = unit_SND.square().sum(-1) / 2
    return NoisyCode(
        code=code_ND,
        std=torch.tensor(list(levels)),
        unit=unit_SND,
        log_p_x_z=torch.stack([-1 - std**2 * half_SN for std in levels]),
        log_p_x_code=-torch.ones(texts),
        tokens=torch.full((texts,), 3),
    ).validate()
