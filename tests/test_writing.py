"""Files are complete or absent, follow the umask, and an error of the system is one line."""

import os
import resource
import stat
from pathlib import Path

import pytest
import torch

from vaescope import writing
from vaescope.errors import UserError


class KilledError(BaseException):
    """Raised in place of SIGKILL within one process."""


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_permissions_follow_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        writing.write_tensors(tmp_path / "a.safetensors", {"a": torch.zeros(2)})
        writing.write_text(tmp_path / "a.txt", "a")
        with writing.whole_folder(tmp_path / "model") as folder:
            (folder / "inner").mkdir()
            writing.write_tensors(folder / "inner" / "b.safetensors", {"a": torch.zeros(2)})
            (folder / "c").touch(mode=0o600)
    finally:
        os.umask(before)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) == 4
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o666 & ~umask}


def killed_while_writing(context):
    with context as new:
        (new / "half" if new.is_dir() else new).write_text("half")
        raise KilledError


def test_a_failed_write_leaves_only_the_old_file(tmp_path):
    writing.write_text(tmp_path / "a.txt", "old")
    with writing.whole_folder(tmp_path / "model") as folder:
        (folder / "old").touch()
    for context in (writing.whole_file(tmp_path / "a.txt"), writing.whole_folder(tmp_path / "model")):
        with pytest.raises(KilledError):
            killed_while_writing(context)
    assert (tmp_path / "a.txt").read_text() == "old"
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["a.txt", "model", "old"]


@pytest.fixture
def small_files():
    """A limit on the file size in place of a full disk: both fail while the file is written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_files")
def test_a_full_disk_is_one_line_with_the_name_and_loses_nothing(tmp_path):
    file, tensors = tmp_path / "a.json", tmp_path / "a.safetensors"
    writing.write_text(file, "old")
    writing.write_tensors(tensors, {"a": torch.ones(2)})
    old = tensors.read_bytes()
    for write in (
        lambda: writing.write_json(file, "x" * 50_000),
        lambda: writing.write_tensors(tensors, {"a": torch.zeros(50_000)}),
        lambda: writing.append_line(tmp_path / "lines", "x" * 50_000),
    ):
        with pytest.raises(UserError, match=r"make room and run the command again") as caught:
            write()
        assert str(caught.value).startswith(str(tmp_path))
        assert "\n" not in str(caught.value)
    assert file.read_text() == "old"
    assert tensors.read_bytes() == old
    assert not list(tmp_path.glob(".*"))


def test_a_leftover_of_a_kill_is_brought_back_or_removed(tmp_path):
    with writing.whole_folder(tmp_path / "model") as folder:
        (folder / "weights").touch()
    (tmp_path / "model").rename(tmp_path / ".model.old")
    writing.recover(tmp_path / "model")
    assert (tmp_path / "model" / "weights").exists()
    (tmp_path / ".model.old").mkdir()
    writing.recover(tmp_path / "model")
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_a_path_that_is_not_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="a file is in the way"):
        writing.write_text(tmp_path / "file" / "inner.txt", "a")
    with pytest.raises(UserError, match="no such file or folder"):
        writing.write_text(tmp_path / "missing" / "inner.txt", "a")


def test_a_place_is_checked_before_the_work_and_nothing_is_left_there(tmp_path):
    writing.check_place(tmp_path / "new" / "folder" / "a.csv")
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file" / "a.csv", tmp_path / "file" / "deep" / "a.csv"):
        with pytest.raises(UserError, match="a file is in the way where a folder is needed"):
            writing.check_place(place)
    with pytest.raises(UserError, match=r"no such file or folder|no permission"):
        writing.check_place(Path("/proc/nowhere/a.csv"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
