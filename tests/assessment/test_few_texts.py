"""Healthy models of very few texts and samples: no identity and no distance from the prior may FAIL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vaescope import Evidence
from vaescope.assessment.diagnostics.marginal_kl import MarginalKl
from vaescope.assessment.identities import evidence_identities
from vaescope.assessment.thresholds import Thresholds
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.testing.example_evidence import draws_of

FEW = [(1, 2), (2, 2), (1, 3), (2, 4), (8, 2), (1, 5)]


def healthy(size: int, texts: int, *, samples: int, seed: int):
    vae = LinearGaussian.matched(latent_size=size, data_size=size + 1, rate=2.0 * size)
    return draws_of(vae, vae.sample_data(texts, seed=seed), samples=samples, seed=seed + 5)


@pytest.mark.parametrize(("size", "texts"), FEW)
@pytest.mark.parametrize("samples", [1, 4])
def test_identities_hold_for_few_texts_and_one_sample(size, texts, samples):
    for seed in range(60):
        draws = healthy(size, texts, samples=samples, seed=seed)
        found = evidence_identities(Evidence.of(draws), Thresholds())
        assert not [finding for finding in found if finding.verdict == "FAIL"]


@pytest.mark.parametrize(("size", "texts"), FEW)
def test_marginal_kl_of_few_texts_does_not_fail(size, texts):
    """Two texts are each judged by the other alone and err alike, which looks like no error at all."""
    failed = 0
    for seed in range(40):
        evidence = Evidence.of(healthy(size, texts, samples=2, seed=seed))
        estimates = MarginalKl().estimate(evidence)
        failed += MarginalKl().findings(estimates, evidence, Thresholds())[0].verdict == "FAIL"
        assert texts >= 4 or estimates["marginal_kl"].low == 0
    assert failed <= 1


def test_identity_of_the_rate_sees_another_posterior_than_the_stated_one():
    draws = healthy(2, 40, samples=16, seed=0)
    shifted = replace(draws, log_q_z_x=draws.log_q_z_x + 0.5)
    verdicts = {finding.name: finding.verdict for finding in evidence_identities(Evidence.of(shifted), Thresholds())}
    assert verdicts["identity_rate"] == "FAIL"
