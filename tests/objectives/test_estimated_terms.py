"""Terms of q(z) and of importance weighting, against closed forms of linear-Gaussian VAEs and finite differences."""

import math
from dataclasses import replace

import pytest
import torch

from vaescope import choices
from vaescope.errors import UserError
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.model.passes import Pass
from vaescope.model.priors.gaussian import Gaussian
from vaescope.model.priors.mixture import Mixture
from vaescope.model.priors.standard import Standard


def gaussian_pass(vae, texts, seed=0, samples=1):
    """A pass of a linear-Gaussian VAE whose data set is the batch."""
    draws = vae.sample_draws(texts, seed=seed, samples=samples)
    return Pass(
        posterior=DiagonalGaussian(draws["posterior_mean"], draws["posterior_std"]),
        prior=Standard(vae.latent_size),
        z=draws["z"],
        log_p_x_z=draws["log_p_x_z"],
        log_p_z=draws["log_p_z"],
        log_q_z_x=draws["log_q_z_x"],
        tokens=draws["tokens"],
        dataset_size=texts,
    )


@pytest.fixture(scope="module")
def mismatched():
    """Rate 4 nats in 3 units, of which the encoder's scale and shift make a marginal KL."""
    vae = LinearGaussian.matched(latent_size=3, data_size=5, rate=3.0)
    rotation, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    encoder = rotation @ (torch.tensor([1.6, 1.0, 0.7], dtype=torch.float64)[:, None] * vae.encoder_weight)
    return replace(vae, encoder_weight=encoder, encoder_bias=0.4 - encoder @ vae.data_mean)


@pytest.mark.parametrize(
    ("name", "truth", "slack"),
    [
        ("rate", "rate", 0.02),
        ("distortion", "distortion", 0.05),
        ("mutual_information", "information", 0.05),
        ("marginal_kl", "marginal_kl", 0.05),
        ("marginal_kl_gaussian", "marginal_kl", 0.05),
        ("total_correlation", "total_correlation", 0.05),
        ("dimension_kl", "dimension_kl", 0.05),
        ("marginal_kl_kde", "dimension_kl", 0.08),
    ],
)
def test_a_term_is_the_closed_form(name, truth, slack, mismatched):
    """With the whole data set as batch, the stratified estimates are those of q_N(z), close to q(z) at N = 1000."""
    values = torch.stack([choices.build("terms", name)(gaussian_pass(mismatched, 1000, seed)) for seed in range(3)])
    expected = getattr(mismatched, truth)
    assert values.mean().item() == pytest.approx(expected, abs=0.06 + slack * abs(expected))


def test_mmd_is_the_closed_form(mismatched):
    """E k of Gaussians: |I + S/l^2|^-1/2 exp(-1/2 m'(l^2 I + S)^-1 m) with S the sum of the covariances."""
    unit = torch.eye(3, dtype=torch.float64)
    covariance, mean = mismatched.aggregate_covariance, mismatched.aggregate_mean
    width = 2.366  # the median of |z - z'|^2 / 2 is that of chi^2 with 3 degrees of freedom

    def expectation(spread, shift):
        determinant = torch.det(unit + spread / width) ** -0.5
        return determinant * (-0.5 * shift @ torch.linalg.solve(width * unit + spread, shift)).exp()

    zero = torch.zeros(3, dtype=torch.float64)
    truth = expectation(2 * covariance, zero) + expectation(2 * unit, zero) - 2 * expectation(covariance + unit, mean)
    torch.manual_seed(0)
    term = choices.build("terms", "mmd", factors=[1.0])
    values = torch.stack([term(gaussian_pass(mismatched, 800, seed)) for seed in range(4)])
    assert values.mean().item() == pytest.approx(truth.item(), rel=0.15)


def test_the_importance_weighted_bound_goes_from_the_elbo_to_the_likelihood():
    vae = LinearGaussian.matched(latent_size=2, data_size=3, rate=2.0)
    vae = replace(vae, encoder_std=1.5 * vae.encoder_std)
    term = choices.build("terms", "importance_weighted")
    values = [term(gaussian_pass(vae, 2000, samples=s)).item() for s in (1, 10, 200)]
    assert values == sorted(values)
    assert values[0] == pytest.approx(vae.elbo, abs=0.1)
    assert values[-1] == pytest.approx(vae.log_likelihood, abs=0.1)
    assert vae.inference_gap > 0.3


def test_with_the_exact_posterior_the_dreg_gradient_of_q_vanishes():
    vae = LinearGaussian.matched(latent_size=2, data_size=3, rate=2.0)
    x = vae.sample_data(4)
    mean, std = (tensor.clone().requires_grad_() for tensor in vae.encode(x))
    value = choices.build("terms", "importance_weighted_dreg")(pass_of(vae, x, mean, std, samples=5))
    value.backward()
    assert value.item() == pytest.approx(vae.log_prob(x).mean().item(), rel=1e-6)
    assert mean.grad.abs().max() < 1e-9
    assert std.grad.abs().max() < 1e-9


def pass_of(vae, x, mean, std, *, samples, seed=0, weight=None):
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((samples, *mean.shape), generator=generator, dtype=torch.float64)
    posterior = DiagonalGaussian(mean, std)
    z, log_q_z_x = posterior.draw(noise)
    decoder = vae if weight is None else replace(vae, weight=weight)
    prior = Standard(vae.latent_size)
    return Pass(
        posterior, prior, z, decoder.log_conditional(x, z), prior.log_prob(z), log_q_z_x, torch.ones(len(x)), 100
    )


def test_the_dreg_gradient_is_unbiased_and_that_of_the_decoder_plain():
    """Averaged over noise, it agrees with the gradient of the bound, averaged over the same noise."""
    vae = LinearGaussian.matched(latent_size=2, data_size=3, rate=2.0)
    x = vae.sample_data(1)
    exact_mean, exact_std = vae.encode(x)
    mean = (exact_mean + 0.5).repeat(20_000, 1).requires_grad_()
    std = (1.5 * exact_std).repeat(20_000, 1).requires_grad_()
    weight = vae.weight.clone().requires_grad_()
    gradients = {}
    for name in ("importance_weighted", "importance_weighted_dreg"):
        pass_ = pass_of(vae, x.repeat(20_000, 1), mean, std, samples=4, weight=weight)
        gradients[name] = torch.autograd.grad(choices.build("terms", name)(pass_), (mean, std, weight))
    plain, dreg = gradients.values()
    torch.testing.assert_close(dreg[2], plain[2])
    for a, b in zip(plain[:2], dreg[:2], strict=True):
        a, b = 20_000 * a, 20_000 * b
        error = ((a - b).std(0) / math.sqrt(20_000)).max().item()
        torch.testing.assert_close(a.mean(0), b.mean(0), rtol=0, atol=5 * error)
        assert (b.var(0) < a.var(0)).all()


@pytest.mark.parametrize("name", ["mutual_information", "marginal_kl", "mmd", "importance_weighted_dreg", "elbo"])
def test_these_terms_need_no_standard_prior(name, some_pass):
    learned = replace(some_pass, prior=Mixture(4, components=2))
    assert choices.build("terms", name)(learned).isfinite()


@pytest.mark.parametrize("name", ["dimension_kl", "marginal_kl_gaussian", "marginal_kl_kde"])
@pytest.mark.parametrize("prior", [Gaussian(4), Mixture(4, components=2)], ids=["closed-form rate", "sampled rate"])
def test_these_terms_refuse_any_other_prior(name, prior, some_pass):
    """At a learned mean of 3, dimension_kl returned 0.06 where the mismatch of q(z) with that prior is 16 nats."""
    with torch.no_grad():
        prior.mean.fill_(3)
    with pytest.raises(UserError, match="needs the prior 'standard'"):
        choices.build("terms", name)(replace(some_pass, prior=prior))


@pytest.mark.parametrize("name", ["mutual_information", "marginal_kl_gaussian", "marginal_kl_kde", "mmd"])
def test_one_text_is_too_few(name, make_pass):
    with pytest.raises(UserError, match="at least 2"):
        choices.build("terms", name)(make_pass(torch.zeros(1, 3), torch.ones(1, 3), samples=1))
