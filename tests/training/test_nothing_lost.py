"""Nothing is lost: foreign folders, failed starts, two processes, full disks, signals, moved or changed data."""

import json
import logging
import os
import resource
import shutil
import signal
import subprocess
import sys
from importlib import metadata

import pytest
import torch
from safetensors.torch import load_file

from vaescope.config import parse_config
from vaescope.errors import Interrupted, UserError
from vaescope.runs.lock import one_at_a_time
from vaescope.runs.run_folder import RunFolder
from vaescope.training.interruption import Interruption
from vaescope.training.loop import train

from .test_resume import KilledError, kill_at, same


def everything_in(folder):
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


FOREIGN = ["model/thesis.bin", "pareto/mine/x.txt", "notes.txt", "config.yaml", ".hidden", "checkpoint/state.pt"]


@pytest.mark.parametrize("name", FOREIGN)
def test_a_folder_that_is_not_a_run_is_left_as_it_is(tmp_path, make_config, name):
    file = tmp_path / "mine" / name
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    before = everything_in(tmp_path)
    with pytest.raises(UserError, match="not empty, and not the folder of a run; give another out=FOLDER"):
        train(make_config(tmp_path / "mine"))
    assert everything_in(tmp_path) == before


def test_a_file_in_the_way_is_refused(tmp_path, make_config):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(UserError, match="a file is in the way"):
        train(make_config(tmp_path / "run"))
    with pytest.raises(UserError, match="a file is in the way"):
        train(make_config(tmp_path / "run" / "inner"))
    assert (tmp_path / "run").read_text() == "mine"


@pytest.mark.parametrize(
    "mistake",
    [
        {"batch_size": 100},
        {"keep": {"criteria": {"nonsense": "max"}}},
        {"objective": {"terms": {"distortion": 1, "rat": 1}}},
        {"objective": {"preset": "lagging"}},
    ],
)
def test_a_failed_start_leaves_no_claim_on_its_folder(tmp_path, make_config, mistake):
    for existing in (False, True):
        if existing:
            (tmp_path / "run").mkdir()
        with pytest.raises(UserError):
            train(make_config(tmp_path / "run", **mistake))
        assert not existing or not list((tmp_path / "run").iterdir())
        assert (tmp_path / "run").exists() == existing
    assert train(make_config(tmp_path / "run", steps=2)).status["finished"]


def test_a_start_without_a_step_is_replaced_by_another_configuration(tmp_path, make_config):
    with pytest.raises(KilledError):
        train(make_config(tmp_path / "run", log_every=50), progress=kill_at(1))
    assert not RunFolder(tmp_path / "run").started
    changed = make_config(tmp_path / "run", steps=2)
    changed.tokenizer.vocab_size = 280
    folder = train(changed)
    assert folder.config.tokenizer.vocab_size == len(folder.load_tokenizer()) == 280


def test_one_process_locks_a_run(tmp_path, make_config):
    run = tmp_path / "run"
    code = (
        "import sys; from pathlib import Path; from vaescope.runs.lock import one_at_a_time\n"
        "with one_at_a_time(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(run)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"held\n"
    with pytest.raises(UserError, match="another process works in this folder"):
        train(make_config(run))
    other.kill()
    other.communicate()
    with one_at_a_time(run):
        assert train(make_config(run, steps=1)).status["finished"]


@pytest.mark.parametrize("limit", [3_000, 30_000])
def test_a_full_disk_is_one_line_and_the_run_resumes_bit_for_bit(tmp_path, make_config, limit):
    whole = train(make_config(tmp_path / "whole"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(UserError, match="make room") as caught:
            train(make_config(tmp_path / "parts"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(caught.value)
    same(whole, train(make_config(tmp_path / "parts")))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_a_checkpoint_and_says_how_to_resume(tmp_path, make_config, number, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/vaescope", "train", "my config.yaml", "out=parts"])
    # a process in the background of a shell ignores SIGINT, and then so does training
    monkeypatch.setattr(signal, "getsignal", lambda number: signal.SIG_DFL)
    options = {"steps": 8, "log_every": 3, "save_every": 50, "patience": 5, "validate_every": 2}
    whole = train(make_config(tmp_path / "whole", **options))

    def interrupt(done, total, note):
        if done == 5:
            os.kill(os.getpid(), number)

    config = make_config(tmp_path / "parts", **options)
    with pytest.raises(Interrupted, match="stopped at step 5 of 8, checkpoint written") as caught:
        train(config, progress=interrupt)
    assert str(caught.value).endswith("resume with: vaescope train 'my config.yaml' out=parts")
    assert caught.value.number == number
    assert torch.load(config.out / "checkpoint" / "state.pt", weights_only=True)["step"] == 5
    same(whole, train(config))


def test_the_handlers_of_signals_are_brought_back_and_ignored_signals_stay_ignored(tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        handler = signal.getsignal(signal.SIGTERM)
        with Interruption(tmp_path):
            assert signal.getsignal(signal.SIGTERM) != handler
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) == handler
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_lost_model_is_written_again_from_the_checkpoint(tmp_path, make_config, caplog):
    folder = train(make_config(tmp_path / "run"))
    before = load_file(folder.model / "model.safetensors")
    shutil.rmtree(folder.model)
    train(make_config(tmp_path / "run"))
    after = load_file(folder.model / "model.safetensors")
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert "model/ was gone" in caplog.text
    shutil.rmtree(folder.model)
    shutil.rmtree(folder.checkpoint)
    with pytest.raises(UserError, match="remove the folder to train it again"):
        train(make_config(tmp_path / "run"))


def test_a_lost_best_model_is_not_replaced_by_the_last(tmp_path, make_config):
    config = make_config(tmp_path / "run", patience=1, validate_every=1, learning_rate=1e-30, steps=6)
    folder = train(config)
    assert folder.status["step"] > 1
    shutil.rmtree(folder.model)
    with pytest.raises(UserError, match="not the best step 1"):
        train(config)


def test_a_leftover_of_a_kill_while_saving_goes(tmp_path, make_config):
    config = make_config(tmp_path / "run")
    with pytest.raises(KilledError):
        train(config, progress=kill_at(4))
    shutil.copytree(config.out / "checkpoint", config.out / ".checkpoint.old")
    assert not [file.name for file in train(config).path.iterdir() if file.name.startswith(".")]


def test_every_start_and_resume_records_its_versions(tmp_path, make_config, caplog, monkeypatch):
    config = make_config(tmp_path / "run")
    with pytest.raises(KilledError):
        train(config, progress=kill_at(4))
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "9.9" if name == "torch" else version(name))
    train(config)
    made = json.loads((config.out / "environment.json").read_text())
    assert made["packages"]["torch"] == version("torch")
    (resumed,) = made["resumed"]
    assert (resumed["step"], resumed["packages"]["torch"]) == (3, "9.9")
    assert f"resumed at step 3 with other versions (torch 9.9 instead of {version('torch')})" in caplog.text


def with_files(config, folder, words):
    """The same run on files of texts in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in (("train", 40), ("valid", 20), ("test", 20)):
        texts = [f"the {words[n % 3]} {words[n % 5]} sat {n} {split}" for n in range(count)]
        (folder / f"{split}.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    raw = config.model_dump(mode="json") | {"data": {"path": str(folder), "max_length": 24}}
    return parse_config(raw)


WORDS = ["red", "blue", "old", "cat", "dog"]


def test_changed_texts_are_refused_and_moved_texts_are_the_same_run(tmp_path, make_config, caplog):
    whole = train(with_files(make_config(tmp_path / "whole"), tmp_path / "data", WORDS))
    config = with_files(make_config(tmp_path / "run"), tmp_path / "data", WORDS)
    with pytest.raises(KilledError):
        train(config, progress=kill_at(4))
    with_files(config, tmp_path / "data", [*WORDS[:4], "fox"])
    with pytest.raises(UserError, match=r"the train texts of .* have changed .* \(40, as then, but not the same\)"):
        train(config)
    shutil.rmtree(tmp_path / "data")
    moved = with_files(make_config(tmp_path / "run"), tmp_path / "elsewhere", WORDS)
    same(whole, train(moved))
    assert RunFolder(tmp_path / "run").config.data.path == tmp_path / "elsewhere"
    # a finished run follows its data as well, and only its data
    (tmp_path / "elsewhere").rename(tmp_path / "again")
    train(with_files(make_config(tmp_path / "run"), tmp_path / "again", WORDS))
    assert RunFolder(tmp_path / "run").config.data.path == tmp_path / "again"
    with pytest.raises(UserError, match="have changed"):
        train(with_files(make_config(tmp_path / "run"), tmp_path / "third", WORDS[::-1]))
    assert RunFolder(tmp_path / "run").config.data.path == tmp_path / "again"


def test_a_relative_path_is_found_from_another_working_directory(tmp_path, make_config, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = with_files(make_config(tmp_path / "run"), tmp_path / "data", WORDS)
    config.data.path = config.data.path.relative_to(tmp_path)
    train(config)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert RunFolder(tmp_path / "run").config.data.path == tmp_path / "data"


DAMAGES = [
    ("status.json", "[1]", "status.json: damaged"),
    ("status.json", '{"finished": "no"}', "status.json: damaged"),
    ("environment.json", "{", "environment.json: damaged"),
    ("data.json", "null", "data.json: damaged"),
    ("metrics.jsonl", '{"kind": "train", "step": 1}\n7\n{"kind": "train", "step": 2}\n', "line 2 is damaged"),
    ("metrics.jsonl", "\xff\n\n", "line 1 is damaged"),
    ("tokenizer/tokenizer.json", "{", "the tokenizer cannot be read"),
    ("checkpoint/state.pt", "x", "its checksum differs"),
    ("checkpoint/checksums.json", "[1]", "checksums.json: damaged"),
    ("pareto/front.json", "[1]", "front.json: damaged"),
]


@pytest.fixture(scope="module")
def interrupted_run(tmp_path_factory):
    from tests.tiny_runs import build_config

    config = build_config(tmp_path_factory.mktemp("interrupted") / "run", keep={"criteria": {"elbo": "max"}})
    logging.disable(logging.WARNING)
    with pytest.raises(KilledError):
        train(config, progress=kill_at(4))
    logging.disable(logging.NOTSET)
    return config


@pytest.mark.parametrize(("name", "content", "message"), DAMAGES)
def test_a_damaged_file_of_a_run_is_one_line_with_its_name(tmp_path, interrupted_run, name, content, message):
    from vaescope.training.keeper import read_front

    config = interrupted_run.model_copy(update={"out": tmp_path / "run"})
    shutil.copytree(interrupted_run.out, config.out)
    (config.out / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=message) as caught:
        read_front(config.out) if "pareto" in name else train(config)
    assert "\n" not in str(caught.value)
    assert str(config.out) in str(caught.value)
