from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from vaescope import Draws, UserError
from vaescope.evidence.linear_gaussian import LinearGaussian

TENSORS = {
    name: tensor.float() if tensor.is_floating_point() else tensor
    for name, tensor in LinearGaussian.matched(latent_size=3, data_size=4, rate=2.0).sample_draws(20, samples=4).items()
}


def broken(**changes):
    return Draws(**{**TENSORS, **changes})


def test_round_trip(tmp_path):
    draws = Draws(**TENSORS, metadata={"entropy": 12.5, "split": "valid", "config": {"a": [1, 2]}})
    draws.save(tmp_path / "draws.safetensors")
    loaded = Draws.load(tmp_path / "draws.safetensors")
    assert loaded.metadata == draws.metadata
    assert loaded.tensors().keys() == draws.tensors().keys()
    for name, tensor in draws.tensors().items():
        assert torch.equal(loaded.tensors()[name], tensor)


def test_prior_samples_travel(tmp_path):
    draws = Draws(**{**TENSORS, "log_p_z": TENSORS["log_p_z"] + 1}, prior_z=torch.randn(50, 3))
    draws.save(tmp_path / "draws.safetensors")
    assert torch.equal(Draws.load(tmp_path / "draws.safetensors").prior_z, draws.prior_z)


def test_strings_of_other_writers_are_kept(tmp_path):
    save_file(TENSORS, tmp_path / "f.safetensors", metadata={"prior": "standard", "entropy": "9.5", "model": "a VAE"})
    assert Draws.load(tmp_path / "f.safetensors").metadata == {"entropy": 9.5, "model": "a VAE"}


NAN = TENSORS["log_p_x_z"].clone().index_fill_(1, torch.tensor([3]), torch.nan)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"z": TENSORS["z"][:, :5]}, "'z': expected the shape [Z, 20, 3]"),
        ({"z": TENSORS["z"][0]}, "'z': expected the shape"),
        ({"z": TENSORS["z"][:0]}, "'z': expected the shape"),
        (
            {"posterior_std": TENSORS["posterior_std"][:, :2]},
            "'posterior_std': expected the shape [20, 3], found [20, 2]",
        ),
        ({"posterior_std": -TENSORS["posterior_std"]}, "'posterior_std': expected positive standard deviations"),
        ({"posterior_mean": TENSORS["posterior_mean"][0]}, "'posterior_mean': expected the shape [N, D]"),
        ({"log_p_x_z": NAN}, "'log_p_x_z': expected finite numbers, found 4 that are NaN"),
        ({"log_p_x_z": TENSORS["log_p_x_z"][:0]}, "'log_p_x_z': expected the shape [S, 20] with at least 1 sample"),
        ({"log_p_z": TENSORS["log_p_z"].T}, "'log_p_z': expected the shape [4, 20]"),
        ({"log_p_z": TENSORS["log_p_z"] + 1}, "'log_p_z': expected the standard Gaussian density"),
        ({"log_q_z_x": TENSORS["log_q_z_x"] - 0.5}, "'log_q_z_x': expected the density of N(posterior_mean"),
        ({"tokens": TENSORS["tokens"] * 0}, "'tokens': expected counts of at least 1"),
        ({"words": TENSORS["words"][:3]}, "'words': expected the shape [20], found [3]"),
        ({"prior_z": torch.randn(9, 2)}, "'prior_z': expected the shape [M, 3]"),
        ({"z": TENSORS["z"].long()}, "'z': expected floating point"),
        ({"bytes": -TENSORS["bytes"]}, "'bytes': expected counts"),
        ({"tokens": TENSORS["tokens"].float()}, "'tokens': expected integers, found torch.float32"),
        (
            {"log_weights_adapted": TENSORS["log_p_z"][:0]},
            "'log_weights_adapted': expected the shape [S, P] with S >= 1",
        ),
        ({"log_q_x": TENSORS["log_p_z"]}, "'log_q_x': expected the shape [20]"),
        ({"shuffled_from": torch.arange(20)}, "'shuffled_from': expected a permutation"),
        ({"shuffled_from": torch.zeros(20).long()}, "'shuffled_from': expected a permutation"),
        (
            {"log_p_x_z": TENSORS["log_p_x_z"] + 500},
            "'log_p_x_z': expected log-probabilities of texts, which",
        ),
        ({"log_p_x_z": TENSORS["log_p_x_z"].bfloat16()}, "'log_p_x_z': expected float32 or float64"),
        ({"metadata": {"entropy": -5}}, "metadata 'entropy': expected a number of at least 0, found -5"),
        ({"metadata": {"label_ceiling": 7}}, "metadata 'label_ceiling': expected a number from 0 to 1, found 7"),
        ({"metadata": {"entropy": "abc"}}, "metadata 'entropy': expected a finite number, found 'abc'"),
        ({"metadata": {"entropy": None}}, "metadata 'entropy': expected a finite number, found None"),
        ({"metadata": {"entropy": float("nan")}}, "metadata 'entropy': expected a finite number"),
        ({"metadata": {"multipliers": 3}}, "metadata 'multipliers': expected numbers by constraint, found 3"),
        ({"metadata": {"multipliers": {"rate>=": []}}}, "metadata 'multipliers', 'rate>=': expected one or more"),
        ({"metadata": {"multipliers": {"rate>=": "x"}}}, "metadata 'multipliers', 'rate>=': expected one or more"),
    ],
)
def test_malformed_draws_are_refused_in_one_line(changes, words):
    with pytest.raises(UserError) as refusal:
        broken(**changes).validate()
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_one_text_is_refused():
    per_text = {"posterior_mean": 0, "posterior_std": 0, "tokens": 0, "words": 0, "bytes": 0, "log_q_x": 0}
    one = {name: tensor.narrow(per_text.get(name, 1), 0, 1) for name, tensor in TENSORS.items()}
    with pytest.raises(UserError, match="at least 2 texts"):
        Draws(**one).validate()


def test_bad_files_are_refused_in_one_line(tmp_path):
    path = tmp_path / "draws.safetensors"
    with pytest.raises(UserError, match="no such file of draws"):
        Draws.load(path)
    Draws(**TENSORS).save(path)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"not safetensors at all", b""):
        path.write_bytes(content)
        with pytest.raises(UserError, match="not a complete safetensors file"):
            Draws.load(path)
    save_file({name: tensor for name, tensor in TENSORS.items() if name != "log_p_z"}, path)
    with pytest.raises(UserError, match="the tensor 'log_p_z' is missing"):
        Draws.load(path)
    save_file(TENSORS, path, metadata={"prior": "samples"})
    with pytest.raises(UserError, match="'prior_z' is missing"):
        Draws.load(path)
    save_file(TENSORS, path, metadata={"prior": "flow"})
    with pytest.raises(UserError, match="expected one of standard, samples"):
        Draws.load(path)


def test_very_narrow_posteriors_in_float32_are_accepted():
    vae = LinearGaussian.matched(latent_size=32, data_size=40, rate=300.0)
    tensors = {k: v.float() if v.is_floating_point() else v for k, v in vae.sample_draws(50).items()}
    assert tensors["posterior_std"].min() < 0.001
    Draws(**tensors).validate()


def test_fewer_z_than_samples_are_enough():
    draws = replace(Draws(**TENSORS), z=TENSORS["z"][:1])
    assert draws.validate().samples == 4


def test_samples_go_to_arviz(draws):
    pytest.importorskip("arviz_base")
    tree = draws.to_arviz()
    assert tree.posterior["z"].dims == ("chain", "draw", "text_id", "unit")
    assert tree.posterior["z"].shape == (1, *draws.z.shape)
    assert tree.log_likelihood["text"].shape == (1, draws.z.shape[0], draws.texts)
