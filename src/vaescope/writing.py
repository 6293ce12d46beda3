"""Write files and folders so that they are complete or absent, even if the process is killed or the power fails.

Everything is written under a temporary name in the same folder, flushed to the disk, and then renamed. A file that
replaces another is therefore always the old one or the new one. Permissions follow the umask, even if a library
would write files that only their owner can read.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from vaescope.errors import UserError, explained

if TYPE_CHECKING:
    from torch import Tensor


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; at the end of the block it replaces ``path``.

    Raises:
        UserError: the system refuses (a full disk, no permission); what was at ``path`` is still there.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "numbers.txt"
    >>> with whole_file(file) as new:
    ...     _ = new.write_text("1 2 3")
    >>> file.read_text()
    '1 2 3'
    """
    new = path.with_name(f".{path.stem}.new{path.suffix}")
    with _refusals_in_one_line(path):
        try:
            new.unlink(missing_ok=True)
            new.touch()
            mode = new.stat().st_mode & 0o777
            yield new
            new.chmod(mode)
            _flush(new)
            new.replace(path)
            _flush(path.parent)
        except BaseException:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to write to; at the end of the block it replaces ``path``.

    One system call cannot replace a folder that is not empty, so there are two. A kill between them leaves ``path``
    absent and its content in ``.NAME.old``; ``recover`` brings it back.

    Raises:
        UserError: the system refuses (a full disk, no permission); what was at ``path`` is still there.
    """
    new, old = path.with_name(f".{path.name}.new"), path.with_name(f".{path.name}.old")
    with _refusals_in_one_line(path):
        recover(path)
        try:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
            mode = new.stat().st_mode & 0o666
            yield new
            for child in new.rglob("*"):
                if child.is_file():
                    child.chmod(mode)
                _flush(child)
            _flush(new)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        if path.exists():
            path.rename(old)
        new.rename(path)
        _flush(path.parent)
        shutil.rmtree(old, ignore_errors=True)


def check_place(path: Path) -> None:
    """Before long work, check that a file or folder can be written at ``path``; nothing is left there.

    Folders that do not exist yet are no mistake.

    Raises:
        UserError: a file is in the way, or the system refuses new files there.

    >>> import tempfile
    >>> check_place(Path(tempfile.mkdtemp()) / "new" / "numbers.txt")
    """
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    with _refusals_in_one_line(path):
        if not parent.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "", str(path))
        with TemporaryFile(dir=parent):
            pass


def recover(path: Path) -> None:
    """Repair an interrupted ``whole_folder``: restore ``.NAME.old`` if ``path`` is absent, else remove it."""
    old = path.with_name(f".{path.name}.old")
    if old.exists():
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(path)


def write_text(path: Path, text: str) -> None:
    """Write a whole file or none."""
    with whole_file(path) as new:
        new.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write JSON as a whole file or none."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write tensors by name (safetensors) as a whole file or none."""
    from safetensors.torch import save_file

    with whole_file(path) as new:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, new, metadata=metadata)


def append_line(path: Path, line: str) -> None:
    """Append a line to a file; a kill or a full disk may cut the last line.

    Raises:
        UserError: the system refuses.
    """
    with _refusals_in_one_line(path), path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


@contextmanager
def _refusals_in_one_line(path: Path) -> Iterator[None]:
    """Turn an ``OSError``, or the error that a library raises for one, into a ``UserError`` that names ``path``."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = explained(OSError(error.errno, error.strerror, str(path)) if isinstance(error, OSError) else error)
        if reason is None:
            raise
        raise UserError(reason if str(path) in reason else f"{path}: {reason}") from error


def _flush(path: Path) -> None:
    """Flush a file, or the entries of a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
