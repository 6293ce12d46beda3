"""The language model without a latent: configured, swept and judged by the same code, with nothing left to chance."""

import pytest
import torch

from vaescope.assessment.assess import assess
from vaescope.config import ModelConfig, parse_config
from vaescope.corpora.tokenized import tokenize
from vaescope.corpora.tokenizer import train_bpe
from vaescope.errors import UserError
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
