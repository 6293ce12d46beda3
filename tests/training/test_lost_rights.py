"""A folder without write permission, from the start or during a run, gives a one-line error, and the run resumes."""

import ctypes
import os
import struct
import sys

import pytest

from vaescope.errors import UserError, explained
from vaescope.training.loop import train

from .test_resume import same

OVERRIDES = 0b1110
"""CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and CAP_FOWNER, by which root ignores the rights of files."""
VERSION_3 = 0x20080522


def capabilities(change=None):
    """Return the effective capabilities of this thread, permitted ones and inheritable ones; replace the first."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = ctypes.create_string_buffer(struct.pack("=Ii", VERSION_3, 0))
    data = ctypes.create_string_buffer(24)
    assert libc.capget(header, data) == 0
    words = list(struct.unpack("=6I", data.raw))
    if change is not None:
        data = ctypes.create_string_buffer(struct.pack("=6I", change, *words[1:]))
        assert libc.capset(header, data) == 0
    return words[0]


@pytest.fixture
def an_ordinary_user():
    """Make file permissions apply to root too."""
    if not sys.platform.startswith("linux"):
        pytest.skip("needs the capabilities of Linux")
    before = capabilities()
    capabilities(before & ~OVERRIDES)
    yield
    capabilities(before)


def may_write(folder, right):
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod((0o755 if path.is_dir() else 0o644) if right else (0o555 if path.is_dir() else 0o444))


@pytest.mark.usefixtures("an_ordinary_user")
def test_a_read_only_folder_is_one_line_and_nothing_is_left_there(tmp_path, make_config):
    (tmp_path / "locked").mkdir(mode=0o555)
    with pytest.raises(OSError, match="denied"):
        (tmp_path / "locked" / "file").touch()
    for out in (tmp_path / "locked" / "run", tmp_path / "locked"):
        with pytest.raises(UserError, match="no permission; change its rights, or give another path") as caught:
            train(make_config(out))
        assert str(tmp_path / "locked") in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not list((tmp_path / "locked").iterdir())


@pytest.mark.usefixtures("an_ordinary_user")
@pytest.mark.parametrize("step", [1, 3, 5])
def test_rights_that_are_lost_in_a_run_are_one_line_and_the_run_resumes_bit_for_bit(tmp_path, make_config, step):
    options = {"keep": {"criteria": {"elbo": "max"}}, "snapshots": [0, 4, 6], "log_every": 1}
    whole = train(make_config(tmp_path / "whole", **options))
    config = make_config(tmp_path / "parts", **options)

    def lose(done, total, note):
        if done == step:
            may_write(config.out, False)

    with pytest.raises(UserError, match="no permission") as caught:
        train(config, progress=lose)
    assert str(config.out) in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no permission"):
        train(config)
    may_write(config.out, True)
    same(whole, train(config))
    assert not [file for file in os.listdir(config.out) if file.startswith(".")]


@pytest.mark.usefixtures("an_ordinary_user")
@pytest.mark.parametrize("name", ["config.yaml", "status.json", "metrics.jsonl", "model/model.safetensors"])
def test_a_file_that_may_not_be_read_is_one_line_with_its_name(tmp_path, make_config, name):
    from vaescope.examine.examined_run import Examined

    folder = train(make_config(tmp_path / "run"))
    (folder.path / name).chmod(0o000)
    with pytest.raises((UserError, PermissionError)) as caught:
        Examined.load(folder.path) if name in ("config.yaml", "model/model.safetensors") else train_again(folder)
    line = explained(caught.value)
    assert name in line
    assert "\n" not in line


def train_again(folder):
    config = folder.config
    if folder.metrics_file.stat().st_mode & 0o777 == 0:
        (folder.path / "status.json").unlink()
    return train(config)
