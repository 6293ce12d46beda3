"""A run that is killed at any moment and resumed gives the numbers of an uninterrupted one."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from vaescope.errors import UserError
from vaescope.runs.run_folder import RunFolder
from vaescope.training import task
from vaescope.training.loop import train

MDR = {"preset": "mdr", "rate": 2.0}
TIMES = ("texts_per_second", "tokens_per_second")


class KilledError(Exception):
    """Raised in place of SIGKILL within one process."""


def numbers(folder):
    return [{k: v for k, v in line.items() if k not in TIMES} for line in folder.metrics()]


def weights(folder):
    return folder.load_model().state_dict()


def kill_at(step):
    def progress(done, total, note):
        if done == step:
            raise KilledError

    return progress


def interrupted(config, *steps):
    for step in steps:
        with pytest.raises(KilledError):
            train(config, progress=kill_at(step))
    return train(config)


def same(one, other):
    assert numbers(one) == numbers(other)
    expected = weights(other)
    for name, tensor in weights(one).items():
        assert torch.equal(tensor, expected[name]), name


def test_killed_twice_equals_uninterrupted_bit_for_bit(tmp_path, make_config):
    options = {"objective": MDR, "steps": 20, "accumulate": 2, "save_every": 7, "log_every": 3}
    whole = train(make_config(tmp_path / "whole", **options))
    # before the first checkpoint, then between two of them and between two log lines
    parts = interrupted(make_config(tmp_path / "parts", **options), 5, 16)
    same(whole, parts)


@pytest.mark.slow
@pytest.mark.parametrize("adapted", ["freeze", "lora"])
def test_a_checkpoint_has_only_trained_weights_and_resumes_bit_for_bit(tmp_path, make_config, adapted):
    def config(name):
        made = make_config(tmp_path / name, steps=8, save_every=3, log_every=2)
        made.model.tie = False
        if adapted == "lora":
            pytest.importorskip("peft")
            made.model.lora = {"rank": 2}
        else:
            made.model.freeze = "decoder"
        return made

    whole, parts = train(config("whole")), interrupted(config("parts"), 5)
    same(whole, parts)
    names = set(load_file(whole.checkpoint / "model.safetensors"))
    decoder = {name for name in names if name.startswith("decoder.")}
    assert names - decoder
    assert all("lora_" in name for name in decoder)
    assert bool(decoder) == (adapted == "lora")


def test_other_frozen_weights_are_refused_on_resuming(tmp_path, make_config, monkeypatch):
    config = make_config(tmp_path / "run", steps=8, save_every=3)
    config.model.tie, config.model.freeze = False, "decoder"
    with pytest.raises(KilledError):
        train(config, progress=kill_at(5))
    original = task.build_model

    def changed(*args):
        model = original(*args)
        with torch.no_grad():
            next(model.decoder.parameters()).add_(1.0)
        return model

    monkeypatch.setattr(task, "build_model", changed)
    with pytest.raises(UserError, match="frozen weights are not those that this run was trained with"):
        train(config)


def test_two_hundred_steps_are_a_hundred_a_kill_and_a_hundred(tmp_path, make_config):
    options = {"objective": MDR, "steps": 200, "accumulate": 2, "save_every": 100, "log_every": 10}
    whole = train(make_config(tmp_path / "whole", **options))
    config = make_config(tmp_path / "parts", **options)
    file = tmp_path / "config.json"
    file.write_text(config.model_dump_json())
    code = (
        "import sys; from vaescope.config import RunConfig; from vaescope.training.loop import train;"
        "train(RunConfig.model_validate_json(open(sys.argv[1]).read()))"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", code, str(file)], env=environment)
    folder = RunFolder(config.out)
    while not (steps := [line["step"] for line in folder.metrics()]) or max(steps) < 120:
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not folder.status
    same(whole, train(config))


def test_a_finished_run_does_nothing_and_says_so(tmp_path, make_config, caplog):
    config = make_config(tmp_path / "run")
    before = numbers(train(config))
    assert numbers(train(config, progress=kill_at(1))) == before
    assert "finished" in caplog.text


def test_best_weights_are_kept_and_patience_survives_a_kill(tmp_path, make_config):
    options = {"steps": 20, "patience": 2, "validate_every": 2, "learning_rate": 1e-7, "save_every": 3}
    whole = train(make_config(tmp_path / "whole", **options))
    parts = interrupted(make_config(tmp_path / "parts", **options), 4)
    same(whole, parts)
    assert parts.status == whole.status
    assert whole.status["weights"].startswith("best")


@pytest.mark.parametrize(
    ("change", "key"), [({"steps": 9}, "training.steps"), ({"seed": 1}, "seed"), ({"objective": MDR}, "objective")]
)
def test_a_folder_of_another_run_is_refused_with_the_key(tmp_path, make_config, change, key):
    train(make_config(tmp_path / "run"))
    with pytest.raises(UserError, match=key) as caught:
        train(make_config(tmp_path / "run", **change))
    assert "\n" not in str(caught.value)


def test_a_finished_run_is_continued_as_if_it_had_never_ended(tmp_path, make_config):
    options = {"schedule": "constant", "warmup": 0.0, "objective": MDR}
    whole = train(make_config(tmp_path / "whole", steps=12, **options))
    train(make_config(tmp_path / "parts", **options))
    longer = make_config(tmp_path / "parts", steps=12, **options)
    same(interrupted(longer, 8), whole)
    assert RunFolder(tmp_path / "parts").status == whole.status


def test_a_warm_up_that_is_over_does_not_hinder(tmp_path, make_config):
    train(make_config(tmp_path / "run", schedule="constant", warmup=0.2))
    longer = train(make_config(tmp_path / "run", schedule="constant", warmup=0.2, steps=12))
    assert longer.status["step"] == 12
    with pytest.raises(UserError, match=r"training\.warmup"):
        train(make_config(tmp_path / "run", schedule="constant", warmup=0.9, steps=30))
    with pytest.raises(UserError, match="at least 12"):
        train(make_config(tmp_path / "run", schedule="constant", warmup=0.2, steps=7))


def test_output_settings_may_change_on_resume(tmp_path, make_config):
    whole = train(make_config(tmp_path / "whole", steps=12))
    with pytest.raises(KilledError):
        train(make_config(tmp_path / "run", steps=12), progress=kill_at(5))
    changed = train(make_config(tmp_path / "run", steps=12, log_every=1, save_every=5, tracker="tensorboard"))
    for name, tensor in weights(changed).items():
        assert torch.equal(tensor, weights(whole)[name]), name
    assert changed.config.training.log_every == 1


def test_a_damaged_checkpoint_is_refused(tmp_path, make_config):
    config = make_config(tmp_path / "run")
    with pytest.raises(KilledError):
        train(config, progress=kill_at(4))
    (tmp_path / "run" / "checkpoint" / "state.pt").write_bytes(b"nothing")
    with pytest.raises(
        UserError, match=r"state\.pt: not what was written \(its checksum differs\); remove this folder to start again"
    ):
        train(config)


def test_a_kill_while_saving_leaves_a_whole_checkpoint(tmp_path, make_config):
    config = make_config(tmp_path / "run")
    with pytest.raises(KilledError):
        train(config, progress=kill_at(4))
    # between the two renames of whole_folder, and a new folder half written
    (tmp_path / "run" / "checkpoint").rename(tmp_path / "run" / ".checkpoint.old")
    (tmp_path / "run" / ".checkpoint.new").mkdir()
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "train", "st')
    same(train(config), train(make_config(tmp_path / "whole")))
    assert all(json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines())
