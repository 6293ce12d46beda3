"""Training only a part: frozen networks, adapters, word dropout."""

import copy

import pytest
import torch

from vaescope.errors import UserError
from vaescope.model import TransformerVAE
from vaescope.model.adapt import freeze, merged
from vaescope.model.build import tiny_model
from vaescope.model.decoder import conditioned_states

from .families import DECODERS, model_of


def step(model, batch):
    """One optimiser step; returns the names of the parameters that it changed."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0)
    q = model.encode(batch)
    (model.prior.rate(q).sum() - model.log_likelihood(batch, q.rsample()).sum()).backward()
    optimiser.step()
    return {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize(
    ("sides", "tied", "trained"),
    [("none", False, {"encoder", "decoder"}), ("encoder", False, {"decoder"}), ("decoder", False, {"encoder"})]
    + [("both", tied, set()) for tied in (True, False)],
)
def test_a_frozen_side_keeps_its_parameters(sides, tied, trained):
    model, batch = tiny_model(tie_encoder_decoder=tied)
    freeze(model, sides)
    changed = {name.split(".")[0] for name in step(model, batch)}
    assert changed == {"posterior_head", "injections", *trained}


@pytest.mark.parametrize(("sides", "message"), [("decodr", "did you mean 'decoder'"), ("encoder", "would freeze both")])
def test_freezing_an_unknown_part_is_refused(sides, message):
    model, _ = tiny_model(tie_encoder_decoder=True)
    with pytest.raises(UserError, match=message):
        freeze(model, sides)


@pytest.mark.parametrize(
    ("lora", "tied", "message"), [({}, True, "set model.tie=false"), ({"rnk": 2}, False, "did you mean 'rank'")]
)
def test_adapting_an_unsuitable_part_is_refused(lora, tied, message):
    with pytest.raises(UserError, match=message):
        tiny_model(lora=lora, tie_encoder_decoder=tied)


def test_lora_without_peft_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    with pytest.raises(UserError, match=r"pip install 'vaescope\[lora\]'"):
        tiny_model(lora={}, tie_encoder_decoder=False)


@pytest.mark.parametrize(
    ("lora", "message"),
    [
        ({"rank": 0}, "rank must be a whole number"),
        ({"alpha": -1}, "alpha must be positive"),
        ({"dropout": 1.0}, "dropout must be from 0"),
        ({"targets": "query"}, "targets is a list of names"),
        ({"targets": ["quary"]}, "did you mean 'query'"),
    ],
)
def test_options_of_an_adapter_out_of_range_are_refused(lora, message):
    pytest.importorskip("peft")
    with pytest.raises(UserError, match=message):
        tiny_model(lora=lora, tie_encoder_decoder=False)


def test_an_adapter_of_chosen_maps_leaves_the_others_alone():
    pytest.importorskip("peft")
    model, _ = model_of("memory", "llama", tied=False, lora={"rank": 2, "targets": ["q_proj", "v_proj"]})
    adapted = {name.split(".")[-1] for name, m in model.decoder.named_modules() if hasattr(m, "lora_A")}
    assert adapted == {"q_proj", "v_proj"}


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_merged_model_is_the_same_distribution_without_an_adapter(decoder, tmp_path):
    pytest.importorskip("peft")
    model, batch = model_of("memory+embedding", decoder, tied=False, lora={"rank": 2})
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.decoder.named_parameters():
            if "lora_" in name:
                parameter += 0.3 * torch.randn(parameter.shape, generator=noise)
    alone = merged(model)
    assert not any("lora" in name or "base_layer" in name for name in alone.state_dict())
    alone.save_pretrained(tmp_path)
    again = TransformerVAE.from_pretrained(tmp_path).eval()
    z = torch.randn(2, 4)
    with torch.no_grad():
        expected, plain = model.log_likelihood(batch, z), tiny_without_adapter(model).log_likelihood(batch, z)
        torch.testing.assert_close(again.log_likelihood(batch, z), expected, atol=1e-4, rtol=1e-4)
    assert (expected - plain).abs().max() > 1e-3
    with pytest.raises(UserError, match="no adapter to merge"):
        merged(alone)


def tiny_without_adapter(model):
    bare = copy.deepcopy(model)
    for name, parameter in bare.decoder.named_parameters():
        if "lora_B" in name:
            parameter.data.zero_()
    return bare


@pytest.mark.parametrize("decoder", DECODERS)
def test_lora_starts_as_the_identity_and_trains_alone(decoder, tmp_path):
    pytest.importorskip("peft")
    adapted, batch = model_of("memory+matrix", decoder, awake=False, tied=False, lora={"rank": 2})
    bases = [m for m in adapted.decoder.modules() if hasattr(m, "lora_B")]
    assert bases
    assert all(m.lora_B["default"].weight.abs().max() == 0 for m in bases)
    assert all(m.lora_A["default"].weight.abs().max() > 0 for m in bases)
    changed = {name for name in step(adapted, batch) if name.startswith("decoder.")}
    assert changed
    assert all("lora_" in name for name in changed)
    adapted.eval().save_pretrained(tmp_path)
    again = TransformerVAE.from_pretrained(tmp_path).eval()
    z = torch.randn(2, 4)
    with torch.no_grad():
        assert torch.equal(adapted.log_likelihood(batch, z), again.log_likelihood(batch, z))


def test_word_dropout_keeps_bos_and_the_expectation():
    model, _ = tiny_model()
    ids = torch.full((4000, 3), 5)
    seen = []
    layers = model.decoder.base_model.embeddings
    layers.register_forward_pre_hook(lambda m, a, k: seen.append(k["inputs_embeds"]), with_kwargs=True)
    torch.manual_seed(0)
    with torch.no_grad():
        conditioned_states(model.decoder, ids, {}, word_dropout=0.25)
    word = model.get_input_embeddings().weight[5]
    assert torch.equal(seen[0][:, 0], word.expand(4000, -1))
    scales = seen[0][:, 1:] @ word / (word @ word)
    assert ((scales == 0) | ((scales - 4 / 3).abs() < 1e-5)).all()
    assert scales.mean().item() == pytest.approx(1, abs=0.03)


def test_word_dropout_acts_in_training_only():
    model, batch = tiny_model(word_dropout=0.5)
    still, _ = tiny_model()
    z = torch.randn(2, 4)
    with torch.no_grad():
        assert torch.equal(model.log_likelihood(batch, z), still.log_likelihood(batch, z))
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        model.decoder.config.attention_probs_dropout_prob = 0.0
        model.train()
        assert not torch.allclose(model.log_likelihood(batch, z), model.log_likelihood(batch, z))


def test_a_frozen_decoder_keeps_its_adapter_as_it_is():
    adapted, batch = model_of("memory", "llama", tied=False, lora={"rank": 2})
    freeze(adapted, "decoder")
    assert not [name for name, p in adapted.decoder.named_parameters() if p.requires_grad]
    z = torch.zeros(1, len(batch), adapted.config.latent_size)
    adapted.train().log_likelihood(batch, z).sum().backward()
    assert all(p.grad is not None for p in adapted.injections.parameters())
