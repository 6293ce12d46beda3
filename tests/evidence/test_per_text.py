"""The numbers of single texts agree with the estimates, survive a file, and pair by the texts."""

from __future__ import annotations

import pytest
import torch

from vaescope.assessment.assess import assess
from vaescope.errors import UserError
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


def test_a_saved_assessment_has_them_beside_it(draws, tmp_path):
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


def test_pairing_takes_out_what_texts_have_in_common():
    torch.manual_seed(0)
    common_N = 100 * torch.randn(400)
    ours_N, theirs_N = common_N + 0.5 + 0.1 * torch.randn(400), common_N + 0.1 * torch.randn(400)
    difference = paired_difference(ours_N, theirs_N)
    assert abs(difference.value - 0.5) < 4 * difference.se
    assert difference.se < 0.02 < (ours_N.var() / 400 + theirs_N.var() / 400) ** 0.5


def test_a_missing_file_names_the_mend(tmp_path):
    with pytest.raises(UserError, match="assess the run again"):
        PerText.load(tmp_path / "assessment-texts.safetensors")
