"""The language model without a latent is configured, swept and judged by the same code, deterministically."""

import math

import pytest
import torch

from vaescope.assessment.assess import assess
from vaescope.config import ModelConfig, parse_config
from vaescope.corpora.tokenized import tokenize
from vaescope.corpora.tokenizer import train_bpe
from vaescope.errors import UserError
from vaescope.evidence.draws import Draws
from vaescope.model import build_model
from vaescope.model.latent_space import LatentSpace
from vaescope.model.pass_module import PassModule
from vaescope.sweep.sweep import sweep

TEXTS = ["the sea is deep", "the sky is wide and blue", "a cat", "dogs run far"] * 5
KNOWN = {"data": {"known": "topic_pcfg"}}


@pytest.fixture(scope="module")
def language_model():
    tokenizer = train_bpe(TEXTS, 280)
    small = {"model_type": "roberta", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = ModelConfig(encoder={**small, "intermediate_size": 32}, latent_size=3, injection="none")
    torch.manual_seed(0)
    return build_model(config, tokenizer, 16).eval(), tokenizer


def test_it_is_assessed_with_rate_zero_and_an_exact_likelihood(language_model):
    model, tokenizer = language_model
    draws = sweep(model, tokenize(TEXTS, tokenizer, max_length=16), samples=4).validate()
    assert draws.prior_z is None
    assert (draws.rates == 0).all()
    assert (draws.log_p_x_z - draws.log_p_x_z[0]).abs().max() < 1e-4
    assessment = assess(draws)
    e = assessment.estimates
    assert e["rate"].value == e["rate"].se == 0
    assert e["elbo"].value == pytest.approx(-e["distortion"].value, abs=1e-4)
    assert e["log_likelihood"].value == pytest.approx(e["elbo"].value, abs=1e-4)
    assert e["mutual_information"].low <= 0 <= e["mutual_information"].high
    verdicts = {finding.name: finding for finding in assessment.findings}
    assert verdicts["latent_use"].verdict == "VACUOUS"
    assert "language model" in verdicts["latent_use"].message
    for name in ("marginal_kl", "inference_gap", "total_correlation"):
        assert verdicts[name].verdict == "VACUOUS"


def test_it_trains_by_the_same_step(language_model):
    model, tokenizer = language_model
    step = PassModule(model, samples=2, dataset_size=20, dtype=None).train()
    says = step([tokenize(TEXTS, tokenizer, max_length=16).batch([0, 1])])
    assert (says.rate == 0).all()
    says.distortion.mean().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []
    model.zero_grad()
    step.eval()


def test_it_samples_but_has_no_latent_space(language_model):
    space = LatentSpace(*language_model)
    assert len(space.sample(3)) == 3
    with pytest.raises(UserError, match="language model"):
        space.reconstruct(TEXTS)


def test_the_preset_takes_the_latent_away():
    config = parse_config(KNOWN | {"objective": "language_model"})
    assert config.model.injection == "none"
    assert parse_config(config.model_dump(mode="json")) == config
    assert parse_config(KNOWN | {"objective": {"terms": {"elbo": 1.0}}, "model": {"injection": "none"}})


@pytest.mark.parametrize(
    "wrong",
    [
        {"objective": "language_model", "model": {"injection": "memory"}},
        {"objective": {"preset": "mdr", "rate": 4}, "model": {"injection": "none"}},
    ],
)
def test_a_latent_and_its_objective_go_together(wrong):
    with pytest.raises(UserError, match=r"^configuration: a model has no latent if and only if .* language_model"):
        parse_config(KNOWN | wrong)


@pytest.mark.parametrize("samples", [1, 4])
def test_likelihood_of_a_language_model_is_exact_with_one_sample(samples):
    """Nothing depends on z, so every sample is enough, and the ELBO is log p(x)."""
    log_p_N = -20 - 5 * torch.rand(60, generator=torch.Generator().manual_seed(3))
    noise_SND = torch.randn(samples, 60, 2, generator=torch.Generator().manual_seed(4))
    log_prior_SN = -0.5 * (noise_SND.square() + math.log(2 * math.pi)).sum(-1)
    draws = Draws(
        posterior_mean=torch.zeros(60, 2),
        posterior_std=torch.ones(60, 2),
        z=noise_SND,
        log_p_x_z=log_p_N.expand(samples, 60),
        log_p_z=log_prior_SN,
        log_q_z_x=log_prior_SN,
        tokens=torch.full((60,), 9),
        log_p_x_z_shuffled=log_p_N,
    )
    found = assess(draws)
    for name in ("elbo", "log_likelihood"):
        assert found.estimates[name].kind == "unbiased"
        assert found.estimates[name].value == pytest.approx(log_p_N.mean().item(), abs=1e-5)
    verdicts = {finding.name: finding.verdict for finding in found.findings}
    assert verdicts["log_likelihood"] == "PASS"
    assert "UNRESOLVED" not in verdicts.values()


def test_a_decoder_that_reads_z_under_a_collapsed_encoder_has_a_bound():
    log_p_SN = -20 - torch.rand(8, 60, generator=torch.Generator().manual_seed(3))
    prior_SND = torch.randn(8, 60, 2, generator=torch.Generator().manual_seed(4))
    log_prior_SN = -0.5 * (prior_SND.square() + math.log(2 * math.pi)).sum(-1)
    draws = Draws(
        posterior_mean=torch.zeros(60, 2),
        posterior_std=torch.ones(60, 2),
        z=prior_SND,
        log_p_x_z=log_p_SN,
        log_p_z=log_prior_SN,
        log_q_z_x=log_prior_SN,
        tokens=torch.full((60,), 9),
    )
    assert not draws.ignores_latent
    assert assess(draws).estimates["log_likelihood"].kind == "lower"
