"""Numbers and verdicts that an independent audit once found wrong."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from vaescope import Draws, assess, choices
from vaescope.assessment.diagnostics.log_likelihood import LogLikelihood
from vaescope.assessment.diagnostics.moment_kl import moment_kl
from vaescope.assessment.diagnostics.sliced_wasserstein import directions
from vaescope.assessment.findings import Condition, Rule
from vaescope.assessment.identities import evidence_identities
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators import goodness
from vaescope.estimators.classifier import two_sample
from vaescope.estimators.estimate import Estimate, mean_of
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.testing.example_evidence import draws_at, mixed


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def verdicts(assessment) -> dict[str, str]:
    return {finding.name: finding.verdict for finding in assessment.findings}


def test_the_sentence_of_a_rule_agrees_with_its_verdict():
    def estimate(low: float, high: float) -> Estimate:
        return Estimate((low + high) / 2, 0.1, "nats", "interval", 10, low=low, high=high)

    below = Rule(0.5, 1.0, "nats")
    ends = {(0.1, 0.4): "PASS", (1.1, 3.0): "FAIL", (0.2, 0.7): "WARN", (0.0, 0.7): "UNRESOLVED"}
    assert {end: below.verdict(estimate(*end)) for end in ends} == ends
    above = Rule(0.5, 0.25, "of the rate", good="above", subject="the information")
    assert str(above) == "PASS if the information is surely above 0.5 of the rate, FAIL if surely below 0.25, else WARN"
    ends = {(0.6, 0.9): "PASS", (0.1, 0.2): "FAIL", (0.1, 0.9): "WARN"}
    assert {end: above.verdict(estimate(*end)) for end in ends} == ends
    needy = replace(below, needs=(Condition("it is Monday", False, "WARN"),), seen=Condition("it rains", False))
    assert str(needy).endswith("and it is Monday, FAIL if surely above 1, else WARN if it rains, else UNRESOLVED")
    assert [needy.verdict(estimate(*end)) for end in ((0.1, 0.4), (0.2, 0.7))] == ["WARN", "UNRESOLVED"]
    assert replace(below, sure=False).verdict(estimate(0.2, 0.7)) == "PASS"


def test_texts_of_equal_rate_have_a_figure(tmp_path):
    """Means on a sphere: the rates are equal up to rounding, and the histogram has no width."""
    mean_ND = noise(60, 4)
    found = assess(draws_at(3 * mean_ND / mean_ND.norm(dim=1, keepdim=True), 0.5))
    assert found.estimates["rate"].se < 1e-9
    found.save(tmp_path)
    assert (tmp_path / "assessment-figures" / "rate.svg").exists()


@pytest.mark.parametrize("texts", [2, 3, 5, 10])
def test_intervals_of_few_texts_are_wide_enough(texts):
    """4,000 repetitions: a rate of 5% is within 1.5%."""
    values = noise(4000, texts)
    missed = sum(not e.low <= 0 <= e.high for e in (mean_of(row, unit="nats") for row in values))
    assert missed / 4000 == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize("texts", [2, 3, 5])
def test_few_texts_of_a_healthy_model_break_no_identity(texts):
    vae = LinearGaussian.matched(latent_size=4, data_size=6, rate=4.0)
    failed = 0
    for seed in range(100):
        known = Evidence.of(Draws(**vae.sample_draws(texts, samples=4, seed=seed)))
        failed += any(finding.verdict == "FAIL" for finding in evidence_identities(known, Thresholds()))
    assert failed == 0


@pytest.mark.parametrize("samples", [25, 32, 64])
@pytest.mark.parametrize("spread", [0.01, 0.3])
def test_a_nearly_exact_posterior_is_reliable(samples, spread):
    """Log weights that vary by a hundredth are practically exact, for any tail index of five of them."""
    draws = draws_at(noise(400, 2), 0.5)
    weights = spread * noise(samples, 400, seed=1)
    found = judged(draws, weights)
    assert found.verdict == "PASS", found


@pytest.mark.parametrize("samples", [64, 128])
def test_a_narrow_posterior_is_not(samples):
    z_SND = 0.5 * noise(samples, 400, 4, seed=1)
    weights = (-z_SND.square() / 2 + z_SND.square() / (2 * 0.5**2)).sum(-1)
    assert judged(draws_at(noise(400, 2), 0.5), weights).verdict == "FAIL"


@pytest.mark.parametrize(("spread", "samples"), [(0.5, 25), (1.0, 25), (1.0, 64), (1.5, 128)])
@pytest.mark.parametrize("texts", [100, 400])
def test_a_posterior_of_varied_weights_is_reliable_where_the_bound_is_within_a_tenth_of_a_nat(spread, samples, texts):
    """Log-normal weights: the bound by S samples is too low by 0.01 to 0.04 nats here."""
    for seed in range(5):
        weights = spread * noise(samples, texts, seed=seed)
        found = judged(draws_at(noise(texts, 2), 0.5), weights)
        assert found.verdict in ("PASS", "UNRESOLVED"), found
        assert found.verdict == "PASS" or texts == 100


@pytest.mark.parametrize("samples", [25, 64, 256])
@pytest.mark.parametrize(("chance", "weight"), [(1e-3, 3e3), (5e-3, 1e3), (2e-4, 1e5)])
def test_large_weights_that_most_texts_have_not_seen_do_not_pass(samples, chance, weight):
    """One sample in 200 to 5,000 has nearly all the weight, so that log p(x) is 0.6 to 3 nats above the bound."""
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        large_SN = torch.rand(samples, 400, generator=generator) < chance
        large_SN[0, 0] = True  # one at least is seen
        found = judged(draws_at(noise(400, 2), 0.5), math.log(weight) * large_SN + 0.1 * noise(samples, 400, seed=seed))
        assert found.verdict in ("WARN", "FAIL"), found


def judged(draws: Draws, log_weights_SN: Tensor):
    zeros_SN = torch.zeros_like(log_weights_SN)
    known = Evidence.of(replace(draws, log_p_x_z=log_weights_SN, log_p_z=zeros_SN, log_q_z_x=zeros_SN))
    found = {n: e for n, e in LogLikelihood().estimate(known).items() if isinstance(e, Estimate)}
    return LogLikelihood().findings(found, known, Thresholds())[0]


def test_an_outlier_does_not_make_a_used_latent_barely_used():
    mean_ND = noise(300, 2)
    mean_ND[0] = 80.0
    found = assess(draws_at(mean_ND, 0.3), diagnostics=["rate", "mutual_information"])
    assert found.estimates["rate"].low >= 0
    assert verdicts(found)["latent_use"] == "PASS"


def test_a_rate_that_says_nothing_about_the_text_does_not_pass():
    """Rate 7.3, information 0.65: the cost of the mean of q(z) is not information."""
    vae = LinearGaussian.matched(latent_size=32, data_size=34, rate=0.65)
    shifted = replace(vae, encoder_bias=vae.encoder_bias + (2 * 6.7 / 32) ** 0.5)
    found = assess(Draws(**shifted.sample_draws(2000)), suite="fast")
    assert found.estimates["rate"].value == pytest.approx(7.35, abs=0.3)
    assert found.estimates["mutual_information"].high < 2
    assert verdicts(found)["latent_use"] == "WARN"
    assert verdicts(found)["mutual_information"] in ("WARN", "FAIL")
    assert verdicts(found)["marginal_kl"] == "FAIL"
    assert not found.collapsed


@pytest.mark.parametrize(
    ("size", "texts", "truth"),
    [(64, 70, 0.0), (64, 100, 12.0), (32, 20, 0.0), (32, 400, 0.0), (16, 20, 0.0), (8, 100, 3.0)],
)
def test_the_moment_kl_of_few_texts_is_not_wrong(size, texts, truth):
    """A KL is never below 0 and the interval covers it; with fewer than 10 texts per unit it is only a bound."""
    missed, repetitions = 0, 20
    for seed in range(repetitions):
        mean_ND = 0.995 * noise(texts, size, seed=seed) + (2 * truth / size) ** 0.5
        e = moment_kl(draws_at(mean_ND, 0.1, seed=seed))
        assert 0 <= e.low <= e.value <= e.high
        assert e.kind == ("interval" if texts < 10 * size else "consistent")
        missed += not e.low <= truth <= e.high
    assert missed <= 4


@pytest.mark.parametrize(("size", "std", "texts"), [(1, 0.001, 20), (1, 0.3, 20), (1, 0.1, 100), (16, 0.1, 100)])
@pytest.mark.parametrize("samples", [0, 1000])
def test_the_distance_of_a_narrow_code_is_right(size, std, texts, samples):
    """For N(0, s^2 I) it is 1 - s; the correction for the noise of the sample shrinks with s."""
    missed, values, diagnostic = 0, [], choices.build("diagnostics", "sliced_wasserstein")
    for seed in range(20 if samples == 0 else 5):
        prior_z = noise(samples, size, seed=1000 + seed) if samples else None
        draws = draws_at(noise(texts, size, seed=seed) * 0, 1.0, z_ND=std * noise(texts, size, seed=seed))
        e = diagnostic.estimate(Evidence.of(replace(draws, prior_z=prior_z)))["sliced_wasserstein"]
        values.append(e.value)
        missed += not e.low <= 1 - std <= e.high
    assert missed <= len(values) / 4
    assert sum(values) / len(values) == pytest.approx(1 - std, abs=0.03 if not samples else 0.06)


def ring(size: int) -> Tensor:
    z_ND = noise(20_000, size)
    return 1.3 * z_ND / z_ND.norm(dim=1, keepdim=True) + 0.1 * noise(20_000, size, seed=1)


SHAPES = {
    "wide": lambda size: 2.0 * noise(20_000, size),
    "wider": lambda size: 3.0 * noise(20_000, size),
    "two clusters": lambda size: 0.98 * noise(20_000, 1).sign() + 0.2 * noise(20_000, size, seed=1),
    "ring": ring,
    "correlated": lambda size: 2.0 * noise(20_000, 1) + 0.3 * noise(20_000, size, seed=1),
}
"""Many texts of an aggregate posterior, of which few are assessed."""


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("size", "texts"), [(1, 20), (2, 20), (2, 60)])
def test_the_distance_of_any_shape_from_few_texts_is_enclosed(shape, size, texts):
    """Of 60 intervals with 5% misses more than 8 miss once in 400 times; 18% missed, and of clusters and rings too."""
    population_MD = SHAPES[shape](size)
    directions_DP = directions(size)
    squares_P = goodness.squared_wasserstein(
        (population_MD @ directions_DP).sort(0).values, goodness.normal_quantiles(20_000)
    )
    truth = squares_P.mean().sqrt().item()
    below, above = 0, 0
    for seed in range(60):
        chosen_N = torch.randperm(len(population_MD), generator=torch.Generator().manual_seed(seed))[:texts]
        e = sliced(draws_at(torch.zeros(texts, size), 1.0, z_ND=population_MD[chosen_N]))
        assert e.kind == "interval"
        assert e.low <= e.value <= e.high
        below, above = below + (e.high < truth), above + (e.low > truth)
    assert below <= 8, (below, above)
    assert above <= 5, (below, above)


def sliced(draws: Draws) -> Estimate:
    return choices.build("diagnostics", "sliced_wasserstein").estimate(Evidence.of(draws))["sliced_wasserstein"]


def test_one_adapted_text_has_no_error_and_no_number():
    vae = mixed(LinearGaussian.matched(latent_size=2, data_size=4, rate=3.0))
    draws = Draws(**vae.sample_draws(50, samples=64))
    found = assess(replace(draws, log_weights_adapted=draws.log_weights[:, :1]), diagnostics=["log_likelihood"])
    assert "log_likelihood_adapted" not in found.estimates
    assert "at least 2" in found.skipped["log_likelihood_adapted"]
    assert "log_likelihood" in found.estimates


def test_boosting_sees_something_in_few_texts():
    """20 texts far from the prior are recognised; without a split the trees would say 1/2, and 0% be right."""
    told = two_sample(noise(20, 2) + 6, noise(20, 2, seed=1), "boosting")
    assert told.accuracy > 0.8
    blind = two_sample(torch.zeros(20, 2), torch.zeros(20, 2), "boosting")
    assert blind.accuracy == pytest.approx(0.5)
