"""A file contains all evidence: nothing is lost between save and load, and no name is ignored."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from vaescope.errors import UserError
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.facts import Baseline
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.evidence.named_parts import flatten
from vaescope.testing.example_evidence import complete

VAE = LinearGaussian.matched(latent_size=2, data_size=3, rate=2.0)


@pytest.fixture(scope="module")
def whole():
    evidence = complete(VAE, 40)
    count = evidence.draws.texts
    facts = replace(
        evidence.facts,
        labels={"topic": ["a", "b"] * (count // 2), "side": ["", "c"] * (count // 2)},
        recovered=torch.arange(count) % 2 == 0,
        in_train=3,
        language_model_nll=Baseline(per_text=[1.5] * count),
    )
    draws = replace(evidence.draws, text_id=torch.arange(count) // 2)
    return replace(evidence, facts=facts, draws=draws)


def flat(evidence):
    parts = ("draws", "simulations", "experiments", "references", "facts")
    return {name: value for part in parts for name, value in flatten(getattr(evidence, part), part).items()}


def test_a_saved_file_is_loaded_unchanged(whole, tmp_path):
    whole.save(tmp_path / "all.safetensors")
    before, after = flat(whole), flat(Evidence.load(tmp_path / "all.safetensors"))
    kept = {name for name in before if not name.startswith("draws.metadata")}
    assert kept == {name for name in after if not name.startswith("draws.metadata")}
    for name in kept:
        if isinstance(before[name], torch.Tensor):
            assert torch.equal(before[name], after[name]), name
        elif before[name] == before[name]:  # not NaN
            assert before[name] == after[name], name
    assert len(kept) > 50


def test_the_sweep_alone_can_be_read_from_a_file_with_parts(whole, tmp_path):
    whole.save(tmp_path / "all.safetensors")
    assert Draws.load(tmp_path / "all.safetensors").tensors().keys() == whole.draws.tensors().keys()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("log_p_x_z_shufled", "unknown tensor 'log_p_x_z_shufled'; did you mean 'log_p_x_z_shuffled'?"),
        ("simulations.zz", "unknown part of simulations 'zz'"),
        ("experiments.inference.optimal", "unknown part of experiments.inference 'optimal'"),
        ("simulation.z", "unknown tensor 'simulation.z'"),
        ("experiments.annealed.lower", "'experiments.annealed.upper' is missing"),
    ],
)
def test_an_unknown_name_in_a_file_is_named(name, message, tmp_path):
    path = tmp_path / "f.safetensors"
    save_file({**Draws(**VAE.sample_draws(4)).tensors(), name: torch.zeros(4)}, path)
    with pytest.raises(UserError) as caught:
        Evidence.load(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"strings": '["a", "b"]'}, "'strings': expected 4, one for each text, found 2"),
        ({"strings": "3"}, "metadata 'strings': expected a list of strings"),
        ({"labels": '{"topic": ["a"]}'}, "'labels of topic': expected 4, one for each text, found 1"),
        ({"labels": "[1, 2, 3, 4]"}, "metadata 'labels': expected a list of strings"),
        ({"recovered": "[1, 0, 1, 0]"}, "metadata 'recovered': expected a list of true and false"),
        ({"in_train": "-1"}, "metadata 'in_train': expected a number of texts"),
    ],
)
def test_facts_of_a_file_are_checked(metadata, message, tmp_path):
    path = tmp_path / "f.safetensors"
    save_file(Draws(**VAE.sample_draws(4)).tensors(), path, metadata=metadata)
    with pytest.raises(UserError, match=message.replace("[", r"\[")):
        Evidence.load(path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("simulations.z", torch.zeros(7, 2), "'simulations': expected z and posteriors"),
        ("simulations.log_p_x_z", torch.zeros(3), "'simulations.log_p_x_z': expected 40 finite numbers"),
        ("simulations.finished", torch.zeros(40), "'simulations.finished': expected 40 of true and false"),
        ("simulations.seeds", torch.arange(40) + 5, "'simulations.seeds': expected positions of the 40 texts"),
    ],
)
def test_drawn_texts_of_a_file_are_checked(whole, name, value, message, tmp_path):
    path = tmp_path / "all.safetensors"
    whole.save(path)
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    tensors[name] = value
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(UserError, match=message):
        Evidence.load(path)


def test_an_assessment_does_not_repeat_the_texts(whole, tmp_path):
    import vaescope

    whole.save(tmp_path / "all.safetensors")
    found = vaescope.assess(tmp_path / "all.safetensors", diagnostics=["rate", "probe", "reconstruction"])
    assert not {"strings", "labels", "recovered"} & set(found.metadata)
    assert "rate" in found.estimates
    assert not any("labels" in reason for reason in found.skipped.values())
