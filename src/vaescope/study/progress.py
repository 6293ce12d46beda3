"""The progress of the runs of a study, and the time that they still need."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from vaescope.runs.metrics import last_lines
from vaescope.study.plan import PlannedRun


@dataclass
class Job:
    """The progress of one run of a study.

    Attributes:
        run: the run.
        state: ``waiting`` (for its control), ``ready``, ``running``, ``kept`` (was there already), ``done`` or
            ``failed``.
        step: optimiser steps made.
        rate: the last logged rate, in nats per text; None before that, and for a language model.
        message: why it failed.
        started: when it was started (seconds of a monotonic clock).
        ended: when it ended.
        first_step: the step at which it was started.
    """

    run: PlannedRun
    state: str = "waiting"
    step: int = 0
    rate: float | None = None
    message: str = ""
    started: float = field(default=0.0, repr=False)
    ended: float | None = field(default=None, repr=False)
    first_step: int = 0

    @property
    def steps(self) -> int:
        """Optimiser steps in total."""
        return self.run.config.training.steps

    @property
    def finished(self) -> bool:
        """Whether it has ended."""
        return self.state in ("kept", "done", "failed")

    def look(self) -> None:
        """Read its progress from its folder."""
        for line in last_lines(self.run.config.out / "metrics.jsonl"):
            self.step = line.get("step", self.step)
            if line.get("kind") == "train" and not self.run.config.is_language_model:
                self.rate = line.get("rate", self.rate)

    def begin(self) -> None:
        """Record that it starts now."""
        self.look()
        self.state, self.started, self.first_step = "running", time.monotonic(), self.step

    def end(self, message: str = "") -> None:
        """Record that it has ended, with the error if it failed."""
        self.look()
        self.state, self.message, self.ended = "failed" if message else "done", message, time.monotonic()

    @property
    def made(self) -> int:
        """Steps made since it was started."""
        return max(0, self.step - self.first_step)

    @property
    def seconds(self) -> float:
        """Time since it was started, until its end."""
        return (time.monotonic() if self.ended is None else self.ended) - self.started

    def time_left(self) -> float | None:
        """Return the remaining seconds of its training at its speed so far; None before the speed is known."""
        if self.state != "running" or not self.made:
            return None
        return (self.steps - self.step) * self.seconds / self.made


def time_left(jobs: list[Job], at_once: int) -> float | None:
    """Return the seconds until all runs are done, at the speed of the runs so far, including assessments.

    None before the first step.
    """
    tried = [job for job in jobs if job.started and job.made]
    made = sum(job.made for job in tried)
    unfinished = [job for job in jobs if not job.finished]
    if not made or not unfinished:
        return None if unfinished else 0.0
    left = sum(job.steps - job.step for job in unfinished)
    return left * sum(job.seconds for job in tried) / made / min(at_once, len(unfinished))


def clock(seconds: float | None) -> str:
    """Return a time in words.

    >>> clock(None), clock(42), clock(600), clock(7500), clock(200_000)
    ('', '42 s', '10 min', '2 h 5 min', '2 d 8 h')
    """
    if seconds is None:
        return ""
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
