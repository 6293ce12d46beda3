"""drive: run a study through an engine. Completed runs are skipped; a failure does not stop the other runs."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from vaescope.corpora.corpus import read_corpus
from vaescope.errors import UserError
from vaescope.examine.save_assessment import splits_to_assess
from vaescope.runs.data_record import check_data
from vaescope.runs.run_folder import RunFolder
from vaescope.study.engines.command import log_file
from vaescope.study.exit_rule import missed_rule
from vaescope.study.plan import FILE, Plan, PlannedRun
from vaescope.study.progress import Job
from vaescope.study.refit_stage import refit_is_there

PAUSE = 0.5
"""Seconds between two polls of the runs."""


class Engine(Protocol):
    """Starts and stops runs by their names."""

    capacity: int

    def start(self, name: str) -> None:
        """Start a run."""

    def ended(self) -> dict[str, int]:
        """Return the exit status of each run that ended since the last call."""

    def stop(self) -> None:
        """End all runs."""


def drive(plan: Plan, engine: Engine, watch: Callable[[list[Job]], None]) -> list[Job]:
    """Execute all runs, each after its control and the run that it starts from; return the final state of each.

    ``watch`` is called with the runs at every poll. An interrupt (Ctrl-C, or SIGTERM) ends all of them.
    """
    jobs = {run.name: Job(run) for run in plan.runs}
    try:
        with _interrupted_by_sigterm():
            while not all(job.finished for job in jobs.values()):
                _start_some(plan, jobs, engine)
                watch(list(jobs.values()))
                if any(job.state == "running" for job in jobs.values()):
                    time.sleep(PAUSE)
                for name, status in engine.ended().items():
                    jobs[name].end(_failure(log_file(plan.study.out / FILE, name), status))
                for job in jobs.values():
                    if job.state == "running":
                        job.look()
    finally:
        engine.stop()
    watch(list(jobs.values()))
    return list(jobs.values())


def prospect(plan: Plan, run: PlannedRun) -> tuple[str, str]:
    """Return what a study would do with a run (``keep``, ``start``, ``resume``, ``assess`` or ``refuse``), and why.

    A stage that was trained and assessed, and has missed its exit rule, is refused.
    """
    control = None if run.control is None else plan.folder(run.control)
    try:
        unfinished = _refit_left(plan, run) if run.refit else _training_left(run)
        if unfinished is not None:
            return unfinished
        if splits := splits_to_assess(run.config, control):
            return "assess", ", ".join(splits)
        missed = missed_rule(run.exit, run.config.out, control)
    except UserError as error:
        return "refuse", str(error)
    return ("refuse", missed) if missed else ("keep", "trained and assessed")


def _refit_left(plan: Plan, run: PlannedRun) -> tuple[str, str] | None:
    """Return what is left of fitting a prior; None if it is done."""
    source = plan.folder(str(run.after))
    return None if refit_is_there(run.config.out, source) else ("start", f"fit the prior of {run.after}")


def _training_left(run: PlannedRun) -> tuple[str, str] | None:
    """Return what is left of the training of a run; None if it is done."""
    folder = RunFolder(run.config.out)
    folder.check(run.config)
    if not folder.exists:
        return "start", f"{run.config.training.steps} steps"
    if folder.started and run.config.data.known is None:
        check_data(folder.path, read_corpus(run.config.data))
    if folder.status.get("finished"):
        return None
    job = Job(run)
    job.look()
    return "resume", f"logged up to step {job.step} of {job.steps}"


def _start_some(plan: Plan, jobs: dict[str, Job], engine: Engine) -> None:
    """Update runs that need no process, and start as many others as there is room for."""
    for job in jobs.values():
        needed = [jobs[name] for name in job.run.needs]
        if job.state == "waiting" and all(other.finished for other in needed):
            _settle(plan, job, jobs)
    running = sum(job.state == "running" for job in jobs.values())
    ready = [job for job in jobs.values() if job.state == "ready"]
    for job in ready[: max(0, engine.capacity - running)]:
        job.begin()
        engine.start(job.run.name)


def _settle(plan: Plan, job: Job, jobs: dict[str, Job]) -> None:
    if job.run.after is not None and jobs[job.run.after].state == "failed":
        job.end(f"{job.run.after}, whose weights it starts from, failed")
        return
    what, why = prospect(plan, job.run)
    if what == "refuse":
        job.end(why)
    else:
        job.look()
        job.state = "kept" if what == "keep" else "ready"


def _failure(log: Path, status: int) -> str:
    """Return why a run failed: the last error in its log, or how its process ended; empty if it succeeded."""
    if status == 0:
        return ""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return last_error(lines) or f"exit status {status}"


def last_error(lines: list[str]) -> str:
    """Return the last line that reports an error, ignoring those of torchrun; else the last line.

    >>> last_error(["step 3", "vaescope: step 4: loss is not finite", "Root Cause (first observed failure):", "===="])
    'step 4: loss is not finite'
    """
    reported = [
        line.removeprefix("vaescope: ")
        for line in lines
        if re.match(r"vaescope: |(\w+\.)*\w+(Error|Exception|Interrupt)\b", line) and "ChildFailedError" not in line
    ]
    return (reported or lines or [""])[-1]


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Treat SIGTERM, which clusters send to end a job, like Ctrl-C."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
