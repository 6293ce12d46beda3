"""Models that start from other runs."""

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from vaescope.config import ModelConfig
from vaescope.errors import UserError
from vaescope.model import build_model

WORDS = ["<s>", "<pad>", "</s>", "<unk>", "a", "b", "c", "d"]
ENCODER_AND_PRIOR = ["encoder", "prior"]
SMALL = {
    "model_type": "roberta",
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


def tokenizer_of(words):
    plain = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=plain, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )


def built(words=WORDS, **options):
    return build_model(ModelConfig(**{"encoder": SMALL, "latent_size": 3, **options}), tokenizer_of(words), 12)


def saved(folder, model, words=WORDS):
    model.save_pretrained(folder)
    tokenizer_of(words).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("place", ["", "model"])
def test_a_model_starts_with_the_weights_of_a_run_or_model_folder(tmp_path, place):
    torch.manual_seed(1)
    first = built()
    saved(tmp_path / place, first)
    second = built(init_from=str(tmp_path), word_dropout=0.1, freeze="both")
    state = first.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in second.state_dict().items())
    assert second.encoder.get_parameter("embeddings.LayerNorm.weight") is second.decoder.get_parameter(
        "roberta.embeddings.LayerNorm.weight"
    )


def test_a_reset_decoder_is_new(tmp_path):
    first = built(tie=False)
    source = saved(tmp_path, first)
    second = built(tie=False, init_from=source, init_parts=ENCODER_AND_PRIOR, injection="prefix")
    for name, value in second.state_dict().items():
        if name.startswith(("encoder.", "posterior_head.")):
            assert torch.equal(value, first.state_dict()[name])
    name = "roberta.encoder.layer.0.output.dense.weight"
    assert not torch.equal(second.decoder.get_parameter(name), first.decoder.get_parameter(name))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent_size": 4}, r"of another shape: .*\[.*\] where \[.*\] is needed"),
        ({"injection": "memory+prefix"}, r"missing: injections\.prefix.*; unknown: injections\.embedding"),
        ({"init_parts": ENCODER_AND_PRIOR}, "set model.tie=false"),
        ({"init_from": "no/such/run"}, "neither a run with a trained model nor a model folder"),
        ({"words": [*WORDS[:-1], "e"]}, "another vocabulary; set tokenizer.path="),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_one_line(tmp_path, options, message):
    source = saved(tmp_path, built())
    with pytest.raises(UserError, match=message) as caught:
        built(**{"init_from": source, **options})
    assert "\n" not in str(caught.value)


def test_the_decoder_of_a_language_model_starts_that_of_a_vae(tmp_path):
    control = built(injection="none", tie=False)
    source = saved(tmp_path, control)
    torch.manual_seed(1)
    vae = built(tie=False, init_from=source, init_parts=["decoder"])
    for name, value in control.decoder.state_dict().items():
        assert torch.equal(vae.decoder.state_dict()[name], value)


def test_parts_without_a_start_are_refused():
    with pytest.raises(UserError, match=r"model.init_parts has a meaning only with model.init_from"):
        built(init_parts=ENCODER_AND_PRIOR)


@pytest.mark.parametrize(("reset", "parts"), [(True, ENCODER_AND_PRIOR), (False, ModelConfig().init_parts)])
def test_the_configuration_of_an_earlier_version_is_read(reset, parts):
    assert ModelConfig.model_validate({"reset_decoder": reset}).init_parts == parts
