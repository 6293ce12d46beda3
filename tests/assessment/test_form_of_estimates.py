"""Whatever the draws: a value is inside its interval, nothing that is never negative reaches below 0, se 0 is exact."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from vaescope import Draws, assess
from vaescope.estimators.gaussian import log_density, standard_log_density

NEVER_NEGATIVE = {
    "rate", "mutual_information", "marginal_kl", "total_correlation", "dimension_kl", "moment_kl", "radius",
    "radius_squared", "kolmogorov_smirnov", "sliced_wasserstein", "holes", "active_units", "resolution",
    "moments_mean", "moments_largest", "moments_smallest",
}  # fmt: skip


def draws_of(mean_ND: torch.Tensor, std: float, *, samples: int = 4, prior: int = 0) -> Draws:
    """An encoder of given means and one width, with a decoder that reads z."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(samples, *mean_ND.shape, generator=generator, dtype=torch.float64)
    z, std_ND, texts = mean_ND + std * noise, torch.full_like(mean_ND, std), len(mean_ND)
    prior_z = torch.randn(prior, mean_ND.shape[1], generator=generator, dtype=torch.float64) if prior else None
    return Draws(
        posterior_mean=mean_ND,
        posterior_std=std_ND,
        z=z,
        log_p_x_z=-20 - (z - mean_ND).square().sum(-1) - mean_ND.sum(-1).abs(),
        log_p_z=standard_log_density(z).sum(-1),
        log_q_z_x=log_density(z, mean_ND, std_ND).sum(-1),
        tokens=torch.full((texts,), 5),
        bytes=torch.full((texts,), 20),
        log_p_x_z_shuffled=-25 - mean_ND.square().sum(-1),
        shuffled_from=torch.arange(texts).roll(1),
        prior_z=prior_z,
    )


def codes(texts: int, size: int) -> torch.Tensor:
    return 0.8 * torch.randn(texts, size, generator=torch.Generator().manual_seed(texts), dtype=torch.float64)


def ring(texts: int) -> torch.Tensor:
    angle = 2 * math.pi * torch.rand(texts, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return 1.3 * torch.stack([angle.cos(), angle.sin()], 1)


CASES = {
    "2 texts, 1 unit": lambda: draws_of(codes(2, 1), 0.6),
    "2 texts, 64 units": lambda: draws_of(codes(2, 64), 0.6),
    "3 texts, 2 units": lambda: draws_of(codes(3, 2), 0.6),
    "5 texts, 1 unit, 1 sample": lambda: draws_of(codes(5, 1), 0.6, samples=1),
    "8 texts, sampled prior": lambda: draws_of(codes(8, 2), 0.6, prior=200),
    "2 texts, 4 samples of the prior": lambda: draws_of(codes(2, 2), 0.6, prior=4),
    "ring of 5": lambda: draws_of(ring(5), 0.1),
    "narrow": lambda: draws_of(codes(5, 2), 1e-4),
    "2 texts 3 times": lambda: draws_of(codes(2, 2).repeat(3, 1), 0.6),
    "outlier": lambda: draws_of(torch.cat([codes(9, 4), torch.full((1, 4), 40.0, dtype=torch.float64)]), 0.7),
    "entropy with an error": lambda: replace(draws_of(codes(8, 2), 0.6), metadata={"entropy": 22.0, "entropy_se": 3.0}),
}


@pytest.mark.parametrize("case", CASES)
def test_every_estimate_keeps_its_promises(case):
    draws = CASES[case]()
    found = assess(draws)
    equal = {"rate", "marginal_kl", "moment_kl"} if case == "ring of 5" else set()
    for name, e in found.estimates.items():
        assert math.isfinite(e.value), (name, e)
        assert e.low - 1e-9 <= e.value <= e.high + 1e-9, (name, e)
        assert e.low >= -1e-9 or name not in NEVER_NEGATIVE, (name, e)
        assert e.se > 0 or e.kind == "exact" or name in equal | {"active_units"}, (name, e)
    assert not [f for f in found.findings if f.name.startswith("identity") and f.verdict == "FAIL"]
    assert "nan" not in " ".join(f.message for f in found.findings)


def test_two_texts_certify_no_information():
    """With one of two texts left out I_self is 0 whatever it is: its jackknife error said that it is exact."""
    found = assess(draws_of(codes(2, 8), 0.1), diagnostics=["mutual_information", "marginal_kl"]).estimates
    assert found["mutual_information"].low == 0
    assert found["mutual_information"].value > 0.5
    assert found["marginal_kl"].low == 0


@pytest.mark.parametrize("texts", [2, 4, 8])
def test_the_interval_of_active_units_holds_for_few_texts(texts):
    """One unit of variance 0.02, twice the cut: a bootstrap of few texts knows little of a variance."""
    missed = 0
    for seed in range(100):
        generator = torch.Generator().manual_seed(seed)
        mean_N1 = 0.02**0.5 * torch.randn(texts, 1, generator=generator, dtype=torch.float64)
        e = assess(draws_of(mean_N1, 0.9), diagnostics=["active_units"]).estimates["active_units"]
        missed += not e.low <= 1 <= e.high
    assert missed <= 8
