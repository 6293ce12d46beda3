"""Every damage to the files of a model is refused, with the name of the tensor."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import RobertaConfig

from vaescope.errors import UserError
from vaescope.model import TransformerVAE
from vaescope.model.build import tiny_model
from vaescope.model.checkpoints.strict import check_weights

NAME = "posterior_head.projection.weight"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    tiny_model()[0].save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")


def missing(tensors):
    del tensors[NAME]


def surplus(tensors):
    tensors["extra.weight"] = torch.zeros(2)


def misshaped(tensors):
    tensors[NAME] = tensors[NAME][:1].clone()


def nan(tensors):
    tensors[NAME][0, 0] = float("nan")


def infinite(tensors):
    tensors[NAME][0, 0] = float("-inf")


def integers(tensors):
    tensors[NAME] = tensors[NAME].to(torch.int8)


CHANGES = [
    (missing, f"missing: {NAME}"),
    (surplus, r"unknown: extra\.weight"),
    (misshaped, f"of another shape: {NAME}"),
    (nan, f"{NAME} has a value that is not finite"),
    (infinite, f"{NAME} has a value that is not finite"),
    (integers, f"{NAME} holds I8"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_other_tensors_are_refused_by_name(folder, change, message):
    file = folder / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(UserError, match=message) as caught:
        TransformerVAE.from_pretrained(folder)
    assert "\n" not in str(caught.value)


ADAPTER = "decoder.roberta.encoder.layer.0.attention.self.query.lora_A.default.weight"


@pytest.fixture(scope="module")
def saved_adapter(tmp_path_factory):
    pytest.importorskip("peft")
    folder = tmp_path_factory.mktemp("adapter")
    tiny_model(tie_encoder_decoder=False, lora={"rank": 2})[0].save_pretrained(folder)
    return folder


def surplus_adapter(tensors):
    tensors[ADAPTER.replace(".query.", ".nothing.")] = tensors[ADAPTER].clone()


def rank_one(tensors):
    for name in [ADAPTER, ADAPTER.replace("lora_A", "lora_B")]:
        tensors[name] = (tensors[name][:1] if "lora_A" in name else tensors[name][:, :1]).clone()


def no_adapter(tensors):
    for name in [name for name in tensors if "lora_" in name]:
        del tensors[name]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop(ADAPTER), f"missing: {ADAPTER}"),
        (no_adapter, r"missing: \S*lora_A"),
        (surplus_adapter, r"unknown: \S*nothing\.lora_A"),
        (rank_one, rf"of another shape: {ADAPTER} \[1, 16\] where \[2, 16\] is needed"),
        (lambda tensors: tensors[ADAPTER].fill_(float("nan")), f"{ADAPTER} has a value that is not finite"),
        (lambda tensors: tensors.update({ADAPTER: tensors[ADAPTER].long()}), f"{ADAPTER} holds I64"),
    ],
)
def test_another_adapter_is_refused_by_name(saved_adapter, tmp_path, change, message):
    folder = shutil.copytree(saved_adapter, tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=message) as caught:
        TransformerVAE.from_pretrained(folder)
    assert "\n" not in str(caught.value)


def test_a_truncated_adapter_and_a_configuration_without_it_are_refused(saved_adapter, tmp_path):
    folder = shutil.copytree(saved_adapter, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"lora": None}))
    with pytest.raises(UserError, match=r"the weights are not those of the model in config\.json"):
        TransformerVAE.from_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(config))
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(UserError, match=r"model\.safetensors: not a whole safetensors file"):
        TransformerVAE.from_pretrained(folder)


@pytest.mark.parametrize("size", [0, 5, 2000])
def test_a_truncated_file_is_refused_by_name(folder, size):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(UserError, match=r"model\.safetensors: not a whole safetensors file"):
        TransformerVAE.from_pretrained(folder)


def test_a_folder_without_weights_or_of_another_class_is_refused(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match="no weights"):
        TransformerVAE.from_pretrained(folder)
    RobertaConfig(hidden_size=16).save_pretrained(folder)
    with pytest.raises(UserError, match=r"config\.json is of model_type 'roberta', not of 'transformer_vae'"):
        TransformerVAE.from_pretrained(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(UserError, match="no model here"):
        TransformerVAE.from_pretrained(folder)


def test_pickled_weights_are_never_read(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="no weights"):
        TransformerVAE.from_pretrained(folder)


def test_a_configuration_of_another_size_names_the_tensors(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"latent_size": 3}))
    with pytest.raises(UserError, match=r"of another shape: .*where .* is needed"):
        TransformerVAE.from_pretrained(folder)


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_the_weights_of_a_checkpoint_are_checked_likewise(tmp_path, change, message):
    model, _ = tiny_model(tie_encoder_decoder=True)
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for name in [name for name in tensors if name.startswith("encoder.")]:
        if f"decoder.roberta.{name.removeprefix('encoder.')}" in tensors:
            del tensors[name]
    file = tmp_path / "model.safetensors"
    save_file(tensors, file)
    check_weights(file, model)
    change(tensors)
    save_file(tensors, file)
    with pytest.raises(UserError, match=message):
        check_weights(file, model)
