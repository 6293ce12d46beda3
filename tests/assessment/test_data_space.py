"""Diagnostics of drawn texts: do they look like the data, and does z steer them?"""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from vaescope import assess, choices
from vaescope.assessment import string_statistics
from vaescope.assessment.bleu import bleu, counts
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.experiments import Experiments, Tokens
from vaescope.evidence.facts import Facts
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.model.watch import watched_attention
from vaescope.sweep.scoring import score
from vaescope.sweep.simulate import simulate
from vaescope.testing.example_evidence import draws_at, evidence

from .tiny import Speller, full_evidence


def verdicts(assessment):
    return {finding.name: finding.verdict for finding in assessment.findings}


@pytest.fixture(scope="module")
def everything():
    return full_evidence()


@pytest.fixture(scope="module")
def assessment(everything):
    return assess(everything[2])


def test_identities_hold_for_a_model(assessment):
    found = verdicts(assessment)
    assert {found[f"identity_{name}"] for name in ("sampler", "repeated", "null", "bounds")} == {"PASS"}


def test_all_that_has_evidence_runs_and_can_be_written(assessment, tmp_path):
    missing = {
        "joint_inconsistency",
        "conversion_efficiency",
        "multiplier",
        "latent_sequence",
        "information_ceiling",
        "joint_classifier",
        "posterior_calibration",
    }
    assert set(assessment.skipped) <= missing, assessment.skipped
    content = json.loads(assessment.save(tmp_path).read_text())
    assert content["metadata"]["suite"] == "full"
    for name in ("latent_attention", "token_accuracy", "generated_likelihood"):
        assert (tmp_path / "assessment-figures" / f"{name}.svg").exists()


def test_draws_alone_skip_with_reasons():
    draws = evidence(LinearGaussian.matched(latent_size=2, data_size=3, rate=2.0), n=60).draws
    skipped = assess(draws).skipped
    assert skipped["posterior_calibration"] == "no drawn texts: assess with suite=full"
    assert skipped["latent_attention"] == "no token predictions: assess with suite=full"
    assert skipped["reconstruction"] == "no drawn texts: assess with suite=full"


def test_the_fast_suite_has_no_slow_diagnostic(everything):
    found = assess(everything[2], suite="fast")
    slow = {n for n in choices.names("diagnostics") if choices.load("diagnostics", n).suite == "full"}
    assert {"posterior_calibration", "text_statistics"} <= slow
    assert not slow & set(found.estimates)
    with pytest.raises(ValueError, match="did you mean 'fast'"):
        assess(everything[2], suite="fats")


def test_simulations_depend_on_the_seed_and_not_on_batches(everything):
    model, _, known = everything
    draws, simulations = known.draws, known.simulations
    again, _ = simulate(model, Speller(), draws, count=66, group_tokens=40)
    assert again.strings == simulations.strings
    assert again.resampled == simulations.resampled
    torch.testing.assert_close(again.log_p_x_z, simulations.log_p_x_z)
    ended = simulations.finished
    # float64 differences of float32 log-probabilities, which other batches add up in another order
    weights, expected = again.draws.log_weights[:, ended], simulations.draws.log_weights[:, ended]
    torch.testing.assert_close(weights, expected, rtol=1e-5, atol=1e-5)
    assert simulate(model, Speller(), draws, count=66, seed=1)[0].strings != simulations.strings


def test_a_sampler_that_drops_a_part_of_z_is_caught(everything):
    model, _, known = everything

    class Damaged(nn.Module):
        """Samples without z, but scores with z."""

        def __init__(self):
            super().__init__()
            self.inner = model

        def __getattr__(self, name):
            return super().__getattr__(name) if name == "inner" else getattr(super().__getattr__("inner"), name)

        def sample(self, z, **options):
            return model.sample(torch.zeros_like(z), **options)

    with torch.no_grad():
        model.injections["embedding"].projection.weight.mul_(20)
    drawn, _ = simulate(Damaged(), Speller(), known.draws, count=66)
    whole, _ = simulate(model, Speller(), known.draws, count=66)
    with torch.no_grad():
        model.injections["embedding"].projection.weight.div_(20)
    assert verdicts(assess(replace(known, simulations=drawn), diagnostics=["rate"]))["identity_sampler"] == "FAIL"
    assert verdicts(assess(replace(known, simulations=whole), diagnostics=["rate"]))["identity_sampler"] == "PASS"


def test_controls_are_those_of_other_z(everything):
    model, texts, known = everything
    draws = known.draws
    own = score(model, texts, draws.z[:1], group_tokens=100)[0]
    torch.testing.assert_close(own, draws.log_p_x_z[0])
    assert not torch.equal(draws.log_p_x_z_shuffled, draws.log_p_x_z[0])
    others = score(model, texts, draws.z[:1, draws.shuffled_from], group_tokens=100)[0]
    torch.testing.assert_close(others, draws.log_p_x_z_shuffled)
    assert draws.log_p_x_z_prior.shape == (draws.texts,)


@pytest.mark.parametrize("injection", ["memory", "prefix", "embedding"])
def test_watched_attention_is_a_share_and_changes_nothing(injection):
    from vaescope.model.build import tiny_model

    model, batch = tiny_model(injection=injection)
    z = torch.randn(2, 4)
    with torch.inference_mode():
        plain = model(batch.input_ids, z).logits
        with watched_attention(model.decoder) as masses:
            watched = model(batch.input_ids, z).logits
        torch.testing.assert_close(plain, watched)
        torch.testing.assert_close(plain, model(batch.input_ids, z).logits)
    assert len(masses) == (0 if injection == "embedding" else 2)
    for mass_BT in masses.values():
        assert mass_BT.shape == batch.input_ids.shape
        assert ((mass_BT > 0) & (mass_BT < 1)).all()


def test_the_share_of_equal_scores_is_that_of_the_slots():
    """If all keys have the same score, position t attends equally to its t + 1 tokens and the slot."""
    from vaescope.model.build import tiny_model

    model, batch = tiny_model(injection="memory")
    with torch.no_grad():
        for name, parameter in model.decoder.named_parameters():
            if "query" in name:
                parameter.zero_()
    with torch.inference_mode(), watched_attention(model.decoder) as masses:
        model(batch.input_ids, torch.randn(2, 4))
    expected = 1 / (torch.arange(5) + 2.0)
    for mass_BT in masses.values():
        torch.testing.assert_close(mass_BT, expected.expand(2, -1))


def test_known_bleu():
    def of(text, reference):
        return bleu(counts(text, reference)[None])

    assert of("a b c d e", "a b c d e") == pytest.approx(1)
    assert of("a b c d", "e f g h") == 0
    # precisions 5/6, 3/5, 2/4, 1/3 and no penalty
    expected = math.exp(np.log([5 / 6, 3 / 5, 2 / 4, 1 / 3]).mean())
    assert of("the cat sat on a mat", "the cat sat on the mat") == pytest.approx(
        math.exp(np.log([5 / 6, 3 / 5, 2 / 4, 1 / 3]).mean())
    )
    assert of("a b c d", "a b c d e f") == pytest.approx(math.exp(1 - 6 / 4))
    assert 0 < expected < 1


def test_statistics_of_known_texts():
    assert string_statistics.length(["a b", "c"]).tolist() == [2, 1]
    assert string_statistics.repetition(["a a a b"]).tolist() == [0.5]
    assert string_statistics.distinct(["a b a b"], 2) == pytest.approx(2 / 3)
    bigrams = string_statistics.Bigrams(["a b c"] * 50)
    usual, unusual = bigrams(["a b c", "c b a"])
    assert usual < 0.5 < unusual


def test_texts_of_the_right_model_pass_and_short_ones_do_not():
    known = evidence(LinearGaussian.matched(latent_size=2, data_size=4, rate=3.0), n=200)
    simulations, strings = known.simulations, known.facts.strings
    right = assess(known, diagnostics=["text_statistics", "generated_likelihood"])
    assert verdicts(right)["text_surprisal"] == verdicts(right)["generated_likelihood"] == "PASS"
    assert right.estimates["text_statistics_distinct"].value == pytest.approx(1, abs=0.1)
    same = assess(replace(known, simulations=replace(simulations, resampled=strings)), diagnostics=["text_statistics"])
    detail = same.estimates["text_statistics_surprisal"].detail
    assert detail["correlation"] == pytest.approx(1)
    assert abs(detail["correlation_shuffled"]) < 0.3
    short = replace(simulations, strings=[text.split()[0] for text in simulations.strings], control=simulations.strings)
    wrong = assess(replace(known, simulations=short), diagnostics=["text_statistics"])
    assert verdicts(wrong)["text_length"] == "FAIL"
    assert wrong.estimates["text_statistics_length"].value == pytest.approx(3)
    assert "a language model is 0.0 times" in next(f.message for f in wrong.findings if f.name == "text_length")


def test_equal_samples_on_both_sides():
    known = evidence(LinearGaussian.matched(latent_size=2, data_size=4, rate=3.0), n=60, samples=16)
    drawn = known.simulations.draws
    few = replace(drawn, **{n: getattr(drawn, n)[:2] for n in ("z", "log_p_x_z", "log_p_z", "log_q_z_x")})
    known = replace(known, simulations=replace(known.simulations, draws=few))
    found = assess(known, diagnostics=["generated_likelihood"])
    assert found.estimates["generated_likelihood"].detail["samples"] == 2


def test_reconstruction_of_a_copy_is_perfect_and_shuffled_is_not():
    known = evidence(LinearGaussian.matched(latent_size=2, data_size=5, rate=3.0), n=60)
    copied = replace(known.simulations, reconstructions=known.facts.strings)
    found = assess(replace(known, simulations=copied), diagnostics=["reconstruction"]).estimates
    assert found["reconstruction_bleu"].value == pytest.approx(1)
    assert found["reconstruction_exact"].value == 1
    assert found["reconstruction_bleu"].detail["shuffled"] < 0.5


def labelled(draws, labels):
    return Evidence(draws, facts=Facts(labels=labels))


def test_a_probe_finds_only_labels_that_z_contains():
    draws = evidence(LinearGaussian.matched(latent_size=2, data_size=4, rate=4.0), n=300, seed=1).draws
    told = ["up" if z > 0 else "down" for z in draws.posterior_mean[:, 0].tolist()]
    found = assess(labelled(draws, told), diagnostics=["probe"])
    assert found.estimates["probe"].value > 0.95
    assert found.estimates["probe_information"].value == pytest.approx(math.log(2), abs=0.2)
    blind = [("up", "down")[i % 2] for i in range(300)]
    found = assess(labelled(draws, blind), diagnostics=["probe"])
    assert verdicts(found)["probe"] == "WARN"
    assert found.estimates["probe"].value == pytest.approx(0.5, abs=0.1)
    assert "labels" in assess(labelled(draws, ["one"] * 300), diagnostics=["probe"]).skipped["probe"]


def test_token_statistics_count_texts():
    ones = torch.ones(6, dtype=torch.float64)
    tokens = Tokens(
        position=torch.tensor([0.5, 1.0, 0.5, 1.0, 0.5, 1.0]),
        text=torch.tensor([3, 3, 5, 5, 9, 9]),
        correct_posterior=ones,
        correct_prior=torch.tensor([0.0, 1.0] * 3),
        divergence=0.3 * ones,
        divergence_null=0 * ones,
    )
    known = evidence(LinearGaussian.matched(latent_size=2, data_size=4, rate=3.0), n=30)
    known = replace(known, experiments=Experiments(tokens=tokens))
    found = assess(known, diagnostics=["token_accuracy", "token_divergence"]).estimates
    drop = found["token_accuracy_drop"]
    assert (drop.value, drop.n) == (0.5, 3)
    # three texts with one value say little of a fourth
    assert -0.6 < drop.low < 0 < 0.6 < drop.high < 1
    assert 0 < found["token_accuracy"].low < 0.3
    assert found["token_accuracy"].high == 1
    assert drop.detail["profile"][4] == 1.0
    assert drop.detail["profile"][9] == 0.0
    assert found["token_divergence"].value == pytest.approx(0.3)


def test_a_probe_finds_no_more_in_z_than_its_rate():
    """For collapsed codes the posterior means still show the label, by a hundredth of the posterior's width."""
    up_N = torch.arange(400) % 2
    draws = replace(draws_at((0.01 * (2.0 * up_N - 1)).double()[:, None], 1.0), text_id=torch.arange(400))
    found = assess(labelled(draws, [str(int(up)) for up in up_N]), diagnostics=["probe", "rate"]).estimates
    assert found["rate"].value < 1e-3
    assert found["probe_information"].low <= found["rate"].value
    assert found["probe"].value == pytest.approx(0.5, abs=0.1)
    assert found["probe"].detail["posterior_mean"] == 1.0


def test_topic_surprisal_is_higher_for_texts_that_mix_topics():
    rng = np.random.default_rng(0)
    groups = [[f"{name}{i}" for i in range(12)] for name in "abcd"]

    def text(group: list[str]) -> str:
        return " ".join(rng.choice(group, 8))

    topics = string_statistics.Topics([text(groups[i % 4]) for i in range(400)], topics=4)
    everything = [word for group in groups for word in group]
    pure, mixed = (topics([text(group) for _ in range(50)]) for group in (groups[0], everything))
    assert pure.mean() == pytest.approx(math.log(12), abs=0.15)
    assert mixed.mean() > pure.mean() + 0.5
    assert topics(["unheard words"])[0] == pytest.approx(math.log(48))


@pytest.mark.parametrize(("observed", "drawn"), [(100, 100), (400, 60), (200, 400)])
@pytest.mark.parametrize("whole", [False, True])
def test_the_null_of_a_distance_is_passed_by_chance_alone_in_one_of_twenty(observed, drawn, whole):
    rng, above = np.random.default_rng(0), 0
    for _ in range(300):
        data, other = rng.gamma(4.0, size=observed), rng.gamma(4.0, size=drawn)
        if whole:
            data, other = data.round(), other.round()
        above += stats.wasserstein_distance(data, other) > string_statistics.null_quantile(data, drawn)
    assert 0.02 <= above / 300 <= 0.1
