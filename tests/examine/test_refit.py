"""Refit: fitted priors remove a known mismatch, memorising ones are not chosen, and the result is a normal run."""

import json
import math
from importlib.util import find_spec

import pytest
import torch
from tests.tiny_runs import build_config
from torch.distributions import Normal
from typer.testing import CliRunner

import vaescope
from vaescope.cli import app
from vaescope.errors import UserError
from vaescope.evidence.encodings import Encodings
from vaescope.examine import fitted_priors
from vaescope.examine.assess_run import assess_run
from vaescope.examine.examined_run import Examined
from vaescope.examine.refit import AS_TRAINED, fit_prior, refit_run
from vaescope.examine.refit_decoder import decoder_config
from vaescope.model.priors.standard import Standard
from vaescope.training.loop import train

SIZE, STD, SPREAD, AT = 3, 0.3, 0.5, 2.0
"""q(z) is N(0, I) but for unit 0, half of which is at AT and half at -AT: there STD^2 + SPREAD^2 is its variance."""


def two_modes(texts, seed):
    generator = torch.Generator().manual_seed(seed)
    mean = (1 - STD**2) ** 0.5 * torch.randn(texts, SIZE, generator=generator)
    side = 2 * torch.randint(2, (texts,), generator=generator) - 1
    mean[:, 0] = AT * side + SPREAD * torch.randn(texts, generator=generator)
    return Encodings(mean, torch.full_like(mean, STD))


def mismatch():
    """KL(q(z) || N(0, I)) by a sum over a fine grid."""
    z = torch.linspace(-8, 8, 20_001, dtype=torch.float64)
    width = (STD**2 + SPREAD**2) ** 0.5
    log_q = torch.logaddexp(Normal(AT, width).log_prob(z), Normal(-AT, width).log_prob(z)) - math.log(2)
    return ((log_q - Normal(0.0, 1.0).log_prob(z)) * log_q.exp()).sum().item() * (z[1] - z[0]).item()


@pytest.fixture(scope="module")
def encodings():
    return {"train": two_modes(3000, 0), "valid": two_modes(800, 1), "test": two_modes(1500, 2)}


@pytest.mark.parametrize("families", [["mixture"], ["aggregate"]])
def test_the_gain_is_the_mismatch_of_the_prior(encodings, families):
    found = fit_prior(Standard(SIZE), "standard", encodings, families=families, components=3000)
    assert found.chosen.name != AS_TRAINED
    # R - R_g = KL(q(z) || p) - KL(q(z) || g), and no density does better than q(z) itself
    assert mismatch() - 0.15 < found.gain.value < mismatch() + 4 * found.gain.se
    assert found.before.value - found.after.value == pytest.approx(found.gain.value)
    assert found.validation[found.chosen.name] == min(found.validation.values())


@pytest.mark.skipif(find_spec("zuko") is None, reason="needs zuko")
def test_a_flow_is_fitted_too(encodings, monkeypatch):
    monkeypatch.setattr(fitted_priors, "FLOW_STEPS", 250)
    monkeypatch.setattr(fitted_priors, "FLOW_TEXTS", 256)
    found = fit_prior(Standard(SIZE), "standard", encodings, families=["flow"])
    assert found.chosen.spec == "flow"
    assert mismatch() - 0.25 < found.gain.value < mismatch() + 4 * found.gain.se


def test_a_density_that_memorises_is_not_chosen():
    """In 12 units, 40 narrow codes say nothing about other texts, even if their rate on the training texts is small."""
    generator = torch.Generator().manual_seed(0)
    encodings = {
        split: Encodings(torch.randn(texts, 12, generator=generator), torch.full((texts, 12), 0.1))
        for split, texts in (("train", 40), ("valid", 200), ("test", 200))
    }
    found = fit_prior(Standard(12), "standard", encodings, families=["aggregate"])
    assert found.chosen.name == AS_TRAINED
    assert found.gain.value == 0
    memory = next(fitted_priors.aggregates(encodings["train"], Standard(12), "standard", components=40, seed=0)).prior
    with torch.no_grad():
        on_training = memory.log_prob(encodings["train"].mean).mean()
        assert on_training > memory.log_prob(encodings["test"].mean).mean() + 10
        # the defensive part holds every text within log 20 of the prior as trained
        z = 3 * torch.randn(200, 12, generator=generator)
        assert (memory.log_prob(z) >= Standard(12).log_prob(z) + math.log(0.05) - 1e-4).all()


def test_a_prior_that_is_right_stays(encodings):
    matched = {
        split: Encodings((1 - STD**2) ** 0.5 * torch.randn(each.mean.shape), each.std)
        for split, each in encodings.items()
    }
    found = fit_prior(Standard(SIZE), "standard", matched, families=["mixture", "aggregate"])
    assert abs(found.gain.value) < 0.05


def test_an_unknown_family_is_named(encodings):
    with pytest.raises(UserError, match="did you mean 'mixture'"):
        fit_prior(Standard(SIZE), "standard", encodings, families=["mixtures"])


@pytest.fixture(scope="module")
def shifted(tmp_path_factory):
    """A trained run whose encodings were moved away from the prior, so that a refit can help."""
    folder = tmp_path_factory.mktemp("refit") / "run"
    train(build_config(folder, objective={"preset": "mdr", "rate": 6}, steps=20))
    run = Examined.load(folder)
    with torch.no_grad():
        run.model.posterior_head.projection.bias[:4] += 2.0
        run.model.posterior_head.projection.bias[4:] -= 2.0
    run.folder.save_model(run.model, run.tokenizer)
    return folder


@pytest.mark.parametrize("family", ["mixture", "aggregate"])
def test_the_new_run_is_a_run(shifted, tmp_path, family):
    out = tmp_path / "new"
    found = vaescope.refit(shifted, out, families=[family])
    assert found.gain.value > 5
    before, after = (Examined.load(folder) for folder in (shifted, out))
    assert family in after.config.model.prior
    assert json.loads((out / "refit.json").read_text())["gain"]["value"] == found.gain.value
    was, now = (assess_run(each, "test", suite="fast").estimates for each in (before, after))
    assert now["distortion"].value == was["distortion"].value
    assert now["rate"].value == pytest.approx(found.after.value, abs=0.5)
    assert now["elbo"].value - was["elbo"].value == pytest.approx(found.gain.value, abs=0.5)
    assert now["marginal_kl"].high < was["marginal_kl"].high
    assert len(vaescope.load(out).sample(3)) == 3
    # the run that it came from is as it was
    assert before.model.prior.is_standard
    assert before.config.model.prior == "standard"


def test_a_refitted_run_can_be_refitted(shifted, tmp_path):
    vaescope.refit(shifted, tmp_path / "a", families=["aggregate"])
    found = vaescope.refit(tmp_path / "a", tmp_path / "b", families=["mixture"])
    assert found.validation[AS_TRAINED] > 0


def test_the_decoder_is_trained_alone(shifted, tmp_path):
    config = decoder_config(shifted, tmp_path / "decoder")
    train(config)
    before, after = (Examined.load(folder) for folder in (shifted, tmp_path / "decoder"))
    batch = before.tokenized("valid").by_length(list(range(8)), 10_000)[0]
    with torch.no_grad():
        was, now = (each.model.encode(batch.to(each.model.device)) for each in (before, after))
    torch.testing.assert_close(now.mean, was.mean, atol=1e-6, rtol=0)
    torch.testing.assert_close(now.stddev, was.stddev, atol=1e-6, rtol=0)
    parameters = (each.model.decoder.parameters() for each in (before, after))
    changed = [not torch.equal(a, b) for a, b in zip(*parameters, strict=True)]
    assert any(changed)


def test_the_command_shows_both(shifted, tmp_path):
    runner = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"})
    done = runner.invoke(app, ["refit", str(shifted), "--out", str(tmp_path / "new"), "--family", "mixture"])
    assert done.exit_code == 0, done.output
    for words in ("rate on validation texts", AS_TRAINED, "1 Gaussian", "the new prior saves", "marginal_kl", "before"):
        assert words in " ".join(done.output.split())
    assert (tmp_path / "new" / "model" / "config.json").exists()


def test_mistakes_are_one_line(shifted, tmp_path):
    with pytest.raises(UserError, match="this folder exists"):
        refit_run(Examined.load(shifted), tmp_path)
    train(build_config(tmp_path / "lm", objective="language_model"))
    with pytest.raises(UserError, match="no latent"):
        refit_run(Examined.load(tmp_path / "lm"), tmp_path / "new")
    with pytest.raises(UserError, match=r"no q\(z\|x\) to freeze"):
        decoder_config(tmp_path / "lm", tmp_path / "new")
