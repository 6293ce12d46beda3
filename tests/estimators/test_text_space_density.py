"""Ends of log q(z) by texts drawn from a decoder, against the closed form of linear-Gaussian models."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vaescope.estimators.text_space_density import log_density_ends
from vaescope.evidence.linear_gaussian import LinearGaussian


def model() -> LinearGaussian:
    """A decoder with too much noise: 0.65 nats from q(x|z)."""
    vae = LinearGaussian.matched(latent_size=2, data_size=3, rate=12.0)
    return replace(vae, noise=3.0)


def test_the_ends_enclose_the_density_far_above_log_k():
    """Rate 12 nats and K = 16: the index code could not show more than log 17 = 2.8 nats."""
    vae = model()
    z_ND, log_w_KN = vae.text_space(4000, drawn=16)
    normal = torch.distributions.MultivariateNormal(vae.aggregate_mean, vae.aggregate_covariance)
    lower_N, upper_N = log_density_ends(log_w_KN)
    for end_N, side in ((lower_N, -1), (upper_N, 1)):
        gap_N = side * (end_N - normal.log_prob(z_ND))
        assert gap_N.mean() > -3 * gap_N.std() / 4000**0.5
        assert gap_N.mean() < 0.1


def test_the_ends_meet_as_more_texts_are_drawn():
    gaps = []
    for drawn in (2, 16, 128):
        lower_N, upper_N = log_density_ends(model().text_space(1000, drawn=drawn)[1])
        gaps.append((upper_N - lower_N).mean().item())
    assert gaps[0] > 4 * gaps[1] > 16 * gaps[2] > 0


def test_without_the_own_text_the_upper_end_would_be_below_the_truth():
    """The mutation: without w_0 the upper end is a lower end."""
    vae = model()
    z_ND, log_w_KN = vae.text_space(3000, drawn=2)
    truth = torch.distributions.MultivariateNormal(vae.aggregate_mean, vae.aggregate_covariance).log_prob(z_ND).mean()
    forgotten = log_density_ends(log_w_KN[1:])[1].mean()
    assert forgotten < truth - 0.1
    assert log_density_ends(log_w_KN)[1].mean() > truth


def test_texts_that_cannot_be_are_counted_with_weight_0():
    log_w = torch.tensor([[0.0], [-torch.inf], [-torch.inf]])
    lower, upper = log_density_ends(log_w)
    assert lower.item() == -torch.inf
    assert upper.exp().item() == pytest.approx(1 / 3)
