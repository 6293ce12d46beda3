from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from vaescope.evidence.linear_gaussian import LinearGaussian


def wrong_encoder(seed: int = 0) -> LinearGaussian:
    matched = LinearGaussian.matched(latent_size=3, data_size=5, rate=4.0, seed=seed)
    generator = torch.Generator().manual_seed(seed + 1)
    noise = 0.2 * torch.randn(3, 5, generator=generator).double()
    return replace(
        matched,
        encoder_weight=matched.encoder_weight + noise,
        encoder_bias=matched.encoder_bias + 0.3,
        encoder_std=matched.encoder_std * 1.4,
        data_mean=matched.data_mean + 0.1,
        data_covariance=matched.data_covariance + 0.5 * torch.eye(5).double(),
    )


@pytest.mark.parametrize("seed", range(3))
def test_identities_hold_for_a_wrong_encoder(seed):
    vae = wrong_encoder(seed)
    assert vae.rate == pytest.approx(vae.information + vae.marginal_kl)
    assert vae.joint_inconsistency == pytest.approx(vae.marginal_kl + vae.decoder_mismatch)
    assert vae.joint_inconsistency == pytest.approx(-vae.log_likelihood - vae.entropy + vae.inference_gap)
    assert min(vae.marginal_kl, vae.decoder_mismatch, vae.inference_gap, vae.total_correlation, vae.dimension_kl) > 0
    assert vae.entropy - vae.distortion <= vae.information <= vae.rate


@pytest.mark.parametrize(("latent_size", "rate"), [(2, 3.0), (8, 20.0), (32, 60.0)])
def test_matched_encoder_is_the_posterior_at_the_asked_rate(latent_size, rate):
    vae = LinearGaussian.matched(latent_size=latent_size, data_size=latent_size + 3, rate=rate)
    assert vae.rate == pytest.approx(rate)
    for gap in (vae.marginal_kl, vae.inference_gap, vae.joint_inconsistency, vae.total_correlation):
        assert gap == pytest.approx(0, abs=1e-9)
    assert vae.elbo == pytest.approx(vae.log_likelihood)


def test_closed_forms_are_those_of_the_gaussians_they_describe():
    vae = wrong_encoder()
    aggregate = MultivariateNormal(vae.aggregate_mean, vae.aggregate_covariance)
    prior = MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())
    assert kl_divergence(aggregate, prior).item() == pytest.approx(vae.marginal_kl)
    assert MultivariateNormal(vae.data_mean, vae.data_covariance).entropy().item() == pytest.approx(vae.entropy)
    # the posterior of the model, by Bayes
    precision = torch.eye(3).double() + vae.weight.mT @ vae.weight / vae.noise
    x_Nn = vae.sample_data(20_000, seed=3)
    mean_ND, std_ND = vae.encode(x_Nn)
    posterior_mean_ND = torch.linalg.solve(precision, vae.weight.mT @ (x_Nn - vae.bias).mT / vae.noise).mT
    gap = kl_divergence(
        MultivariateNormal(mean_ND, std_ND.square().diag_embed()),
        MultivariateNormal(posterior_mean_ND, precision_matrix=precision),
    )
    assert gap.mean().item() == pytest.approx(vae.inference_gap, abs=4 * gap.std().item() / 141)


def test_samples_have_the_stated_averages():
    vae = wrong_encoder()
    draws = vae.sample_draws(20_000, samples=2, seed=5)

    def near(values, truth):
        per_text = values.mean(0)
        assert per_text.mean().item() == pytest.approx(truth, abs=4 * per_text.std().item() / 141)

    near(draws["log_q_z_x"] - draws["log_p_z"], vae.rate)
    near(-draws["log_p_x_z"], vae.distortion)
    near(vae.log_prob(vae.sample_data(20_000, seed=5))[None], vae.log_likelihood)
    torch.testing.assert_close(draws["posterior_mean"].var(0), vae.active_variances, rtol=0.05, atol=0)
