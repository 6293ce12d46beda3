"""Frozen weights of a checkpoint are not written into every folder of a run, and are checked when they are read."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file
from tests.tiny_checkpoints import bert, llama
from transformers import LlamaForCausalLM
from typer.testing import CliRunner

import vaescope
from vaescope.cli import app
from vaescope.config import parse_config
from vaescope.corpora.known.template import Template
from vaescope.errors import UserError
from vaescope.model.vae import TransformerVAE
from vaescope.runs.run_folder import RunFolder
from vaescope.training.loop import train

TEXTS = Template(topics=2, slots=4, words=4).sample(120, seed=0)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two checkpoints and a file of texts."""
    root = tmp_path_factory.mktemp("base")
    bert(root / "encoder", TEXTS)
    llama(root / "decoder", TEXTS)
    (root / "texts.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    return root


def config_of(root, out, **model):
    settings = {"encoder": str(root / "encoder"), "decoder": str(root / "decoder"), "tie": False, "latent_size": 4}
    return parse_config(
        {
            "data": {"path": str(root / "texts.txt"), "max_length": 32},
            "model": settings | model,
            "training": {
                "steps": 4,
                "batch_size": 8,
                "validate_every": 2,
                "validation_texts": 8,
                "save_every": 2,
                "precision": "fp32",
                "tracker": "none",
                "keep": {"criteria": {"elbo": "max"}},
            },
            "out": str(out),
        }
    )


@pytest.fixture(scope="module")
def run(place):
    """A run with an adapter: the decoder's own weights are frozen."""
    return train(config_of(place, place / "run", lora={"rank": 2}))


def names_in(folder):
    return set(load_file(folder / "model.safetensors"))


def same(one, other):
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


def test_no_folder_of_a_run_holds_the_frozen_weights(place, run):
    folders = [run.model, *run.path.glob("pareto/step-*")]
    assert len(folders) == 2
    for folder in folders:
        of_decoder = {name for name in names_in(folder) if name.startswith("decoder.")}
        assert of_decoder
        assert all("lora_" in name for name in of_decoder)
        assert any(name.startswith("encoder.") for name in names_in(folder))
    assert json.loads((run.model / "base.json").read_text())["decoder"]["source"] == str(place / "decoder")


def test_the_loaded_model_equals_the_trained_one(place, run):
    model = run.load_model()
    base = load_file(place / "decoder" / "model.safetensors")
    wanted = base["model.layers.1.mlp.down_proj.weight"]
    assert torch.equal(model.decoder.model.layers[1].mlp.down_proj.base_layer.weight, wanted)
    text = TEXTS[0]
    space = vaescope.load(run.path)
    assert same(model, space.model)
    assert space.encode([text]).mean.isfinite().all()
    half = TransformerVAE.from_pretrained(run.model, dtype=torch.bfloat16)
    assert half.decoder.dtype == torch.bfloat16
    assert torch.equal(half.posterior_head.projection.weight, model.posterior_head.projection.weight)


@pytest.mark.parametrize(
    ("freeze", "left_out"), [("encoder", {"encoder"}), ("both", {"encoder", "decoder"}), ("none", set())]
)
def test_only_frozen_weights_are_left_out(place, tmp_path, freeze, left_out):
    run = train(config_of(place, tmp_path / "run", freeze=freeze))
    assert {"encoder", "decoder"} - {name.split(".")[0] for name in names_in(run.model)} == left_out
    assert (run.model / "base.json").exists() == bool(left_out)
    run.load_model()


def test_frozen_weights_of_an_earlier_stage_are_kept(place, tmp_path):
    first = train(config_of(place, tmp_path / "first"))  # trains the decoder itself
    second = train(config_of(place, tmp_path / "second", init_from=str(first.path), freeze="decoder"))
    assert not (second.model / "base.json").exists()
    third = train(config_of(place, tmp_path / "third", lora={"rank": 2}))
    fourth = train(config_of(place, tmp_path / "fourth", lora={"rank": 2}, init_from=str(third.path), freeze="decoder"))
    assert {n for n in names_in(fourth.model) if n.startswith("decoder.")} == {
        n for n in names_in(third.model) if n.startswith("decoder.")
    }
    assert same(fourth.load_model().decoder, third.load_model().decoder)


def moved(place, tmp_path, run):
    """A copy of a run whose decoder was at a place that no longer exists, and its configuration."""
    away = tmp_path / "away"
    shutil.copytree(run.path, tmp_path / "run")
    copy = RunFolder(tmp_path / "run")
    for file in [copy.config_file, copy.model / "base.json", *copy.path.glob("pareto/*/base.json")]:
        text = file.read_text(encoding="utf-8").replace(str(place / "decoder"), str(tmp_path / "was"))
        file.write_text(text.replace(str(run.path), str(copy.path)), encoding="utf-8")
    shutil.copytree(place / "decoder", away)
    return copy, away


def test_a_base_that_has_moved_is_named_with_the_option_that_moves_it(place, tmp_path, run):
    copy, away = moved(place, tmp_path, run)
    with pytest.raises(UserError, match=r"frozen weights of the decoder are not in this folder but in .*was") as caught:
        copy.load_model()
    fix = f"vaescope train {copy.config_file} model.decoder=PLACE"
    assert str(caught.value).endswith(fix)
    assert "\n" not in str(caught.value)
    command = [*fix.replace("PLACE", str(away)).split()[1:]]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert same(copy.load_model(), run.load_model())
    step = next(copy.path.glob("pareto/step-*")).name
    assert same(copy.load_model(f"pareto/{step}"), run.load_model(f"pareto/{step}"))


def test_another_checkpoint_at_the_new_place_is_refused(place, tmp_path, run):
    copy, away = moved(place, tmp_path, run)
    model = LlamaForCausalLM.from_pretrained(away)
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[0, 0] += 1e-3
    model.save_pretrained(away)
    result = CliRunner().invoke(app, ["train", str(copy.config_file), f"model.decoder={away}"])
    assert result.exit_code == 1
    assert "are not those that this model was trained with" in str(result.exception or result.output)
    assert str(away) not in (copy.model / "base.json").read_text()


def test_a_published_model_is_complete(place, tmp_path, run):
    result = CliRunner().invoke(app, ["push", str(run.path), "--to", str(tmp_path / "copy")])
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "copy" / "base.json").exists()
    assert any("base_layer" in name for name in names_in(tmp_path / "copy"))
    assert same(TransformerVAE.from_pretrained(tmp_path / "copy"), run.load_model())


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"decoder": {}}', '{"decoder": {"source": 1, "digest": "", "tensors": []}}']
)
def test_a_damaged_record_is_one_line(tmp_path, run, content):
    shutil.copytree(run.model, tmp_path / "model")
    (tmp_path / "model" / "base.json").write_text(content)
    with pytest.raises(UserError, match=r"base\.json: damaged") as caught:
        TransformerVAE.from_pretrained(tmp_path / "model")
    assert "\n" not in str(caught.value)


def test_a_changed_weight_is_written(tmp_path, run):
    model = run.load_model()
    with torch.no_grad():
        model.decoder.model.layers[0].mlp.up_proj.base_layer.weight[0, 0] += 1.0
    RunFolder(run.path).save_model(model, run.load_tokenizer(), "changed")
    assert not (run.path / "changed" / "base.json").exists()
    assert same(TransformerVAE.from_pretrained(run.path / "changed"), model)
