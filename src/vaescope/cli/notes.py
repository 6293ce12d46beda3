"""Notes of the package on stderr: each once, in one line, and none before an error."""

from __future__ import annotations

import logging

import typer

from vaescope.errors import one_line


class Notes(logging.Handler):
    """Prints each note of the package once, in one line on stderr, so that what a command prints can be piped.

    Notes wait until the command makes progress or ends well: before an error they would hide it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()
        self._held: list[str] = []
        self.holding = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep or print a note."""
        line = one_line(f"{record.levelname.lower()}: {record.getMessage()}")
        if line in self._seen:
            return
        self._seen.add(line)
        self._held.append(line)
        if not self.holding:
            self.show()

    def show(self) -> None:
        """Print what was kept, and keep nothing more."""
        for line in self._held:
            typer.echo(line, err=True)
        self._held, self.holding = [], False


notes = Notes()
logging.getLogger("vaescope").addHandler(notes)
