"""The progress of a study: a live table on a terminal, lines elsewhere, and the numbers at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from vaescope.cli.console import COLOURS, console, print_table
from vaescope.study.progress import Job, clock, time_left

STATES = {"running": "cyan", "failed": "bold red", "done": "green", "kept": "green", "ready": "dim", "waiting": "dim"}
"""How a state is coloured, in the order of interest."""

ESTIMATES = ("rate", "distortion", "elbo", "log_likelihood", "mutual_information", "marginal_kl")
"""The numbers of the table at the end."""

SECONDS_BETWEEN_LINES = 60.0

Watch = Callable[[list[Job]], None]


@contextmanager
def watching(at_once: int) -> Iterator[Watch]:
    """Give what shows the jobs each time that it is called; ``at_once`` of them run at a time."""
    if not console.is_terminal:
        yield Lines(at_once)
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda jobs: live.update(live_table(jobs, at_once, rows=max(3, console.height - 4)), refresh=True)


def live_table(jobs: list[Job], at_once: int, rows: int) -> Group:
    """Return the runs of most interest, up to a limit, and a line on all of them."""
    order = list(STATES)
    shown = sorted(jobs, key=lambda job: order.index(job.state))[:rows]
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column, right in (("run", False), ("state", False), ("step", True), ("rate", True), ("time left", True)):
        table.add_column(column, justify="right" if right else "left", no_wrap=True)
    for job in shown:
        rate = "" if job.rate is None else f"{job.rate:.2f}"
        state = Text(state_of(job), STATES[job.state])
        table.add_row(Text(job.run.name), state, f"{job.step}/{job.steps}", rate, clock(job.time_left()))
    return Group(table, Text(progress_line(jobs, at_once)))


def state_of(job: Job) -> str:
    """Return the state of a run in words."""
    return "assessing" if job.state == "running" and job.step >= job.steps else job.state


def progress_line(jobs: list[Job], at_once: int) -> str:
    """Return how many runs are done, and how long the others will take."""
    count = Counter(job.state for job in jobs)
    words = [f"{count['kept'] + count['done']} of {len(jobs)} runs done"]
    words += [f"{count[state]} {state}" for state in ("failed", "running") if count[state]]
    left = time_left(jobs, at_once)
    if left:
        words.append(f"about {clock(left)} left")
    return ", ".join(words)


class Lines:
    """Prints a line when a run starts or ends, and now and then how far all are."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._states: dict[str, str] = {}
        self._printed = time.monotonic()

    def __call__(self, jobs: list[Job]) -> None:
        """Print the changes."""
        for job in jobs:
            before = self._states.get(job.run.name)
            self._states[job.run.name] = job.state
            if job.state != before and (job.state == "running" or job.finished):
                typer.echo(f"{job.run.name}: {job.state}{': ' * bool(job.message)}{job.message}")
        if time.monotonic() - self._printed >= SECONDS_BETWEEN_LINES:
            self._printed = time.monotonic()
            for job in jobs:
                if job.state == "running":
                    left = clock(job.time_left())
                    typer.echo(
                        f"{job.run.name}: step {job.step}/{job.steps}" + (f", about {left} left" if left else "")
                    )
            typer.echo(progress_line(jobs, self._at_once))


def show_summary(jobs: list[Job], split: str) -> None:
    """Print the numbers of the runs that were assessed, and the name of each that failed with its last error."""
    from vaescope.assessment.assessment import Assessment
    from vaescope.report.tables import COLUMNS, cell, verdict
    from vaescope.runs.assessments import assessment_name

    columns = [column for column in COLUMNS if column.estimate in ESTIMATES]
    table = Table(title=f"{split}, nats per text", title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("run", no_wrap=True)
    for column in columns:
        table.add_column(column.title, justify="right", overflow="fold")
    table.add_column("verdict")
    for job in jobs:
        file = assessment_name(split)
        if job.state == "failed" or not (job.run.config.out / f"{file}.json").exists():
            continue
        found = Assessment.load(job.run.config.out, name=file)
        worst = verdict(found)
        cells = [Text(cell(found.estimates.get(column.estimate))) for column in columns]
        table.add_row(Text(job.run.name), *cells, Text(worst, COLOURS[worst]))
    if table.row_count:
        print_table(table)
    failed = [job for job in jobs if job.state == "failed"]
    for job in failed:
        typer.secho(f"failed: {job.run.name}: {job.message}", fg="red", err=True)
