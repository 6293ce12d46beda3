"""Estimators that fit something: mixtures, classifiers, mixed membership."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from vaescope.estimators import classifier, mixed_membership, mixture


def normal(n: int, d: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return shift + torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_mixture_finds_clusters_and_is_a_density():
    z_ND = torch.cat([normal(400, 2, seed, 4.0 * seed) for seed in range(3)])
    found = mixture.fit(z_ND)
    assert found.n_components >= 5
    fresh_ND = torch.cat([normal(300, 2, 10 + seed, 4.0 * seed) for seed in range(3)])
    truth = torch.logsumexp(
        torch.stack([-0.5 * (fresh_ND - 4.0 * seed).square().sum(1) for seed in range(3)]), 0
    ) - math.log(2 * math.pi * 3)
    loss = (truth - mixture.log_density(found, fresh_ND)).mean().item()
    assert 0 <= loss < 0.1


def test_mixture_of_one_gaussian_is_one_component():
    assert mixture.fit(normal(900, 4, 0)).n_components == 1
    assert mixture.fit(normal(20, 4, 0)) is None


@pytest.mark.parametrize("name", classifier.CLASSIFIERS)
def test_classifier_stays_below_the_optimum_and_finds_a_shift(name):
    found = classifier.two_sample(normal(1500, 4, 0, 0.5), normal(1500, 4, 1), name)
    optimum = stats.norm.cdf(0.5 * math.sqrt(4 * 0.25))
    assert optimum - 0.06 < found.accuracy < optimum + 0.03
    assert found.p_value < 1e-6
    assert found.gains.mean() > 0.05


@pytest.mark.parametrize("name", classifier.CLASSIFIERS)
def test_classifier_gains_nothing_under_the_null(name):
    p = []
    for seed in range(40):
        found = classifier.two_sample(normal(100, 3, 2 * seed), normal(100, 3, 2 * seed + 1), name, seed=seed)
        se = found.gains.std().item() / math.sqrt(len(found.gains))
        assert found.gains.mean().item() < 4 * se + 1e-9
        p.append(found.p_value)
    assert stats.kstest(p, "uniform", alternative="greater").pvalue > 1e-3


def test_logistic_of_many_units_uses_squares_alone():
    x_ND = 1.3 * normal(400, 50, 0)
    assert classifier.two_sample(x_ND, normal(400, 50, 1), "logistic").accuracy > 0.8


def test_membership_of_equal_groups_is_equal():
    groups = {"a": normal(300, 3, 0), "b": normal(300, 3, 1), "c": normal(300, 3, 2, 3.0)}
    found = mixed_membership.fit(groups, components=4)
    assert found.expected_kl("a", "b") < 0.1
    assert found.expected_kl("a", "c") > 5
    torch.testing.assert_close(found.weights.sum(1), torch.ones(3).double())
    torch.testing.assert_close(found.weights[2] @ found.means, groups["c"].mean(0), atol=0.2, rtol=0)


def test_expected_kl_is_that_of_dirichlet_samples():
    a, b = torch.tensor([3.0, 5.0, 2.0]), torch.tensor([4.0, 4.0, 9.0])
    torch.manual_seed(0)
    p, r = (torch.distributions.Dirichlet(c).sample((200_000,)) for c in (a, b))
    sampled = (p * (p / r).log()).sum(1).mean().item()
    assert mixed_membership.expected_kl(a, b) == pytest.approx(sampled, abs=0.02)
