"""Diagnostics of inference, on linear-Gaussian VAEs: is q(z|x) the posterior of the model?"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from scipy import stats

from vaescope import assess
from vaescope.estimators import importance
from vaescope.estimators.gaussian import log_density, standard_log_density
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.experiments import Annealed, Experiments, Inference
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.testing.example_evidence import draws_of, evidence


def matched(d=3, rate=3.0):
    return LinearGaussian.matched(latent_size=d, data_size=d + 2, rate=rate)


def verdicts(assessment):
    return {finding.name: finding.verdict for finding in assessment.findings}


def judge(vae, name, **options):
    assessment = assess(evidence(vae, **options), diagnostics=[name])
    return assessment, verdicts(assessment)[name]


def test_the_right_encoder_is_calibrated():
    assessment, verdict = judge(matched(), "posterior_calibration")
    assert verdict == "PASS"
    detail = assessment.estimates["posterior_calibration"].detail
    assert detail["ellipsoid"]["0.8"] == pytest.approx(0.8, abs=0.05)


def test_a_narrow_encoder_covers_as_the_formula_says():
    vae = matched()
    assessment, verdict = judge(replace(vae, encoder_std=vae.encoder_std * 0.8), "posterior_calibration")
    estimate = assessment.estimates["posterior_calibration"]
    assert estimate.value == pytest.approx(2 * stats.norm.cdf(stats.norm.ppf(0.95) * 0.8) - 1, abs=4 * estimate.se)
    assert verdict == "WARN"
    assert "radius" in estimate.detail["rejected"]


def test_a_very_narrow_encoder_fails():
    vae = matched()
    assert judge(replace(vae, encoder_std=vae.encoder_std * 0.5), "posterior_calibration")[1] == "FAIL"


def test_an_encoder_that_ignores_x_is_caught_by_the_likelihood_and_by_the_pair():
    vae = matched()
    blind = replace(
        vae,
        encoder_weight=0 * vae.encoder_weight,
        encoder_bias=0 * vae.encoder_bias,
        encoder_std=torch.ones_like(vae.encoder_std),
    )
    rejected = judge(blind, "posterior_calibration")[0].estimates["posterior_calibration"].detail["rejected"]
    assert rejected == ["log p(x|z)"]
    known = evidence(blind, n=300)
    found = assess(known, diagnostics=["joint_classifier"])
    assert verdicts(found)["joint_classifier"] == "FAIL"
    assert found.estimates["joint_classifier_z"].high < 0.05


def test_likelihoods_that_all_tie_have_uniform_ranks():
    """A decoder that ignores z gives all of them the same value, which is not a fault of calibration."""
    vae = matched()
    known = evidence(replace(vae, weight=0 * vae.weight), n=400)
    assert (known.simulations.draws.log_p_x_z == known.simulations.log_p_x_z).all()
    assert stats.kstest(known.simulations.likelihood_ranks.numpy(), "uniform").pvalue > 1e-3
    found = assess(known, diagnostics=["posterior_calibration"]).estimates
    assert "log p(x|z)" not in found["posterior_calibration"].detail["rejected"]


def test_one_joint_is_one():
    assessment, verdict = judge(matched(), "joint_classifier", n=800)
    assert verdict in ("PASS", "UNRESOLVED")
    for name in ("x", "z", "xz"):
        assert assessment.estimates[f"joint_classifier_{name}"].low < 0


def test_a_wrong_prior_is_detected_from_z():
    vae = matched()
    known = evidence(replace(vae, encoder_bias=vae.encoder_bias + 1.0), n=600)
    estimates = assess(known, diagnostics=["joint_classifier"]).estimates
    assert estimates["joint_classifier_z"].low > 0.05


def test_a_sampler_that_differs_from_the_scorer_blocks_dependent_diagnostics():
    known = evidence(matched())
    wrong = replace(known.simulations, sampler_log_p=known.simulations.sampler_log_p + 0.1)
    assessment = assess(replace(known, simulations=wrong))
    assert verdicts(assessment)["identity_sampler"] == "FAIL"
    for name in ("posterior_calibration", "joint_classifier"):
        assert assessment.skipped[name] == "blocked: identity_sampler failed"
    assert verdicts(assess(known, diagnostics=["rate"]))["identity_sampler"] == "PASS"


def test_few_drawn_texts_do_not_prove_the_sampler():
    known = evidence(matched(), n=30)
    assert verdicts(assess(known, diagnostics=["rate"]))["identity_sampler"] == "UNRESOLVED"


def test_the_null_collapse_is_zero_and_a_repetition_that_differs_fails():
    draws = evidence(matched(), n=100).draws
    assert verdicts(assess(draws, diagnostics=["rate"]))["identity_null"] == "PASS"
    for error, verdict in ((1e-5, "PASS"), (0.1, "FAIL")):
        repeated = Evidence(draws, experiments=Experiments(repeated=torch.full((4,), error)))
        assert verdicts(assess(repeated, diagnostics=["rate"]))["identity_repeated"] == verdict


def test_an_adapted_proposal_corrects_a_narrow_encoder():
    vae = matched()
    narrow = replace(vae, encoder_std=vae.encoder_std * 0.7)
    x_Nn = narrow.sample_data(300, seed=1)
    draws = draws_of(narrow, x_Nn, samples=128, seed=0)
    adapted_weights = draws_of(vae, x_Nn[:200], samples=128, seed=1).log_weights
    report = assess(replace(draws, log_weights_adapted=adapted_weights), diagnostics=["log_likelihood"])
    found, truth = report.estimates, vae.log_prob(x_Nn)
    assert found["log_likelihood"].value < truth.mean().item()
    assert found["log_likelihood_adapted"].value == pytest.approx(truth[:200].mean().item(), abs=1e-9)
    assert found["log_likelihood_adapted"].detail["gain"] > 0
    curve = list(found["log_likelihood"].detail["curve"].values())
    assert curve == sorted(curve)
    assert curve[0] == pytest.approx(draws.log_weights.mean().item())


@pytest.mark.parametrize(("gain", "verdict"), [(0.0, "PASS"), (1.0, "WARN")])
def test_a_bound_that_an_adapted_proposal_raises_does_not_pass(gain, verdict):
    """Equal weights look converged even if the proposal has missed the mass."""
    draws = draws_of(matched(), matched().sample_data(100, seed=1), samples=64, seed=0)
    better = replace(draws, log_weights_adapted=draws.log_weights[:, :50] + gain)
    assert verdicts(assess(better, diagnostics=["log_likelihood"]))["log_likelihood"] == verdict


@pytest.mark.parametrize("scale", [0.6, 0.8])
def test_the_tail_index_and_the_bias_are_those_of_the_closed_form(scale):
    """In one dimension k = 1 - s^2; to first order L_K is too low by chi^2/(2 K) if chi^2 is finite."""
    generator = torch.Generator().manual_seed(0)
    z_SN = scale * torch.randn(4000, 200, generator=generator, dtype=torch.float64)
    log_w = standard_log_density(z_SN) - log_density(z_SN, torch.zeros(1), torch.tensor([scale], dtype=torch.float64))
    k = importance.tail_index(log_w).mean().item()
    assert k == pytest.approx(1 - scale**2, abs=0.12)
    if scale**2 > 0.5:
        chi2 = scale / (2 - 1 / scale**2) ** 0.5 - 1
        groups = log_w[:4000].unflatten(0, (100, 40))
        bias = -(groups.logsumexp(1) - torch.tensor(40.0).log()).mean().item()
        assert bias == pytest.approx(chi2 / 80, rel=0.2)


def test_the_gap_is_split():
    vae = matched()
    draws = evidence(replace(vae, encoder_std=vae.encoder_std * 0.5), samples=256, n=200).draws
    elbo = (-(draws.distortions + draws.rates))[:20]
    inference = Inference(amortised=elbo, optimised=elbo + 0.9, log_p=elbo + 1.0)
    found = assess(Evidence(draws, experiments=Experiments(inference=inference)), diagnostics=["inference_gap"])
    assert found.estimates["inference_gap_amortisation"].value == pytest.approx(0.9)
    assert found.estimates["inference_gap_approximation"].value == pytest.approx(0.1)
    step = next(f.next_step for f in found.findings if f.name == "inference_gap")
    assert step == "train the encoder more"


@pytest.mark.parametrize(
    ("short", "width", "verdict"), [(0.0, 0.05, "PASS"), (1.0, 0.1, "WARN"), (0.0, 5.0, "UNRESOLVED")]
)
def test_the_sandwich_judges_the_bound(short, width, verdict):
    draws = evidence(matched(), n=50).draws
    lower = torch.linspace(-12.0, -10.0, 20)
    annealed = Annealed(lower=lower, upper=lower + width, importance=lower - short, accepted=0.7)
    found = assess(Evidence(draws, experiments=Experiments(annealed=annealed)), diagnostics=["annealed_likelihood"])
    assert verdicts(found)["annealed_likelihood"] == verdict
    assert found.estimates["annealed_likelihood"].detail["width"] == pytest.approx(width, abs=1e-5)


def test_a_bound_below_the_elbo_breaks_an_identity():
    """Only the saved z can be checked against the stated densities; this finds a mistake in those of the others."""
    draws = evidence(matched(), n=100).draws
    spoilt = draws.log_q_z_x.clone()
    spoilt[1:] += 0.5
    wrong = replace(draws, z=draws.z[:1], log_q_z_x=spoilt).validate()
    assert verdicts(assess(wrong, diagnostics=["rate"]))["identity_bounds"] == "FAIL"
    assert verdicts(assess(draws, diagnostics=["rate"]))["identity_bounds"] == "PASS"
