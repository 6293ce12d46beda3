"""Settings that no network can have are refused by name before transformers reads them."""

import pytest
import torch

from vaescope.config import ModelConfig
from vaescope.corpora.tokenizer import train_bpe
from vaescope.errors import UserError
from vaescope.model import network_settings
from vaescope.model.build import build_model, plan_model

SIZES = {
    "roberta": ("hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size"),
    "bert": ("hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size"),
    "gpt2": ("n_embd", "n_head", "n_layer", "n_inner"),
    "llama": ("hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size"),
}


@pytest.fixture(scope="module")
def tokenizer():
    return train_bpe(["a text", "another"], 300)


def settings(model_type, **changes):
    return {"model_type": model_type, **dict(zip(SIZES[model_type], (16, 2, 1, 32), strict=True)), **changes}


@pytest.mark.parametrize("model_type", SIZES)
@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, 33),
        (0, 0),
        (0, -32),
        (0, "abc"),
        (0, 1.5),
        (0, None),
        (0, True),
        (1, 7),
        (1, 0),
        (2, 0),
        (2, -1),
        (2, 10**7),
        (3, 0),
        (3, 10**12),
    ],
)
def test_size_that_no_network_has_is_refused_by_name(tokenizer, model_type, place, value):
    name = SIZES[model_type][place]
    with pytest.raises(UserError, match=name if value not in (7, 33) else "hidden.size 33|heads") as caught:
        build_model(ModelConfig(encoder=settings(model_type, **{name: value})), tokenizer, 16)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model_type", "name", "value"),
    [
        ("roberta", "hidden_act", "nope"),
        ("gpt2", "activation_function", 5),
        ("roberta", "hidden_dropout_prob", 5),
        ("gpt2", "resid_pdrop", -1),
        ("llama", "attention_dropout", 5),
        ("llama", "num_key_value_heads", 3),
        ("bert", "layer_norm_eps", -1),
        ("roberta", "vocab_size", 5),
        ("roberta", "max_position_embeddings", 3),
        ("gpt2", "n_positions", 3),
        ("roberta", "is_decoder", "x"),
        ("roberta", "pad_token_id", 10**9),
    ],
)
def test_other_setting_is_refused_by_name(tokenizer, model_type, name, value):
    with pytest.raises(UserError, match=f"model.encoder: .*{name}"):
        build_model(ModelConfig(encoder=settings(model_type, **{name: value})), tokenizer, 16)


def test_model_beyond_the_memory_is_refused_before_it_is_made(tokenizer, monkeypatch):
    config = ModelConfig(encoder=settings("roberta"), latent_size=1_000_000, injection="embedding")
    monkeypatch.setattr(network_settings.psutil, "virtual_memory", lambda: type("M", (), {"total": 2**28}))
    with pytest.raises(UserError, match=r"parameters, whose training takes . GiB; this machine has 0 GiB"):
        plan_model(config, tokenizer, 16)


def test_plan_takes_no_memory_for_weights_and_no_random_number(tokenizer):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    plan_model(ModelConfig(encoder=settings("roberta"), latent_size=8), tokenizer, 16)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"prior": {}}, "model.prior: give one, not 0"),
        ({"prior": "standard+mixture"}, "model.prior: give one, not 2"),
        ({"prior": {"mixture": {"components": "x"}}}, "components: give a whole number, not 'x'"),
        ({"prior": {"mixture": {"components": True}}}, "components: give a whole number, not true"),
        ({"injection": {"memory": {"slots": "x"}}}, "slots: give a whole number"),
        ({"injection": {}}, "model.injection"),
    ],
)
def test_options_of_the_wrong_type_are_refused_by_name(tokenizer, options, says):
    with pytest.raises(UserError, match=says):
        build_model(ModelConfig(encoder=settings("roberta"), **options), tokenizer, 16)
