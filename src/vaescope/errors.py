"""User errors, reported in one line: what is wrong, where, and how to fix it."""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Iterable
from pathlib import Path


class UserError(ValueError):
    """A mistake in the input (a file, an option, a configuration), not in the program.

    The message is one line that names the thing and the fix. The command line prints it without a traceback.

    >>> raise UserError("corpus.txt: the file is empty; give a file with one text per line")
    Traceback (most recent call last):
    ...
    vaescope.errors.UserError: corpus.txt: the file is empty; give a file with one text per line
    """


class Missing(Exception):  # noqa: N818 - missing evidence is not an error
    """Why a number cannot be had, and how to get what it needs: ``what is missing: how to get it``."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM, taken at a point where nothing is lost.

    Attributes:
        number: the signal that came.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """Return the error for a ``name`` that is not among the ``known`` ones; it suggests the nearest.

    >>> print(unknown("objective", "mdrr", ["mdr", "vae"]))
    unknown objective 'mdrr'; did you mean 'mdr'? (known: mdr, vae)
    >>> print(unknown("column", "text", ["id"]))
    unknown column 'text' (known: id)
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    listed = f" (known: {', '.join(known)})" if known else ""
    return UserError(f"unknown {kind} '{name}'{hint}{listed}")


def looks_like_path(name: str) -> bool:
    """Return whether a name means a place on this machine rather than a name of the Hugging Face hub.

    A hub name is ``NAME`` or ``USER/NAME``. A name is a path if it has another form, or if its parent folder is here.

    >>> looks_like_path("gpt2"), looks_like_path("someone/gpt2"), looks_like_path("./gpt2"), looks_like_path("a/b/c")
    (False, False, True, True)
    """
    parts = name.split("/")
    odd = not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name) or name.startswith((".", "~")) or name.endswith(".")
    return odd or len(parts) > 2 or (len(parts) == 2 and Path(parts[0]).is_dir())


def no_such_run(path: Path | str, wanted: str = "run folder") -> UserError:
    """Return the error for a folder that is not a run, with the runs that are near it."""
    path = Path(path)
    what = "it does not exist" if not path.exists() else "no config.yaml" if path.is_dir() else "a file"
    places = {*_runs_in(path), *_runs_in(path.parent), *_runs_in(Path("runs"))}
    if not places:
        return UserError(f"{path}: not a {wanted} ({what}); make one with vaescope train")
    names = sorted(map(str, places))
    near = difflib.get_close_matches(str(path), names, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}? " if near else ""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return UserError(f"{path}: not a {wanted} ({what}); {hint}(runs here: {', '.join(names[:5])}{more})")


def _runs_in(folder: Path) -> list[Path]:
    try:
        return [inner.parent for inner in folder.glob("*/config.yaml")]
    except OSError:
        return []


AWAY = re.compile(
    r"(couldn't (connect|reach)|cannot reach|offline mode|traffic has been disabled|Name or service not known)",
    re.IGNORECASE,
)
"""What libraries say where there is no network."""


def why_not_there(error: BaseException) -> str:
    """Return in one line why a library found nothing under a name, on this machine or on the hub.

    >>> why_not_there(OSError("We couldn't connect to 'https://huggingface.co' to load the files."))
    'there is no network, and no copy of it here'
    """
    reason = " ".join(str(error).split()) or type(error).__name__
    away = AWAY.search(reason)
    return "there is no network, and no copy of it here" if away else reason[:200]


FIXES = {
    errno.ENOSPC: "the disk is full; make room and run the command again",
    errno.EDQUOT: "the quota of the disk is used up; make room and run the command again",
    errno.EFBIG: "the file would be larger than this system allows; make room and run the command again",
    errno.EACCES: "no permission; change its rights, or give another path",
    errno.EPERM: "no permission; change its rights, or give another path",
    errno.EROFS: "the file system is read-only; give another path",
    errno.ENOTDIR: "a file is in the way where a folder is needed; give another path",
    errno.EEXIST: "a file is in the way; give another path",
    errno.EISDIR: "a folder, where a file is needed; give a file",
    errno.ENAMETOOLONG: "the name is too long for this file system; give a shorter one",
    errno.ENOENT: "no such file or folder; check the path",
    errno.ELOOP: "a link that leads back to itself; give another path",
    errno.EMFILE: "too many open files; raise the limit (ulimit -n)",
}
"""What to do about an error of the operating system."""


def explained(error: BaseException) -> str | None:
    """Return the one line for an error that is a mistake of the input or a limit of the machine, or None for a bug.

    >>> explained(FileExistsError(17, "File exists", "runs/mine"))
    'runs/mine: a file is in the way; give another path'
    >>> explained(KeyError("split")) is None
    True
    """
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or _is_allocation(error):
        return "out of memory: ask for less (smaller model, batch_size, group_tokens, samples, texts or count)"
    if isinstance(error, OSError) and error.filename is not None:
        fix = FIXES.get(error.errno or 0, f"{error.strerror or error}; check the path")
        return f"{error.filename}: {fix}"
    if isinstance(error, OSError) and error.errno in FIXES:
        return FIXES[error.errno]
    full = re.search(r"No space left on device|os error 28|File too large|os error 27", str(error))
    return FIXES[errno.ENOSPC] if full else None


def _is_allocation(error: BaseException) -> bool:
    words = r"can't allocate memory|not enough memory|Storage size calculation overflowed|array is too big"
    return isinstance(error, RuntimeError | ValueError) and re.search(words, str(error)) is not None


def one_line(message: str) -> str:
    r"""Return a message as one line of letters that can be shown.

    >>> one_line("a\n  b\x1b[31m")
    'a b\\x1b[31m'
    """
    joined = re.sub(r"\s*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]\s*", " ", message)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in joined)
