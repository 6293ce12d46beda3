"""A malformed input: the content of the folder, the command that reads it, and what its message must name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .forks import Outcome

FOREIGN = (
    "Traceback (most recent call last)",
    "Input should be",
    "Value error",
    "unable to parse",
    "pydantic",
    "a bug in vaescope",
    "RUST_BACKTRACE",
)
"""What a user must never read."""


@dataclass(frozen=True)
class Case:
    """One malformed input.

    Attributes:
        group: the kind of input, a row of the table.
        name: what is wrong with it.
        arguments: the command.
        names: strings of which the message holds one: the thing that is wrong.
        needs: what else is in the folder: ``run`` (a finished run), ``lm`` (one of a language model), ``w`` (a world
            that it has drawn), ``draws``, ``study``.
        prepare: puts the damage into the folder.
        refused: whether the command must fail; otherwise it may also do its work.
        limits: limits of the process (``resource.RLIMIT_...``).
    """

    group: str
    name: str
    arguments: tuple[str, ...]
    names: tuple[str, ...]
    needs: tuple[str, ...] = ()
    prepare: Callable[[Path], None] | None = None
    refused: bool = True
    limits: tuple[tuple[int, int], ...] = ()

    def faults(self, outcome: Outcome, before: dict[str, str], after: dict[str, str]) -> list[str]:
        """Return what is wrong with how the command ended."""
        said = outcome.err + outcome.out
        found = [f"says {words!r}" for words in FOREIGN if words in said]
        if outcome.hung:
            return [*found, "hangs"]
        judged = self.arguments[:1] == ("diagnose",) and "findings pass" in outcome.out
        if outcome.status == 0 or judged:
            return [*found, "accepted"] if self.refused else found
        if outcome.status not in (1, 2, 130):
            found.append(f"exit status {outcome.status}")
        if len(outcome.lines) != 1:
            found.append(f"{len(outcome.lines)} lines")
        if not any(name in outcome.err for name in self.names):
            found.append("does not name the input")
        changed = [name for name, digest in before.items() if after.get(name) != digest]
        return [*found, *(f"overwrites {name}" for name in changed)]


def digests(folder: Path) -> dict[str, str]:
    """Return a hash of every file, by its path; not of output, cache and the list of starts of a run."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if (
            path.is_file()
            and not path.is_symlink()
            and not name.startswith((".out", ".err", ".cache"))
            and path.name != "environment.json"
        ):
            try:
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
            except PermissionError:
                found[name] = "unreadable"
    return found


def text(content: str | bytes, name: str) -> Callable[[Path], None]:
    """Return what writes a file."""

    def write(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))

    return write


def every(*steps: Callable[[Path], None]) -> Callable[[Path], None]:
    """Return what does one thing after the other."""

    def prepare(folder: Path) -> None:
        for step in steps:
            step(folder)

    return prepare
