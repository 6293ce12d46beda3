"""KL(q(x, z) || p(x, z)) for a known distribution of the texts: from its entropy, or from log q(x) of each text."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vaescope import Draws, assess
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.testing.example_evidence import mixed


def draws_of(vae: LinearGaussian, n: int = 600, samples: int = 8, seed: int = 0) -> Draws:
    return Draws(**vae.sample_draws(n, samples=samples, seed=seed), metadata={"entropy": vae.entropy})


def joint_of(draws: Draws):
    return assess(draws, diagnostics=["joint_inconsistency"])


@pytest.mark.parametrize("rate", [3.0, 12.0])
def test_the_density_of_each_text_takes_the_noise_of_the_texts_away(rate):
    vae = mixed(LinearGaussian.matched(latent_size=4, data_size=7, rate=rate))
    draws = draws_of(vae)
    paired = joint_of(draws).estimates["joint_inconsistency"]
    plain = joint_of(replace(draws, log_q_x=None)).estimates["joint_inconsistency"]
    for estimate in (paired, plain):
        assert estimate.value == pytest.approx(vae.joint_inconsistency, abs=4 * estimate.se)
    without_entropy = joint_of(replace(draws, metadata={})).estimates["joint_inconsistency"]
    assert (without_entropy.value, without_entropy.se) == (paired.value, paired.se)


def test_of_a_matched_model_hardly_any_error_is_left():
    """R + D + log q(x) varies with the samples of z alone, R + D - H with the texts."""
    vae = LinearGaussian.matched(latent_size=4, data_size=12, rate=3.0)
    draws = draws_of(vae, samples=32)
    paired = joint_of(draws).estimates["joint_inconsistency"]
    plain = joint_of(replace(draws, log_q_x=None)).estimates["joint_inconsistency"]
    assert paired.se < plain.se / 4
    assert paired.value == pytest.approx(0, abs=4 * paired.se)


def test_both_splits_add_up():
    vae = mixed(LinearGaussian.matched(latent_size=3, data_size=6, rate=3.0))
    vae = replace(vae, bias=vae.bias + 0.3)
    found = assess(draws_of(vae, n=1500, samples=64)).estimates
    joint, data = found["joint_inconsistency"], found["joint_inconsistency_data"]
    truth = -vae.entropy - vae.log_likelihood
    assert data.low <= truth + 0.05
    assert data.value == pytest.approx(truth, abs=0.05 + 4 * data.se)
    assert joint.value - data.value == pytest.approx(found["inference_gap"].value, abs=1e-6)
    low, high = joint.detail["decoder_mismatch"]
    assert low <= vae.decoder_mismatch <= high


def test_an_impossible_entropy_fails_and_so_do_texts_of_another_law():
    draws = draws_of(LinearGaussian.matched(latent_size=2, data_size=4, rate=2.0))
    more = {"entropy": draws.metadata["entropy"] + 1.0}
    verdicts = {f.name: f.verdict for f in joint_of(replace(draws, metadata=more)).findings}
    assert verdicts["identity_entropy"] == "FAIL"
    verdicts = {f.name: f.verdict for f in joint_of(replace(draws, metadata=more, log_q_x=None)).findings}
    assert verdicts["joint_inconsistency"] == "FAIL"
    verdicts = {f.name: f.verdict for f in joint_of(draws).findings}
    assert verdicts["identity_entropy"] == verdicts["joint_inconsistency"] == "PASS"


def test_without_known_entropy_there_is_no_number():
    draws = draws_of(LinearGaussian.matched(latent_size=2, data_size=4, rate=2.0), n=20)
    skipped = joint_of(replace(draws, log_q_x=None, metadata={})).skipped
    assert skipped["joint_inconsistency"] == (
        "no 'log_q_x' and no 'entropy': only where the distribution of the texts is known, as for the built-in corpora"
    )
    assert torch.isfinite(draws.log_q_x).all()
