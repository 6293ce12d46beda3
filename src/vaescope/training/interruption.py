"""Interruption: Ctrl-C and SIGTERM end a training after a whole step, with a checkpoint."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from vaescope.errors import Interrupted

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interruption:
    """Record a signal to stop, so that the loop ends where a checkpoint can be written.

    Before the first step, and at a second signal, stop at once. A handler is only installed in the main thread and
    where the signal is not ignored (as SIGHUP is under ``nohup``).

    Attributes:
        number: the signal that came, or None.
        stepping: True while the loop runs and will look at ``number`` after its step.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self.number: int | None = None
        self.stepping = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        """Install the handlers."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Restore the previous handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        again, self.number = self.number is not None, number
        if again or not self.stepping:
            self.stop("stopped before a checkpoint could be written" if again else "stopped")

    def stop(self, what: str) -> None:
        """Raise ``Interrupted``: what happened, and the command that resumes the run."""
        raise Interrupted(f"{self.run}: {what}; resume with: {_command(self.run)}", self.number or signal.SIGINT)


def _command(run: Path) -> str:
    """Return the command of this process if it is a vaescope command, else the command that resumes the run."""
    program = Path(sys.argv[0])
    ours = program.stem in ("vaescope", "vaescope-script") or (program.stem, program.parent.name) == (
        "__main__",
        "vaescope",
    )
    words = sys.argv[1:] if ours else ["train", str(run / "config.yaml")]
    return shlex.join(["vaescope", *words])
