"""TARP and PQMass on the linear-Gaussian model: exact nulls, and what each detects."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from vaescope import assess
from vaescope.assessment.diagnostics.pqmass import Pqmass
from vaescope.assessment.diagnostics.tarp import Tarp
from vaescope.estimators.voronoi import compare_cells
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.testing.example_evidence import draws_at, evidence


def matched(d=3, rate=3.0):
    return LinearGaussian.matched(latent_size=d, data_size=d + 2, rate=rate)


def tarp_of(vae, **options):
    found = assess(evidence(vae, samples=1, **options), diagnostics=["tarp"])
    return found.estimates["tarp"], {f.name: f.verdict for f in found.findings}["tarp"]


def dependent(size: int = 3) -> LinearGaussian:
    """A model whose posterior has dependent units, with an encoder that is right for each unit alone."""
    vae = matched(size)
    weight = vae.weight @ (torch.eye(size, dtype=torch.float64) + 2.0)
    precision = torch.eye(size, dtype=torch.float64) + weight.mT @ weight
    covariance = torch.linalg.inv(precision)
    encoder = covariance @ weight.mT
    model = weight @ weight.mT + torch.eye(vae.data_size, dtype=torch.float64)
    return replace(
        vae,
        weight=weight,
        data_covariance=model,
        encoder_weight=encoder,
        encoder_bias=-encoder @ vae.bias,
        encoder_std=covariance.diagonal().sqrt(),
    )


def test_the_right_encoder_is_covered_and_a_narrow_one_is_not():
    estimate, verdict = tarp_of(matched())
    assert verdict == "PASS"
    assert estimate.low <= 0.9 <= estimate.high
    narrow, verdict = tarp_of(replace(matched(), encoder_std=matched().encoder_std * 0.5))
    assert verdict == "FAIL"
    assert narrow.high < 0.8


def test_one_unit_and_a_far_point_give_the_coverage_of_the_normal_distribution():
    """Twice the mean is far outside of a narrow posterior, so the ball is a half-line."""
    vae = matched(1, 5.0)
    estimate, _ = tarp_of(replace(vae, encoder_std=vae.encoder_std * 0.7), n=2000)
    truth = 2 * stats.norm.cdf(stats.norm.ppf(0.95) * 0.7) - 1
    assert estimate.value == pytest.approx(truth, abs=0.03)


def test_balls_see_dependent_units_which_single_units_do_not():
    known = evidence(dependent(), n=800)
    found = assess(known, diagnostics=["tarp", "posterior_calibration"]).estimates
    assert found["tarp"].detail["rejected"]
    assert not [name for name in found["posterior_calibration"].detail["rejected"] if name.startswith("z_")]


def test_a_right_posterior_is_rejected_in_about_five_percent():
    rejected = sum(
        bool(Tarp().estimate(evidence(matched(), n=60, samples=1, seed=seed))["tarp"].detail["rejected"])
        for seed in range(40)
    )
    assert rejected <= 6


def divergence(shift: float) -> float:
    """The Jensen-Shannon divergence of N(0, 1) and N(shift, 1) by quadrature."""
    grid = np.linspace(-10, 10 + shift, 20001)
    pair = stats.norm.pdf(grid), stats.norm.pdf(grid, shift)

    def entropy(density):
        return -np.trapezoid(density * np.log(np.maximum(density, 1e-300)), grid)

    return entropy(sum(pair) / 2) - sum(map(entropy, pair)) / 2


def shifted(n: int, size: int, shift: float, seed: int = 0) -> Evidence:
    generator = torch.Generator().manual_seed(seed)
    z_ND = torch.randn(n, size, generator=generator, dtype=torch.float64)
    z_ND[:, 0] += shift
    return Evidence.of(replace(draws_at(z_ND, 0.05, z_ND=z_ND), text_id=torch.arange(n)))


def test_cells_are_below_the_divergence_and_near_it_in_few_units():
    found = Pqmass().estimate(shifted(1500, 2, 1.0))["pqmass"]
    assert found.low < divergence(1.0) < math.log(2)
    assert found.value > 0.7 * divergence(1.0)
    assert found.detail["p_value"] == pytest.approx(1 / 200)
    assert {f.verdict for f in assess(shifted(1500, 2, 1.0), diagnostics=["pqmass"]).findings} >= {"FAIL"}
    assert Pqmass().estimate(shifted(1500, 16, 1.0))["pqmass"].value < divergence(1.0)


def test_p_values_of_equal_distributions_are_uniform():
    generator = torch.Generator().manual_seed(0)
    found = [compare_cells(*torch.randn(2, 40, 3, generator=generator), seed=seed) for seed in range(24)]
    assert sum(f.p_value <= 0.05 for f in found) <= 4
    assert sum(f.p_value <= 0.5 for f in found) in range(5, 20)
    assert abs(np.mean([f.divergence for f in found])) < 0.01


def test_copies_are_one_encoding():
    known = shifted(60, 4, 0.0)
    text = torch.arange(60).repeat(10)
    z_ND = known.draws.z[0][text]
    copied = Evidence.of(replace(draws_at(z_ND, 0.05, z_ND=z_ND), text_id=text))
    found = Pqmass().estimate(copied)["pqmass"]
    assert (found.n, found.detail["p_value"] > 0.02) == (60, True)
