"""The subjects of the survey: what each model is, what is true of it, and which finding must say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from models import (
    Clustered,
    Truth,
    Types,
    as_texts,
    barely_used,
    clusters,
    correlated,
    deaf,
    healthy,
    linear_draws,
    linear_truth,
    missed_mode,
    outlier,
    ring,
    scaled,
    xor,
)

from vaescope import Draws
from vaescope.evidence.linear_gaussian import LinearGaussian

FIT = ("marginal_kl", "moments", "holes", "radius", "kolmogorov_smirnov", "sliced_wasserstein", "mmd")
"""Findings that say that q(z) is not p(z)."""


@dataclass(frozen=True)
class Subject:
    """A model with its data.

    Attributes:
        what: the model in a few words.
        texts: number of texts N.
        draw: the draws of a seed, as densities of x.
        truth: what is known of it: rate, information, marginal_kl, use, inference_gap, in nats per text.
        sick: its sicknesses: ``use`` (of z), ``fit`` (of q(z) to p(z)), ``inference``, ``numbers`` (too few texts or
            samples, repeated texts, or draws that are not what they say); empty for a healthy model.
        names: findings of which one at least must be FAIL or WARN; for ``numbers`` alone UNRESOLVED counts too.
    """

    what: str
    texts: int
    draw: Callable[[int], Draws]
    truth: Truth
    sick: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def make(self, seed: int) -> Draws:
        """Return the draws of a seed, as probabilities of texts."""
        return as_texts(self.draw(seed))


def linear(
    what: str, vae: LinearGaussian, n: int, *sick: str, names: tuple[str, ...] = (), samples: int = 64
) -> Subject:
    """Return a linear-Gaussian subject, whose truths have a closed form."""
    return Subject(what, n, lambda seed: linear_draws(vae, n, samples, seed), linear_truth(vae), sick, names)


def typed(what: str, types: Types, n: int, *sick: str, names: tuple[str, ...] = ()) -> Subject:
    """Return a subject whose texts are of finitely many types."""
    return Subject(what, n, lambda seed: types.draws(n, 64, seed), types.truth(), sick, names)


def clustered(what: str, model: Clustered, n: int, *sick: str, names: tuple[str, ...] = ()) -> Subject:
    """Return a subject whose prior is known by samples only."""
    return Subject(what, n, lambda seed: model.draws(n, 64, seed), model.truth(), sick, names)


def repeated(what: str, vae: LinearGaussian, n: int, each: int, *sick: str, names: tuple[str, ...] = ()) -> Subject:
    """Return an exact model on n texts, each of which comes ``each`` times."""

    def make(seed: int) -> Draws:
        different = n // each
        draws = linear_draws(vae, different, 64, seed)
        index = torch.arange(different).repeat_interleave(each)
        fresh = linear_draws(vae, different, 64 * each, seed)
        z_SND = fresh.z.reshape(64, each, different, -1).transpose(1, 2).reshape(64, different * each, -1)
        picked = {
            name: getattr(fresh, name).reshape(64, each, different).transpose(1, 2).reshape(64, -1)
            for name in ("log_p_x_z", "log_p_z", "log_q_z_x")
        }
        return Draws(
            posterior_mean=draws.posterior_mean[index],
            posterior_std=draws.posterior_std[index],
            z=z_SND,
            tokens=draws.tokens[index],
            **picked,
        )

    return Subject(what, n, make, linear_truth(vae) | {"copies": 1 - 1 / each}, sick, names)


def broken(what: str, n: int, change: Callable[[Draws], Draws], *names: str) -> Subject:
    """Return a healthy model whose draws are not what they say."""
    vae = healthy(4, 3.0)
    truth = linear_truth(vae)
    return Subject(what, n, lambda seed: change(linear_draws(vae, n, 64, seed)), truth, ("numbers",), names)


def _other_z(draws: Draws) -> Draws:
    """Keep the densities, but let z be wider than its posterior by half."""
    z = draws.posterior_mean + 1.5 * (draws.z - draws.posterior_mean)
    log_q = torch.distributions.Normal(draws.posterior_mean, draws.posterior_std).log_prob(z).sum(-1)
    log_p = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
    return replace(draws, z=z, log_q_z_x=log_q, log_p_z=log_p)


def _uneven(seed: int) -> Draws:
    """Return a scorer that is not repeatable: 3 nats higher at every other sample."""
    draws = linear_draws(healthy(4, 3.0), 600, 64, seed)
    odd_S1 = 3.0 * (torch.arange(64) % 2)[:, None]
    return replace(draws, log_p_x_z=draws.log_p_x_z + odd_S1)


def _single(draws: Draws) -> Draws:
    """Return the draws in float32, as a network gives them."""
    return replace(draws, **{k: v.float() for k, v in draws.tensors().items() if v.is_floating_point()})


HEALTHY = {
    "h1": linear("exact encoder", healthy(1, 1.0), 20),
    "h2": linear("exact encoder", healthy(2, 3.0), 100),
    "h3": linear("exact encoder", healthy(2, 2.0), 4000),
    "h4": linear("exact encoder, rate above log N", healthy(8, 8.0), 600),
    "h5": linear("exact encoder", healthy(8, 3.0), 2000),
    "h6": linear("exact encoder", healthy(16, 5.0), 500),
    "h7": linear("exact encoder, rate above log N", healthy(32, 20.0), 600),
    "h8": linear("exact encoder", healthy(64, 6.0), 1000),
    "h9": linear("encoder 5% too wide", scaled(healthy(8, 3.0), std=1.05), 1000),
    "h10": linear("8 of 32 units used", healthy(32, 4.0, units=8), 1000),
    "h11": linear("sharp codes, std 0.01", healthy(2, 9.2), 600),
    "h12": linear("few texts, many units", healthy(8, 2.0), 20),
    "h13": clustered("prior of three clusters, by samples", Clustered(2), 600),
    "h14": clustered("prior of three clusters, by samples", Clustered(8, width=1.5), 1000),
    "h15": repeated("every text twice", healthy(2, 2.0), 600, 2),
    "h16": repeated("every text 10 times", healthy(2, 4.0), 600, 10),
}

NARROW = scaled(healthy(8, 3.0), std=0.2)
SICK = {
    "s1": linear("collapsed", healthy(8, 1e-3), 600, "use", names=("latent_use",)),
    "s2": linear("collapsed", healthy(32, 0.02), 4000, "use", names=("latent_use",)),
    "s3": linear(
        "z barely read, narrow posteriors, 20 of 32 units active",
        barely_used(),
        1000,
        "use",
        "fit",
        "inference",
        names=("latent_use", "decoder_use"),
    ),
    "s4": linear(
        "decoder ignores z that says which text it is",
        deaf(healthy(8, 4.0)),
        600,
        "use",
        "inference",
        names=("decoder_use",),
    ),
    "s5": linear(
        "all texts have the same narrow posterior",
        scaled(healthy(8, 4.0), mean=0.0, std=0.5),
        600,
        "use",
        "fit",
        "inference",
        names=("latent_use",),
    ),
    "s6": linear(
        "q(z) shifted by 0.5 in 8 units", scaled(healthy(8, 3.0), shift=0.5), 600, "fit", "inference", names=FIT
    ),
    "s7": linear(
        "q(z) shifted by 0.6 in 64 units, few texts",
        scaled(healthy(64, 40.0), shift=0.6),
        100,
        "fit",
        "inference",
        names=FIT,
    ),
    "s8": linear("q(z) twice as wide as p(z)", scaled(healthy(8, 8.0), mean=2.0), 600, "fit", "inference", names=FIT),
    "s9": linear(
        "q(z) narrower than p(z), means halved", scaled(healthy(8, 8.0), mean=0.5), 1000, "fit", "inference", names=FIT
    ),
    "s10": linear("two of 8 units correlated", correlated(8, 20.0), 1000, "fit", names=(*FIT, "total_correlation")),
    "s11": typed(
        "two clusters in unit 0, moments of the prior",
        clusters([[0.98, 0.0], [-0.98, 0.0]], 0.2),
        600,
        "fit",
        "inference",
        names=FIT,
    ),
    "s12": typed("codes on a ring", ring(), 600, "fit", "inference", names=FIT),
    "s13": Subject(
        "signs of 3 units multiply to +1, pairs as the prior",
        1000,
        lambda seed: xor(1000, 64, seed),
        {"rate": 8.99, "information": 8.34, "marginal_kl": 0.65, "use": 1000.0},
        ("fit", "inference"),
        (*FIT, "classifier_two_sample", "total_correlation"),
    ),
    "s14": typed(
        "8 tight codes that all texts share",
        clusters(torch.randn(8, 8, generator=torch.Generator().manual_seed(1)).tolist(), 0.05),
        600,
        "fit",
        "inference",
        names=FIT,
    ),
    "s15": Subject(
        "one text 60 units away",
        600,
        lambda seed: outlier(600, 64, seed),
        {"use": 20.0},
        ("fit", "numbers"),
        ("outlying_texts", "latent_use", "rate", *FIT),
    ),
    "s16": linear(
        "posteriors 5 times too narrow", NARROW, 600, "inference", "fit", names=("inference_gap", "log_likelihood")
    ),
    "s17": linear(
        "posteriors 3 times too wide",
        scaled(healthy(8, 12.0), std=3.0),
        600,
        "inference",
        "fit",
        names=("inference_gap",),
    ),
    "s18": Subject(
        "encoder knows one of two modes of the posterior",
        600,
        lambda seed: missed_mode(600, 64, seed),
        {"inference_gap": 0.693, "use": 50.0},
        ("inference", "fit"),
        FIT,
    ),
    "s19": linear(
        "20 texts for a rate of 30",
        healthy(16, 30.0),
        20,
        "numbers",
        names=("mutual_information", "surplus_rate", "marginal_kl"),
    ),
    "s20": broken("z drawn wider than the posterior that is stated", 600, _other_z, "identity_rate"),
    "s21": Subject(
        "log p(x|z) that is 3 nats higher at every other sample",
        600,
        _uneven,
        {},
        ("inference",),
        ("log_likelihood", "inference_gap"),
    ),
    "s22": clustered(
        "prior by samples, q(z) shifted by 0.5", Clustered(8, shift=0.5, width=1.5), 600, "fit", "inference", names=FIT
    ),
    "s23": clustered("prior by samples, one of its three clusters unused", Clustered(2, used=2), 600, "fit", names=FIT),
    "s24": repeated(
        "every text 10 times, sharp codes",
        healthy(8, 24.0),
        600,
        10,
        "numbers",
        names=("repeated_texts", "mutual_information", "surplus_rate"),
    ),
    "s25": linear(
        "4 samples of each text, posteriors too narrow",
        NARROW,
        600,
        "inference",
        "numbers",
        "fit",
        names=("log_likelihood", "inference_gap"),
        samples=4,
    ),
    "s26": Subject(
        "float32, codes of std 1e-4 in 64 units",
        1000,
        lambda seed: _single(linear_draws(healthy(64, 590.0), 1000, 4, seed)),
        linear_truth(healthy(64, 590.0)),
        ("numbers",),
        ("mutual_information", "surplus_rate"),
    ),
}
SUBJECTS = HEALTHY | SICK
