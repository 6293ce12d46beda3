"""The numbers of each text agree with the estimates, can be saved and loaded, and are paired by text."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from vaescope.assessment.assess import assess
from vaescope.errors import UserError
from vaescope.estimators.copies import Copies
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.facts import Facts
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.evidence.per_text import PerText, paired_difference


def known(draws, strings=tuple(f"text {n}" for n in range(200))):
    return Evidence(draws, facts=Facts(strings=list(strings)))


@pytest.fixture(scope="module")
def draws():
    model = LinearGaussian.matched(latent_size=2, data_size=3, rate=2.0)
    torch.manual_seed(0)
    return Draws(**model.sample_draws(200))


def test_means_are_the_estimates(draws):
    found = assess(draws, suite="fast")
    for name in ("rate", "distortion", "elbo", "log_likelihood"):
        mean = getattr(found.per_text, name).mean().item()
        assert mean == pytest.approx(found.estimates[name].value, rel=1e-9)


def test_a_saved_assessment_has_them_in_a_file_next_to_it(draws, tmp_path):
    found = assess(known(draws), suite="fast")
    found.save(tmp_path, name="assessment-test")
    again = PerText.load(tmp_path / "assessment-test-texts.safetensors")
    assert again.digest == found.per_text.digest != ""
    torch.testing.assert_close(again.elbo, found.per_text.elbo, rtol=0, atol=0)
    torch.testing.assert_close(again.posterior_mean, draws.posterior_mean.float(), rtol=0, atol=0)


def test_a_sample_is_one_of_each_posterior(draws):
    texts = PerText.of(Evidence.of(draws))
    noise_ND = (texts.sample(0) - texts.posterior_mean) / texts.posterior_std
    assert noise_ND.shape == (200, 2)
    assert noise_ND.mean().item() == pytest.approx(0, abs=4 / 20)
    assert noise_ND.var().item() == pytest.approx(1, abs=4 * 2**0.5 / 20)
    assert torch.equal(texts.sample(0), texts.sample(0))
    assert not torch.equal(texts.sample(0), texts.sample(1))


def test_the_panel_is_that_of_the_texts_and_their_order(draws):
    here, there = known(draws), known(draws, [f"text {n}" for n in range(200)][::-1])
    assert PerText.of(here).digest != PerText.of(there).digest
    assert PerText.of(Evidence.of(draws)).digest == ""


def test_pairing_removes_the_variance_that_texts_share():
    torch.manual_seed(0)
    common_N = 100 * torch.randn(400)
    ours_N, theirs_N = common_N + 0.5 + 0.1 * torch.randn(400), common_N + 0.1 * torch.randn(400)
    difference = paired_difference(ours_N, theirs_N, Copies.of(torch.arange(400)))
    assert abs(difference.value - 0.5) < 4 * difference.se
    assert difference.se < 0.02 < (ours_N.var() / 400 + theirs_N.var() / 400) ** 0.5


def test_copies_of_a_text_are_one_piece_of_evidence_in_a_difference(draws, tmp_path):
    """Each text three times: the same error as of the distinct texts, after a file too."""
    thrice = torch.arange(200).repeat(3)
    repeated = Draws(
        posterior_mean=draws.posterior_mean[thrice],
        posterior_std=draws.posterior_std[thrice],
        z=draws.z[:, thrice],
        **{name: getattr(draws, name)[:, thrice] for name in ("log_p_x_z", "log_p_z", "log_q_z_x")},
        tokens=draws.tokens[thrice],
        text_id=thrice,
    )
    PerText.of(known(repeated, [f"text {n}" for n in thrice])).save(tmp_path / "texts.safetensors")
    once, texts = PerText.of(Evidence.of(draws)), PerText.load(tmp_path / "texts.safetensors")
    others = torch.zeros(200)
    single = paired_difference(once.rate, others, once.copies)
    difference = paired_difference(texts.rate, others[thrice], texts.copies)
    assert (difference.n, difference.se) == (200, pytest.approx(single.se))
    # texts drawn from a known distribution are independent, equal ones too
    drawn = replace(repeated, log_q_x=torch.zeros(600))
    assert PerText.of(known(drawn)).copies.distinct == 600


def test_an_earlier_file_without_copies_reads_equal_posteriors_as_copies(draws, tmp_path):
    file = tmp_path / "texts.safetensors"
    twice = torch.arange(100).repeat(2)
    texts = PerText.of(known(draws))
    replace(texts, posterior_mean=texts.posterior_mean[twice], posterior_std=texts.posterior_std[twice]).save(file)
    tensors = load_file(file)
    del tensors["text_id"]
    save_file(tensors, file, metadata={"panel": texts.digest})
    again = PerText.load(file)
    assert (again.digest, again.copies.distinct) == (texts.digest, 100)


def test_a_missing_file_names_the_fix(tmp_path):
    with pytest.raises(UserError, match="assess the run again"):
        PerText.load(tmp_path / "assessment-texts.safetensors")
