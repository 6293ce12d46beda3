"""One thing is broken at a time: the diagnostics about it change, and the others do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from vaescope import Estimate, assess
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.testing.example_evidence import evidence

NAMES = (
    "rate",
    "distortion",
    "mutual_information",
    "marginal_kl",
    "moment_kl",
    "dimension_kl",
    "total_correlation",
    "active_units",
    "inference_gap",
    "joint_inconsistency",
    "latent_use",
    "kolmogorov_smirnov",
    "radius",
    "sliced_wasserstein",
    "posterior_calibration",
    "generated_likelihood",
)


def right() -> LinearGaussian:
    return LinearGaussian.matched(latent_size=4, data_size=7, rate=4.0)


def copied(vae: LinearGaussian) -> LinearGaussian:
    """Unit 1 repeats unit 0: each alone looks as before, together they do not."""
    weight, std = vae.encoder_weight.clone(), vae.encoder_std.clone()
    bias = vae.encoder_bias.clone()
    weight[1], std[1], bias[1] = weight[0], std[0], bias[0]
    return replace(vae, encoder_weight=weight, encoder_std=std, encoder_bias=bias)


def estimates_of(vae: LinearGaussian) -> dict[str, Estimate]:
    known = evidence(vae, 400)
    draws = known.draws
    x_Nn = vae.sample_data(400, seed=0)
    other = vae.log_conditional(x_Nn, draws.z[:1].roll(1, 1))[0]
    known = replace(
        known,
        draws=replace(draws, log_p_x_z_shuffled=other),
        facts=replace(known.facts, entropy=vae.entropy),
    )
    return assess(known, diagnostics=NAMES).estimates


@pytest.fixture(scope="module")
def before() -> dict[str, Estimate]:
    return estimates_of(right())


MUTATIONS: list[tuple[Callable[[LinearGaussian], LinearGaussian], str, str]] = [
    (
        lambda v: replace(v, encoder_bias=v.encoder_bias + 1.0),
        "rate distortion marginal_kl moment_kl dimension_kl inference_gap joint_inconsistency kolmogorov_smirnov "
        "radius sliced_wasserstein",
        "mutual_information total_correlation active_units",
    ),
    (
        lambda v: replace(v, encoder_std=0.5 * v.encoder_std),
        "rate mutual_information inference_gap joint_inconsistency -posterior_calibration",
        "active_units generated_likelihood",
    ),
    (
        lambda v: replace(v, encoder_weight=1.5 * v.encoder_weight),
        "rate marginal_kl moment_kl dimension_kl radius inference_gap joint_inconsistency sliced_wasserstein",
        "active_units",
    ),
    (
        lambda v: replace(
            v, encoder_weight=0 * v.encoder_weight, encoder_bias=0 * v.encoder_bias, encoder_std=torch.ones(4).double()
        ),
        "-rate distortion -mutual_information -active_units -latent_use inference_gap joint_inconsistency",
        "moment_kl dimension_kl kolmogorov_smirnov radius sliced_wasserstein",
    ),
    (
        copied,
        "marginal_kl moment_kl total_correlation distortion joint_inconsistency",
        "dimension_kl active_units",
    ),
    (
        lambda v: replace(v, bias=v.bias + 1.0),
        "distortion joint_inconsistency generated_likelihood",
        "rate mutual_information marginal_kl moment_kl dimension_kl total_correlation active_units radius",
    ),
    (
        lambda v: replace(v, weight=0 * v.weight),
        "-latent_use distortion joint_inconsistency inference_gap",
        "rate mutual_information marginal_kl moment_kl dimension_kl total_correlation active_units radius",
    ),
]
SMALLEST = {"kolmogorov_smirnov": 0.05, "radius": 0.05, "sliced_wasserstein": 0.1, "posterior_calibration": 0.05}
"""By how much a number must move; 0.3 nats (or one unit) where nothing is said."""


@pytest.mark.parametrize(
    ("broken", "moved", "still"),
    MUTATIONS,
    ids=["shift", "narrow", "stretch", "blind encoder", "copied unit", "decoder bias", "deaf decoder"],
)
def test_the_right_diagnostics_move(before, broken, moved, still):
    after = estimates_of(broken(right()))
    for name in moved.split():
        sign, key = (-1, name[1:]) if name.startswith("-") else (1, name)
        change = sign * (after[key].value - before[key].value)
        assert change > SMALLEST.get(key, 0.3), (name, change)
    for name in still.split():
        slack = 0.06 + 3 * (before[name].se + after[name].se) * (name in ("generated_likelihood", "total_correlation"))
        assert after[name].value == pytest.approx(before[name].value, abs=slack), name
