from __future__ import annotations

import pytest
import torch
from scipy import stats

from vaescope.estimators import goodness


def sample(n: int, seed: int) -> torch.Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_p_values_of_the_distance_are_uniform_under_the_null():
    p = [goodness.kolmogorov_smirnov(sample(60, seed))[1] for seed in range(200)]
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    p = [goodness.kolmogorov_smirnov(sample(60, seed), sample(77, seed + 1000))[1] for seed in range(200)]
    assert (torch.tensor(p) < 0.05).double().mean() < 0.08


def test_the_margin_contains_the_true_distance():
    truth = stats.norm.cdf(0.15) - stats.norm.cdf(-0.15)
    margin = goodness.distance_margin(100)
    found = [goodness.kolmogorov_smirnov(sample(100, seed) + 0.3)[0] for seed in range(150)]
    assert sum(abs(value - truth) <= margin for value in found) >= 0.95 * 150 - 6


def test_holm_never_rejects_more_than_the_single_tests():
    p = torch.rand(30, generator=torch.Generator().manual_seed(0))
    adjusted = goodness.holm(p)
    assert (adjusted >= p).all()
    assert (adjusted[p.argsort()].diff() >= 0).all()
    assert (goodness.holm(torch.full((4,), 0.5)) == 1).all()


def test_quantiles_and_their_spread_make_the_wasserstein_distance():
    n = 400
    exact = goodness.normal_quantiles(n)
    assert exact.mean().item() == pytest.approx(0, abs=1e-12)
    shifted = goodness.squared_wasserstein((exact + 0.5)[:, None], exact) + goodness.normal_quantile_spread(n)
    assert shifted.item() == pytest.approx(0.25, abs=0.005)


def test_pinsker_bounds_the_kl_of_a_shift():
    for shift in (0.1, 0.5, 2.0):
        distance = stats.norm.cdf(shift / 2) - stats.norm.cdf(-shift / 2)
        assert goodness.nats_from_distance(distance) <= shift**2 / 2
