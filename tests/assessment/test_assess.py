from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch

from vaescope import Draws, Estimate, UserError, assess, choices
from vaescope.assessment.assessment import Assessment
from vaescope.assessment.diagnostics.active_units import ActiveUnits
from vaescope.assessment.findings import VERDICTS, Finding
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.testing import DiagnosticContract
from vaescope.testing.example_evidence import mixed

from . import outside

OUTSIDE = [f"{outside.__name__}:{name}" for name in ("PosteriorEntropy", "MeanRate")]
TRUTHS = {
    name: attribute
    for diagnostic in choices.names("diagnostics")
    for name, attribute in choices.load("diagnostics", diagnostic).truths.items()
}


def matched(d: int = 4, rate: float = 4.0) -> LinearGaussian:
    return LinearGaussian.matched(latent_size=d, data_size=d + 3, rate=rate)


def draws_of(vae: LinearGaussian, n: int = 800, samples: int = 16, seed: int = 0) -> Draws:
    return Draws(**vae.sample_draws(n, samples=samples, seed=seed), metadata={"entropy": vae.entropy})


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize(("d", "rate"), [(2, 3.0), (8, 5.0), (8, 20.0), (32, 6.0), (32, 60.0)])
def test_intervals_cover_the_truth(d, rate, wrong):
    vae = mixed(matched(d, rate)) if wrong else matched(d, rate)
    found = assess(draws_of(vae), suite="fast").estimates
    for name, attribute in TRUTHS.items():
        if name not in found or found[name].kind in ("lower", "upper"):
            continue
        estimate, truth = found[name], getattr(vae, attribute)
        # 80 intervals are looked at here, so each is widened to one in ten thousand
        slack = 2 * estimate.se + 1e-9
        assert estimate.low - slack <= truth <= estimate.high + slack, (name, truth, estimate)
    bound = found["log_likelihood"]
    assert bound.value - 4 * bound.se <= vae.log_likelihood
    nats = -vae.log_likelihood / vae.data_size
    assert math.log(found["perplexity_per_token"].high) >= nats - 2 * bound.se / vae.data_size
    assert found["perplexity_per_token"].value == pytest.approx(found["perplexity_per_word"].value)
    assert found["bits_per_byte"].value == pytest.approx(math.log2(found["perplexity_per_token"].value))


def test_rate_is_information_plus_marginal_kl():
    found = assess(draws_of(mixed(matched()))).estimates
    total = found["mutual_information"].value + found["marginal_kl"].value
    assert found["rate"].value == pytest.approx(total, abs=1e-9)


def test_information_stays_below_its_ceiling():
    draws = draws_of(matched(32, 60.0), n=100)
    information = assess(replace(draws, metadata={})).estimates["mutual_information"]
    assert information.ceiling == pytest.approx(math.log(100))
    assert information.value <= information.ceiling + 1e-6
    assert information.high > 50
    # H(X) - D has no ceiling
    known = assess(draws).estimates["mutual_information"]
    assert known.ceiling is None
    assert known.detail["index_code"] == pytest.approx(information.value)
    assert 50 < known.low <= known.value <= known.high


def test_active_units_are_those_whose_means_vary():
    vae = matched(4)
    weight = vae.encoder_weight.clone()
    weight[2:] = 0
    found = assess(draws_of(replace(vae, encoder_weight=weight)), diagnostics=["active_units"])
    assert found.estimates["active_units"].value == 2
    variances = found.estimates["active_units"].detail["variances"]
    assert variances[0] == pytest.approx(vae.active_variances[0].item(), rel=0.2)
    strict = assess(draws_of(vae), diagnostics=[ActiveUnits(cut=10.0)])
    assert strict.estimates["active_units"].value == 0
    limited = assess(draws_of(vae), diagnostics=["active_units"], thresholds={"active_variance": 10.0})
    assert limited.estimates["active_units"].value == 0


def verdicts(assessment) -> dict[str, str]:
    return {finding.name: finding.verdict for finding in assessment.findings}


def test_collapse_is_named_and_makes_consistency_vacuous():
    assessment = assess(draws_of(matched(4, 0.001)))
    assert assessment.collapsed
    first = assessment.findings[0]
    assert (first.name, first.verdict) == ("latent_use", "FAIL")
    assert "objective=mdr" in first.next_step
    assert "0 of 4 active units: collapsed" in first.message
    for name in ("marginal_kl", "inference_gap", "total_correlation"):
        assert verdicts(assessment)[name] == "VACUOUS"


def test_a_good_model_passes():
    assessment = assess(draws_of(matched(4, 3.0), n=2000, samples=64))
    assert set(verdicts(assessment).values()) == {"PASS"}


def test_a_model_above_the_ceiling_is_unresolved():
    draws = draws_of(matched(32, 30.0), n=200)
    found = verdicts(assess(replace(draws, metadata={})))
    assert found["mutual_information"] == found["total_correlation"] == found["marginal_kl"] == "UNRESOLVED"
    assert found["surplus_rate"] == "WARN"
    # where the entropy of the texts is known, H(X) - D has no ceiling
    assert verdicts(assess(draws))["mutual_information"] == "PASS"


def test_a_shifted_aggregate_fails_though_the_rate_is_above_the_ceiling():
    vae = matched(8, 30.0)
    assert verdicts(assess(draws_of(replace(vae, encoder_bias=vae.encoder_bias + 3.0), n=300)))["marginal_kl"] == "FAIL"


def test_draws_that_are_no_samples_break_an_identity():
    draws = draws_of(matched())
    means = draws.posterior_mean.expand_as(draws.z).contiguous()
    from vaescope.estimators.gaussian import log_density, standard_log_density

    wrong = replace(
        draws,
        z=means,
        log_q_z_x=log_density(means, draws.posterior_mean, draws.posterior_std).sum(-1),
        log_p_z=standard_log_density(means).sum(-1),
    )
    assert verdicts(assess(wrong))["identity_rate"] == "FAIL"


def test_missing_tensors_skip_a_diagnostic_with_the_reason():
    draws = replace(draws_of(matched()), bytes=None, words=None, log_q_x=None, metadata={}, prior_z=torch.randn(20, 4))
    assessment = assess(draws)
    expected = {"bits_per_byte", "dimension_kl", "joint_inconsistency", "perplexity_per_word", "moment_kl"}
    assert expected <= set(assessment.skipped)
    assert assessment.skipped["bits_per_byte"] == "no 'bytes': give the UTF-8 bytes of each text"
    assert not assessment.estimates["rate"].detail["closed_form"]


@pytest.mark.parametrize("name", [*choices.names("diagnostics"), *OUTSIDE])
class TestEveryDiagnostic(DiagnosticContract):
    """Every diagnostic of the package, and two from outside of it."""


@pytest.mark.parametrize("texts", [2, 3, 5])
def test_very_few_texts_are_no_accident(texts):
    json.dumps(assess(draws_of(matched(), n=texts, samples=1)).to_json(), allow_nan=False)


def test_the_file_is_complete_and_valid(tmp_path):
    assessment = assess(draws_of(matched(), n=100), thresholds={"latent_use": 0.2})
    path = assessment.save(tmp_path, figures=("svg", "png"))
    content = json.loads(path.read_text())
    assert {"estimates", "findings", "skipped", "metadata"} <= set(content)
    assert {"value", "se", "unit", "kind", "n", "low", "high"} <= set(content["estimates"]["marginal_kl"])
    assert all({"name", "verdict", "message"} <= set(finding) for finding in content["findings"])
    assert {"vaescope", "torch", "transformers", "python"} <= set(content["metadata"]["versions"])
    assert content["metadata"]["thresholds"]["latent_use"] == 0.2
    assert {"rate.svg", "rate.png"} <= {file.name for file in (tmp_path / "assessment-figures").iterdir()}
    assert {row["name"] for row in assessment.rows()} == set(content["estimates"])
    order = [VERDICTS.index(finding["verdict"]) for finding in content["findings"]]
    assert order == sorted(order)


def test_a_saved_assessment_is_loaded_unchanged(tmp_path):
    draws = draws_of(matched(), n=60)
    found = assess(draws, diagnostics=["rate", "mutual_information"])
    open_ended = Estimate(value=1.0, se=0.1, unit="nats", kind="interval", n=60, low=0.5, high=math.inf)
    found = replace(found, estimates=found.estimates | {"open": open_ended})
    found.save(tmp_path, name="assessment-test", figures=())
    again = Assessment.load(tmp_path, name="assessment-test")
    assert again.to_json() == found.to_json()
    assert again.estimates["rate"] == found.estimates["rate"]
    assert again.estimates["open"].high == math.inf
    assert torch.equal(again.per_text.rate, found.per_text.rate)
    (tmp_path / "assessment-test-texts.safetensors").unlink()
    assert Assessment.load(tmp_path, name="assessment-test").per_text is None


def test_a_file_that_is_not_an_assessment_names_the_fix(tmp_path):
    with pytest.raises(UserError, match="no such assessment; make it with vaescope assess"):
        Assessment.load(tmp_path)
    for content in ("{", "{}", '{"estimates": {"rate": {"price": 1}}}'):
        (tmp_path / "assessment.json").write_text(content, encoding="utf-8")
        with pytest.raises(UserError, match="not an assessment"):
            Assessment.load(tmp_path)


def test_unknown_names_are_refused():
    draws = draws_of(matched(), n=20)
    with pytest.raises(UserError, match="did you mean 'rate'"):
        assess(draws, diagnostics=["rat"])
    with pytest.raises(UserError, match="unknown threshold"):
        assess(draws, thresholds={"latent": 1.0})
    with pytest.raises(ValueError, match="verdict"):
        Finding("x", "MAYBE", "")
