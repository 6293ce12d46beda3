"""Reading damaged JSON, and paths that are not files."""

import os
import socket
from pathlib import Path

import pytest

from vaescope.errors import UserError
from vaescope.reading import parse_json, read_json, refuse_device


def test_a_pipe_a_socket_and_a_device_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for name in ("pipe", "link", "socket"):
            with pytest.raises(UserError, match=f"{name}: a device or a pipe, not a file"):
                refuse_device(tmp_path / name)
    with pytest.raises(UserError, match="pipe: a device or a pipe"):
        read_json(tmp_path / "pipe")


def test_a_file_a_folder_and_a_pipe_of_the_shell_pass(tmp_path):
    (tmp_path / "file").touch()
    refuse_device(tmp_path / "file")
    refuse_device(tmp_path)
    refuse_device(tmp_path / "missing")
    reading, writing = os.pipe()
    try:
        refuse_device(Path(f"/dev/fd/{reading}"))
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a": ' * 100_000, b"\xff", "1" * 5_000])
def test_damaged_json_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the words are those of json
        parse_json(text)
