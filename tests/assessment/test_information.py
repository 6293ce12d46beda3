"""Rate, information and use of z: closed forms, known mixtures, and what each diagnostic refuses."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from vaescope import Draws, UserError, assess, choices
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators.gaussian import standard_log_density
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.testing.example_evidence import draws_at


def matched(d: int = 4, rate: float = 4.0) -> LinearGaussian:
    return LinearGaussian.matched(latent_size=d, data_size=d + 3, rate=rate)


def draws_of(vae: LinearGaussian, n: int = 800, **options) -> Draws:
    return Draws(**vae.sample_draws(n, **options))


def clusters(n: int, d: int, seed: int = 0) -> tuple[torch.Tensor, torch.distributions.Distribution]:
    """Points of a mixture of four Gaussians of scale 0.3, and q(z) when an encoder of width 0.4 adds its noise."""
    generator = torch.Generator().manual_seed(seed)
    centres_KD = torch.randn(4, d, generator=torch.Generator().manual_seed(99), dtype=torch.float64)
    label_N = torch.randint(4, (n,), generator=generator)
    points_ND = centres_KD[label_N] + 0.3 * torch.randn(n, d, generator=generator, dtype=torch.float64)
    normals = torch.distributions.Independent(torch.distributions.Normal(centres_KD, 0.5), 1)
    mixing = torch.distributions.Categorical(torch.ones(4).double())
    return points_ND, torch.distributions.MixtureSameFamily(mixing, normals)


@pytest.mark.parametrize("d", [2, 8, 32])
def test_mixtures_narrow_the_interval_to_the_truth(d):
    points_ND, q = clusters(2000, d)
    torch.manual_seed(0)
    z = q.sample((50_000,))
    truth = (q.log_prob(z) - standard_log_density(z).sum(1)).mean().item()
    estimates = assess(draws_at(points_ND, 0.4), diagnostics=["marginal_kl", "mutual_information"]).estimates
    found = estimates["marginal_kl"]
    assert found.low - 0.02 <= truth <= found.high + 0.02
    gain = found.detail["rate_minus_mixture_marginal"] - found.detail["rate_minus_gaussian_marginal"]
    assert gain > 0.03 * d
    assert truth - found.detail["rate_minus_mixture_marginal"] < 0.1 + 0.03 * d
    entropy = 0.5 * d * (1 + math.log(2 * math.pi * 0.16))
    information = -q.log_prob(z).mean().item() - entropy
    assert estimates["mutual_information"].low - 0.02 <= information <= estimates["mutual_information"].high + 0.02


@pytest.mark.parametrize(("d", "rate"), [(2, 4.0), (8, 20.0), (32, 60.0)])
@pytest.mark.parametrize("wrong", [False, True])
def test_moment_kl_is_that_of_the_gaussian(d, rate, wrong):
    vae = matched(d, rate)
    if wrong:
        vae = replace(vae, encoder_bias=vae.encoder_bias + 0.2, encoder_weight=1.2 * vae.encoder_weight)
    values = [
        choices.build("diagnostics", "moment_kl").estimate(Evidence.of(draws_of(vae, seed=s)))["moment_kl"]
        for s in range(8)
    ]
    mean = sum(e.value for e in values) / 8
    assert mean == pytest.approx(vae.marginal_kl, abs=4 * values[0].se / math.sqrt(8) + 0.01)


def test_bias_of_the_moment_kl_is_known_at_both_ends():
    sharp = choices.build("diagnostics", "moment_kl").estimate(Evidence.of(draws_of(matched(8, 60.0), n=1000)))[
        "moment_kl"
    ]
    assert sharp.detail["bias"] == pytest.approx(8 * (8 + 3) / (4 * 1000), rel=0.05)
    none = choices.build("diagnostics", "moment_kl").estimate(Evidence.of(draws_of(matched(8, 1e-6), n=1000)))[
        "moment_kl"
    ]
    assert abs(none.detail["bias"]) < 1e-6


def shuffled(vae: LinearGaussian, n: int) -> Draws:
    x_Nn = vae.sample_data(n)
    draws = draws_of(vae, n)
    roll = vae.log_conditional(x_Nn, draws.z[:1].roll(1, 1))[0]
    prior = vae.log_conditional(x_Nn, torch.randn(1, n, vae.latent_size, dtype=torch.float64))[0]
    return replace(draws, log_p_x_z_shuffled=roll, log_p_x_z_prior=prior).validate()


def test_latent_use_is_the_closed_form():
    torch.manual_seed(0)
    vae = replace(matched(), encoder_std=1.3 * matched().encoder_std)
    found = assess(shuffled(vae, 4000), diagnostics=["latent_use", "rate", "mutual_information"])
    offset = vae.data_mean - vae.bias - vae.weight @ vae.aggregate_mean
    spread = vae.data_covariance.trace() + offset.square().sum()
    constant = 0.5 * vae.data_size * math.log(2 * math.pi)
    for name, covariance in (("latent_use", vae.aggregate_covariance), ("latent_use_prior", torch.eye(4).double())):
        loss = constant + 0.5 * (spread + (vae.weight @ covariance @ vae.weight.mT).trace()).item()
        estimate = found.estimates[name]
        assert estimate.value == pytest.approx(loss - vae.distortion, abs=4 * estimate.se)
    assert {f.name: f.verdict for f in found.findings}["decoder_use"] == "PASS"


def test_a_decoder_that_ignores_z_is_detected_at_any_rate():
    vae = matched()
    for rate, expected in ((4.0, "WARN"), (1e-4, "FAIL")):
        source = matched(4, rate)
        draws = shuffled(replace(source, weight=vae.weight * 0), 500)
        found = assess(draws, diagnostics=["latent_use", "mutual_information"]).findings
        judged = {f.name: f for f in found}["decoder_use"]
        assert judged.verdict == expected
        assert "ignores" in judged.message


def test_controls_travel_in_the_file_and_are_checked(tmp_path):
    draws = shuffled(matched(), 30)
    draws.save(tmp_path / "d.safetensors")
    loaded = Draws.load(tmp_path / "d.safetensors")
    assert torch.equal(loaded.log_p_x_z_shuffled, draws.log_p_x_z_shuffled)
    assert torch.equal(loaded.log_p_x_z_prior, draws.log_p_x_z_prior)
    with pytest.raises(UserError, match="'log_p_x_z_shuffled': expected the shape \\[30\\]"):
        replace(draws, log_p_x_z_shuffled=draws.log_p_x_z_shuffled[:5]).validate()


def test_efficiency_of_a_matched_model_is_one():
    """With the true entropy as the baseline, D = H - I and R = I: every nat of rate buys one of distortion."""
    vae = matched(4, 8.0)
    x_Nn, draws = vae.sample_data(3000), draws_of(vae, 3000)
    paired = {"per_text": (-vae.log_prob(x_Nn)).tolist()}
    whole = {"value": vae.entropy, "se": 0.05}
    errors = []
    for baseline in (paired, whole):
        given = replace(draws, metadata={"language_model_nll": baseline})
        found = assess(given, diagnostics=["conversion_efficiency"])
        share, gain = found.estimates["conversion_efficiency"], found.estimates["distortion_gain"]
        assert share.value == pytest.approx(1.0, abs=4 * share.se)
        assert gain.value == pytest.approx(8.0, abs=4 * gain.se)
        assert found.findings[0].verdict == "PASS" or found.findings[-1].verdict == "PASS"
        errors.append(gain.se)
    assert errors[0] < errors[1]


def test_a_collapsed_model_has_no_efficiency_to_judge():
    draws = replace(draws_of(matched(4, 1e-3), n=200), metadata={"language_model_nll": {"value": 5.0, "se": 0.1}})
    found = {f.name: f.verdict for f in assess(draws, diagnostics=["conversion_efficiency"]).findings}
    assert found["conversion_efficiency"] == "VACUOUS"


def test_the_error_of_latent_use_includes_the_covariance_of_texts():
    """Each text has a part in two terms: 400 repetitions spread as the error says, and more than the plain one says."""
    vae, found, plain = matched(2, 4.0), [], []
    for seed in range(400):
        x_Nn, draws = vae.sample_data(60, seed=seed), draws_of(vae, 60, seed=seed)
        given = replace(draws, log_p_x_z_shuffled=vae.log_conditional(x_Nn, draws.z.roll(1, 1))[0])
        circle = replace(given, shuffled_from=torch.arange(60).roll(1))
        found.append(choices.build("diagnostics", "latent_use").estimate(Evidence.of(circle))["latent_use"])
        unknown = choices.build("diagnostics", "latent_use").estimate(Evidence.of(given))["latent_use"].se
        plain.append(unknown / math.sqrt(2))
    spread = torch.tensor([e.value for e in found]).std().item()
    assert torch.tensor([e.se for e in found]).mean().item() == pytest.approx(spread, rel=0.1)
    assert sum(plain) / 400 < 0.92 * spread


@pytest.mark.parametrize(
    "given", [3.0, {"value": 1.0}, {"per_text": [1.0]}, {"value": "x", "se": 1.0}, {"per_text": ["x"] * 20}]
)
def test_a_malformed_baseline_is_refused(given):
    draws = replace(draws_of(matched(), n=20), metadata={"language_model_nll": given})
    with pytest.raises(UserError, match="language_model_nll"):
        assess(draws, diagnostics=["conversion_efficiency"])


@pytest.mark.parametrize(
    ("given", "expected"), [(0.3, "PASS"), (0.95, "WARN"), ([0.99, 1.02], "WARN"), ([1.2, 1.21, 1.19], "FAIL")]
)
def test_multiplier_is_judged_as_a_slope(given, expected):
    diagnostic = choices.build("diagnostics", "multiplier")
    draws = replace(draws_of(matched(), n=20), metadata={"multipliers": {"rate>=": given}})
    known = Evidence.of(draws)
    estimates = diagnostic.estimate(known)
    assert estimates["multiplier"].detail["slope"] == pytest.approx(1 - estimates["multiplier"].value)
    assert diagnostic.findings(estimates, known, Thresholds())[0].verdict == expected


def test_multiplier_of_another_constraint_says_nothing():
    draws = replace(draws_of(matched(), n=20), metadata={"multipliers": {"elbo>=": 1.0}})
    assert "rate>=" in assess(draws, diagnostics=["multiplier"]).skipped["multiplier"]
