import json
import math

import pytest
import torch

from vaescope.errors import UserError
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.objectives.terms.distortion import Distortion
from vaescope.runs.run_folder import RunFolder
from vaescope.training.loop import train


def test_a_run_is_a_folder(tmp_path, make_config):
    folder = train(make_config(tmp_path / "run", tracker="tensorboard"))
    assert {f.name for f in folder.path.iterdir()} == {
        "config.yaml",
        "data.json",
        "environment.json",
        "metrics.jsonl",
        "status.json",
        "checkpoint",
        "model",
        "tokenizer",
        "tensorboard",
    }
    assert folder.config == make_config(tmp_path / "run", tracker="tensorboard")
    assert [line["step"] for line in folder.metrics("validation")]
    environment = json.loads((folder.path / "environment.json").read_text())
    assert {"command", "git", "packages", "cpu", "time"} <= environment.keys()
    assert folder.status["weights"] == "last, step 6"
    assert not folder.load_model().training


def test_every_log_line_has_the_needed_fields(tmp_path, make_config):
    folder = train(make_config(tmp_path / "run", objective={"preset": "mdr", "rate": 2}))
    first, *_ = lines = folder.metrics("train")
    assert [line["step"] for line in lines] == [2, 4, 6]
    assert first["weights"] == {"distortion": 1.0, "rate": 1.0}
    assert first["multipliers"]["rate>="] > 0
    assert first["epoch"] == pytest.approx(2 * 8 / 64)
    for key in ("loss", "gradient", "learning_rate", "texts_per_second", "tokens_per_second", "rate"):
        assert math.isfinite(first[key])
    validation = folder.metrics("validation")[0]
    assert validation["elbo"] == pytest.approx(-validation["distortion"] - validation["rate"], rel=1e-5)


def test_accumulation_does_not_change_the_gradient(tmp_path, make_config, monkeypatch):
    # without dropout and noise the sum over micro-batches is that of one batch
    draw = DiagonalGaussian.draw
    monkeypatch.setattr(DiagonalGaussian, "draw", lambda self, noise: draw(self, 0 * noise))
    config = [make_config(tmp_path / str(a), accumulate=a) for a in (1, 4)]
    for each in config:
        each.model.encoder |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    one, four = (train(each).metrics("train") for each in config)
    for a, b in zip(one, four, strict=True):
        for key in ("loss", "rate", "gradient"):
            assert a[key] == pytest.approx(b[key], rel=1e-4)


def test_recomputed_activations_give_the_same_run(tmp_path, make_config, monkeypatch):
    from transformers.modeling_layers import GradientCheckpointingLayer

    called = []
    original = GradientCheckpointingLayer.__call__

    def counting(layer, *args, **kwargs):
        called.append(layer.gradient_checkpointing and layer.training)
        return original(layer, *args, **kwargs)

    monkeypatch.setattr(GradientCheckpointingLayer, "__call__", counting)
    runs, recomputed = [], []
    for on in (False, True):
        called.clear()
        runs.append(train(make_config(tmp_path / str(on), steps=2, gradient_checkpointing=on)).metrics("train"))
        recomputed.append(any(called))
    assert recomputed == [False, True]
    for before, after in zip(*runs, strict=True):
        assert after["gradient"] == pytest.approx(before["gradient"], rel=1e-4)


def test_the_loss_falls(tmp_path, make_config):
    lines = train(make_config(tmp_path / "run", steps=40, validate_every=20)).metrics("validation")
    assert lines[-1]["objective"] < lines[0]["objective"] - 1


def test_a_number_that_is_not_finite_stops_the_run_and_is_never_saved(tmp_path, make_config, monkeypatch):
    plain, steps = Distortion.__call__, []

    def poisoned(self, pass_):
        steps.append(1)
        return plain(self, pass_) * (float("nan") if len(steps) == 5 else 1.0)

    monkeypatch.setattr(Distortion, "__call__", poisoned)
    config = make_config(tmp_path / "run", validate_every=100, steps=100)
    with pytest.raises(UserError, match="step 5: distortion is not finite"):
        train(config)
    assert RunFolder(config.out).metrics()[-1]["step"] == 4
    state = torch.load(tmp_path / "run" / "checkpoint" / "state.pt", weights_only=True)
    assert state["step"] == 3


def test_the_encoder_has_no_dropout_in_training(tmp_path, make_config):
    from accelerate import Accelerator

    from vaescope.training.task import prepare
    from vaescope.training.trainer import Trainer

    config, accelerator = make_config(tmp_path / "run"), Accelerator(cpu=True)
    task = prepare(config, RunFolder(config.out), accelerator)
    trainer, batch = Trainer(task, accelerator), [task.valid[0]]
    torch.manual_seed(0)
    one, two = trainer.network(batch), trainer.network(batch)
    torch.testing.assert_close(one.posterior.mean, two.posterior.mean, rtol=0, atol=0)
    assert not torch.equal(one.log_p_x_z, two.log_p_x_z)


def test_bfloat16_keeps_densities_and_weights_in_float32(tmp_path, make_config):
    folder = train(make_config(tmp_path / "run", precision="bf16"))
    fp32 = train(make_config(tmp_path / "fp32"))
    assert {p.dtype for p in folder.load_model().parameters()} == {torch.float32}
    last = [f.metrics("validation")[-1]["objective"] for f in (folder, fp32)]
    assert last[0] == pytest.approx(last[1], rel=0.02)


def test_patience_counts_only_weights_that_meet_the_constraint(tmp_path, make_config):
    objective = {
        "terms": {"distortion": 1, "rate": 1},
        "constraints": [{"term": "rate", "relation": ">=", "bound": 90}],
    }
    folder = train(make_config(tmp_path / "run", objective=objective, patience=1, validate_every=1))
    assert folder.status["step"] == 6
    assert folder.status["weights"] == "last, step 6"


@pytest.mark.parametrize(("path", "message"), [("nowhere", "it does not exist"), (".", "not a run folder")])
def test_a_folder_that_is_not_a_run_is_refused(tmp_path, path, message):
    with pytest.raises(UserError, match=message):
        _ = RunFolder(tmp_path / path).config
    with pytest.raises(UserError, match="no model/ yet"):
        RunFolder(tmp_path / path).load_model()
