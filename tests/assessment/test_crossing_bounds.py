"""Ends of the information that contradict each other are a finding that names both; the error of H(X) counts."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vaescope import assess
from vaescope.assessment.diagnostics.joint_inconsistency import JointInconsistency
from vaescope.assessment.diagnostics.marginal_kl import marginal_kl
from vaescope.assessment.diagnostics.mutual_information import mutual_information
from vaescope.estimators import jackknife
from vaescope.evidence.encodings import Encodings
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.facts import Facts
from vaescope.evidence.least_noise import least_noise
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.evidence.references import References
from vaescope.testing.example_evidence import draws_of

NAMES = ["rate", "mutual_information", "marginal_kl"]
VAE = LinearGaussian.matched(latent_size=2, data_size=3, rate=3.0)


def draws(texts: int = 300, seed: int = 0, vae: LinearGaussian = VAE):
    """Draws without log q(x), so that only the entropy of the texts is known."""
    return draws_of(vae, vae.sample_data(texts, seed=seed), samples=4, seed=seed + 1)


def finding(evidence: Evidence):
    found = assess(evidence, diagnostics=NAMES)
    return found, {f.name: f for f in found.findings}["identity_information_bounds"]


@pytest.mark.parametrize(("off", "words"), [(-3.0, ("I_self", "H(X)")), (5.0, ("H(X) - D", "the rate"))])
def test_a_wrong_entropy_fails_and_names_both_bounds(off, words):
    """Too small an entropy is below I_self, too large a one puts H(X) - D above the rate."""
    entropy = VAE.entropy + off if off > 0 else 1.0
    found, judged = finding(Evidence(draws(), facts=Facts(entropy=entropy)))
    assert judged.verdict == "FAIL"
    assert all(word in judged.message for word in words)
    assert found.verdict == "FAIL"
    # neither bound is dropped in silence: the interval holds what both say
    information = found.estimates["mutual_information"]
    assert information.low <= min(entropy, VAE.rate) + 0.3
    assert information.high >= 2.5


@pytest.mark.parametrize("texts", [2, 3, 5, 20, 300])
def test_bounds_of_a_healthy_model_agree(texts):
    for seed in range(12):
        evidence = Evidence(draws(texts, seed), facts=Facts(entropy=VAE.entropy))
        assert finding(evidence)[1].verdict == "PASS"


def test_encodings_of_another_model_contradict():
    """A density that knows the codes of the assessed texts, told to be others, gives an upper bound below I_self."""
    data = draws(200)
    leaked = Encodings(data.posterior_mean, 0.05 * data.posterior_std, text_id=torch.arange(1000, 1200))
    exact = torch.distributions.Normal(data.z[0], 0.01).log_prob(data.z[0]).sum(-1)
    references = References(training=leaked, log_densities={"told": exact})
    _, judged = finding(Evidence(replace(data, text_id=torch.arange(200)), references=references))
    assert judged.verdict == "FAIL"
    assert "a density of other texts' encodings" in judged.message


def test_the_error_of_the_entropy_widens_what_uses_it():
    vae, error = LinearGaussian.matched(latent_size=3, data_size=5, rate=9.0), 0.5
    data = draws(vae=vae)
    exact, rough = (Evidence(data, facts=Facts(entropy=vae.entropy, entropy_se=se)) for se in (0.0, error))
    assert exact.information_ends.information.low_by == "known_entropy"
    narrow, wide = mutual_information(exact), mutual_information(rough)
    assert wide.low < narrow.low - 0.5
    assert marginal_kl(rough).high > marginal_kl(exact).high + 0.5
    joint = JointInconsistency().estimate(rough)["joint_inconsistency"]
    alone = JointInconsistency().estimate(exact)["joint_inconsistency"]
    assert joint.se == pytest.approx((alone.se**2 + error**2) ** 0.5)
    assert joint.high - joint.low > 2 * 1.9 * error


def test_the_error_of_the_entropy_does_not_count_where_texts_have_their_own_probability():
    data = replace(draws(), log_q_x=torch.full((300,), -VAE.entropy))
    one, other = (Evidence(data, facts=Facts(entropy=VAE.entropy, entropy_se=se)) for se in (0.0, 2.0))
    assert mutual_information(one).low == mutual_information(other).low


def test_an_entropy_within_its_error_is_no_contradiction():
    """H(X) + 0.6 with an error of 0.3: the bounds cross by less than four errors."""
    evidence = Evidence(draws(), facts=Facts(entropy=VAE.entropy + 0.6, entropy_se=0.3))
    assert finding(evidence)[1].verdict == "PASS"


def test_the_marginal_kl_uses_the_form_of_its_own_least_noise():
    """For a prior that is nearly q(z), E [log g - log p] at the z has no noise, and R - [own - log g] has."""
    vae = LinearGaussian.matched(latent_size=2, data_size=3, rate=1.0)
    data = draws(400, vae=vae)
    aggregate = torch.distributions.MultivariateNormal(vae.aggregate_mean, vae.aggregate_covariance)
    references = References(log_densities={"exact": aggregate.log_prob(data.z[0])})
    ends = Evidence(data, references=references).information_ends
    chosen = jackknife.standard_error(ends.marginal_lower["stacked_marginal"])
    by_information = jackknife.standard_error(ends._rate - ends.upper["stacked_marginal"])
    assert chosen < 0.5 * by_information


def test_the_form_of_least_noise_is_not_biased_by_its_choice():
    """Eight forms of mean 0 and equal noise whose error is small where they are low, as for exponential values."""
    means = []
    for seed in range(150):
        aggregate = Evidence.of(draws(40, seed)).aggregate
        generator = torch.Generator().manual_seed(seed)
        noise = torch.empty(8, 40, dtype=torch.float64).exponential_(generator=generator) - 1
        forms = [[(values, torch.arange(40))] for values in noise]
        means.append(jackknife.value(least_noise(aggregate, forms)))
    values = torch.tensor(means)
    assert abs(values.mean()) < 3.5 * values.std() / 150**0.5
    # chosen by the error of all texts, the same forms are a tenth too low
    assert values.std() < 0.3
