"""A split in which texts are repeated: sharp codes of q(z) = N(0, I), each text k times."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from vaescope import UserError, assess, choices
from vaescope.assessment.diagnostics.bits_per_byte import BitsPerByte
from vaescope.assessment.diagnostics.moment_kl import MomentKl
from vaescope.assessment.diagnostics.probe import Probe
from vaescope.assessment.diagnostics.radius import radius_squared
from vaescope.assessment.diagnostics.rate import Rate
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators import jackknife
from vaescope.estimators.copies import Copies
from vaescope.estimators.gaussian import standard_log_density
from vaescope.evidence.aggregate_posterior import AggregatePosterior
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.facts import Facts
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.testing.example_evidence import draws_at

STD, SIZE, TEXTS = 0.05, 8, 600
INFORMATION = -SIZE * math.log(STD)
"""Rate of sharp codes whose aggregate posterior is the prior."""
NAMES = ["mutual_information", "marginal_kl", "total_correlation", "dimension_kl", "holes"]


def repeated(k: int, *, seed: int = 0, texts: int = TEXTS):
    generator = torch.Generator().manual_seed(seed)
    mean_UD = math.sqrt(1 - STD**2) * torch.randn(texts // k, SIZE, generator=generator, dtype=torch.float64)
    return draws_at(mean_UD.repeat_interleave(k, 0), STD, seed=seed + 1)


@pytest.mark.parametrize("k", [1, 2, 3, 10])
def test_intervals_cover_the_truth_however_often_texts_are_repeated(k):
    found = assess(repeated(k), diagnostics=NAMES)
    information, marginal = found.estimates["mutual_information"], found.estimates["marginal_kl"]
    assert information.low <= INFORMATION <= information.high
    assert information.ceiling == pytest.approx(math.log(TEXTS / k))
    for name in ("marginal_kl", "total_correlation", "dimension_kl"):
        assert found.estimates[name].low == 0
    assert marginal.value == pytest.approx(found.estimates["marginal_kl"].detail["index_code_floor"], abs=0.1)
    verdicts = {f.name: f.verdict for f in found.findings}
    assert "FAIL" not in verdicts.values()
    assert verdicts.get("repeated_texts") == (None if k == 1 else "WARN")


def test_copies_are_found_by_text_id_or_by_equal_posteriors():
    draws = repeated(2)
    by_rows = AggregatePosterior(draws)
    numbered = AggregatePosterior(replace(draws, text_id=torch.arange(TEXTS) // 2 + 7))
    assert torch.equal(by_rows.information, numbered.information)
    # the same rows said to be different texts: each meets its copy in its own mixture
    mistaken = AggregatePosterior(replace(draws, text_id=torch.arange(TEXTS)))
    assert jackknife.value(mistaken.information_others) < math.log(TEXTS) < jackknife.value(by_rows.information_others)
    assert mistaken.fitted.mixture.mean() < by_rows.fitted.mixture.mean()


def test_the_information_of_copies_is_that_of_the_distinct_texts():
    """Without a second draw of z: the mixture of N rows is that of the U texts, weighted."""
    once, twice = repeated(1, texts=300), repeated(2)
    same = replace(twice, z=once.z.repeat_interleave(2, 1))
    found, expected = AggregatePosterior(same), AggregatePosterior(once)
    torch.testing.assert_close(found.information, expected.information, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found.information_others, expected.information_others, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found.surprise[::2], expected.surprise)
    torch.testing.assert_close(found.marginals.upper, expected.marginals.upper, rtol=1e-5, atol=1e-5)


def test_a_collapsed_encoder_has_no_copies():
    draws = draws_at(torch.zeros(50, 2).double(), 1.0)
    assert draws.copies.distinct == 50
    found = assess(draws, diagnostics=["mutual_information"])
    assert "repeated_texts" not in {f.name for f in found.findings}


def test_one_text_alone_is_refused():
    draws = replace(repeated(1, texts=20), text_id=torch.zeros(20, dtype=torch.int64))
    with pytest.raises(UserError, match="'text_id': expected at least 2 distinct texts, found 1"):
        assess(draws)


@pytest.mark.slow
@pytest.mark.parametrize("k", [2, 5])
def test_intervals_cover_the_truth_over_repetitions(k):
    """Wider codes, so that both ends are informative: the true I is D/2 log(1/s^2) and the marginal KL 0."""
    std, size, missed = 0.4, 2, 0
    truth = -size * math.log(std)
    for seed in range(400):
        generator = torch.Generator().manual_seed(seed)
        mean_UD = math.sqrt(1 - std**2) * torch.randn(60, size, generator=generator, dtype=torch.float64)
        draws = draws_at(mean_UD.repeat_interleave(k, 0), std, seed=seed + 10_000)
        found = assess(draws, diagnostics=["mutual_information", "marginal_kl"]).estimates
        information, marginal = found["mutual_information"], found["marginal_kl"]
        missed += not (information.low <= truth <= information.high and marginal.low <= 0 <= marginal.high)
    assert missed <= 0.05 * 400


@pytest.mark.parametrize(("in_train", "entropy", "verdict"), [(60, None, "WARN"), (2, None, "PASS"), (60, 9.5, "PASS")])
def test_texts_of_train_are_reported_by_their_share(in_train, entropy, verdict):
    draws = Draws(**LinearGaussian.matched(latent_size=2, data_size=3, rate=2.0).sample_draws(100))
    found = assess(Evidence(draws, facts=Facts(in_train=in_train, entropy=entropy)), diagnostics=["rate"])
    (finding,) = [f for f in found.findings if f.name == "training_texts"]
    assert finding.verdict == verdict
    assert f"{in_train} of 100 texts" in finding.message


@pytest.mark.parametrize("k", [1, 2, 5, 10])
def test_errors_of_means_and_ratios_count_distinct_texts(k):
    """The truth is about the population, so a text that is repeated k times is one draw from it."""
    missed, seeds = dict.fromkeys(["rate", "radius_squared", "bits_per_byte"], 0), 60
    for seed in range(seeds):
        draws = repeated(k, seed=100 + seed, texts=60)
        generator = torch.Generator().manual_seed(seed)
        cost_U = 60 + torch.randn(60 // k, generator=generator, dtype=torch.float64)
        cost_N = cost_U.repeat_interleave(k)
        weight_1N = draws.log_p_z.double() - draws.log_q_z_x.double()
        draws = replace(draws, log_p_x_z=-cost_N[None] - weight_1N, bytes=torch.full((60,), 4))
        evidence = Evidence.of(draws)
        found = Rate().estimate(evidence) | {"radius_squared": radius_squared(draws)} | BitsPerByte().estimate(evidence)
        truths = {"rate": INFORMATION, "radius_squared": 1.0, "bits_per_byte": 60 / 4 / math.log(2)}
        for name, truth in truths.items():
            missed[name] += not found[name].low <= truth <= found[name].high
        assert found["rate"].n == 60 // k
    assert max(missed.values()) <= 9, missed


def test_equal_texts_that_are_independent_draws_count_each():
    draws = repeated(10)
    drawn = replace(draws, log_q_x=torch.full((TEXTS,), -3.0))
    once, clustered = (Rate().estimate(Evidence.of(d))["rate"] for d in (drawn, draws))
    assert once.n == TEXTS
    assert clustered.se == pytest.approx(math.sqrt(10) * once.se, rel=0.02)


@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize(
    "name", ["kolmogorov_smirnov", "radius", "sliced_wasserstein", "mmd", "classifier_two_sample", "moments"]
)
def test_comparisons_with_the_prior_see_no_mismatch_in_copies(name, k):
    diagnostic, seen = choices.build("diagnostics", name), 0
    for seed in range(4):
        evidence = Evidence.of(repeated(k, seed=200 + seed, texts=400))
        estimates = dict(diagnostic.estimate(evidence)) | MomentKl().estimate(evidence)
        found = diagnostic.findings(estimates, evidence, Thresholds())
        seen += any(finding.verdict in ("WARN", "FAIL") for finding in found)
    assert seen <= 1


COMPARISONS = [
    "kolmogorov_smirnov",
    "radius",
    "sliced_wasserstein",
    "classifier_two_sample",
    "mmd",
    "moments",
    "moment_kl",
    "marginal_kl",
    "holes",
]


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_copies_are_no_mismatch_of_q_and_the_prior(seed, sampled):
    """Each of 100 texts 10 times: 1,000 rows that are worth 100."""
    draws = repeated(10, seed=10 * seed, texts=1000)
    if sampled:
        prior_z = torch.randn(4000, SIZE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        draws = replace(draws, prior_z=prior_z)
    found = assess(draws, diagnostics=COMPARISONS)
    wrong = [f"{f.verdict} {f.name}" for f in found.findings if f.verdict in ("WARN", "FAIL")]
    assert wrong == ["WARN repeated_texts"]
    assert found.estimates["kolmogorov_smirnov"].n == found.estimates["radius"].n == 100
    assert found.estimates["sliced_wasserstein"].low < 0.1


def test_a_mismatch_is_seen_through_copies():
    """The same, shifted by one standard deviation in each unit."""
    draws = repeated(10, texts=1000)
    z_SND = draws.z + 1
    log_p_z = standard_log_density(z_SND).sum(-1)
    draws = replace(draws, posterior_mean=draws.posterior_mean + 1, z=z_SND, log_p_z=log_p_z)
    found = {f.name: f.verdict for f in assess(draws, diagnostics=COMPARISONS).findings}
    for name in ("kolmogorov_smirnov", "sliced_wasserstein", "classifier_two_sample", "mmd"):
        assert found[name] == "FAIL", name
    # 4 nats, which 100 texts do not place surely above a fifth of the rate
    assert found["moments"] in ("WARN", "FAIL")


def test_the_errors_of_copies_are_those_of_the_distinct_texts():
    """Exact copies, z too: every number is that of the distinct texts alone."""
    once = repeated(1, texts=100)
    index = torch.arange(100).repeat_interleave(6)
    rows = {name: getattr(once, name)[:, index] for name in ("z", "log_p_x_z", "log_p_z", "log_q_z_x")}
    more = {name: getattr(once, name)[index] for name in ("posterior_mean", "posterior_std", "tokens")}
    names = ["kolmogorov_smirnov", "radius", "moments", "mmd", "moment_kl"]
    alone, copied = (assess(draws, diagnostics=names).estimates for draws in (once, replace(once, **rows, **more)))
    for name in ("kolmogorov_smirnov", "radius", "mmd", "moments_mean", "moment_kl"):
        assert copied[name].value == pytest.approx(alone[name].value, rel=1e-6), name
        assert copied[name].low == pytest.approx(alone[name].low, rel=1e-6, abs=1e-9), name
        assert copied[name].high == pytest.approx(alone[name].high, rel=1e-6), name
        assert copied[name].n == alone[name].n, name
    assert copied["radius"].detail["p_value"] == pytest.approx(alone["radius"].detail["p_value"], rel=0.01)


def test_zero_and_minus_zero_are_one_text():
    assert Copies.of(torch.tensor([[0.0, 1.0], [-0.0, 1.0]])).distinct == 1


def test_moments_of_copies_named_by_text_id_are_those_of_the_distinct_texts():
    # the numbers of the texts say which are copies: their posteriors may differ by rounding
    from vaescope.assessment.diagnostics.moment_kl import moment_kl
    from vaescope.evidence.linear_gaussian import LinearGaussian

    torch.manual_seed(0)
    draws = Draws(**LinearGaussian.matched(latent_size=2, data_size=3, rate=1.0).sample_draws(60))
    index_N = torch.cat([torch.arange(60), torch.arange(15)])
    tensors = {
        name: value[index_N] if value.shape[0] == 60 else value[:, index_N] for name, value in draws.tensors().items()
    }
    copied = Draws(**tensors | {"text_id": index_N, "log_q_x": None})
    assert moment_kl(copied).value == pytest.approx(moment_kl(draws).value, rel=1e-6)


def test_a_probe_does_not_learn_copies_by_heart():
    """Random labels: with a copy of each text in another fold, a linear probe of 64 units could predict them."""
    generator = torch.Generator().manual_seed(0)
    mean_UD = torch.randn(60, 64, generator=generator, dtype=torch.float64)
    labels = ["ab"[int(side)] for side in torch.randint(2, (60,), generator=generator)]
    text = torch.arange(60).repeat(5)
    draws = draws_at(mean_UD[text], 0.05)
    assert Probe().estimate(Evidence(draws, facts=Facts(labels=[labels[i] for i in text])))["probe_information"].low < 0
    once = Probe().estimate(Evidence(draws_at(mean_UD, 0.05), facts=Facts(labels=labels)))["probe"]
    assert once.n == Probe().estimate(Evidence(draws, facts=Facts(labels=[labels[i] for i in text])))["probe"].n == 60
