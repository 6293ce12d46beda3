"""What commands share: the console, and progress that is a bar on a terminal and plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from vaescope.assessment.findings import worst_first
from vaescope.assessment.verdict import QUESTIONS
from vaescope.cli.notes import notes

if TYPE_CHECKING:
    from vaescope.assessment.assessment import Assessment

console = Console(highlight=False)
errors = Console(highlight=False, stderr=True)

WIDTH = 160
"""Columns of a table that is not printed on a terminal."""

COLOURS = {
    "FAIL": "bold red",
    "WARN": "yellow",
    "UNRESOLVED": "magenta",
    "VACUOUS": "blue",
    "PASS": "green",
    "BASELINE": "blue",
}
"""How a verdict is coloured."""


def print_table(table: Table) -> None:
    """Print a table: at the width of the terminal, and wide enough for all columns in a file or a pipe."""
    (console if console.is_terminal else Console(highlight=False, width=WIDTH)).print(table)


def print_columns(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print numbers in columns, aligned on the right."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    print_table(table)


def show_verdict(assessment: Assessment) -> None:
    """Print the verdict with its sentence, then the three answers."""
    console.print(Text.assemble((assessment.verdict, COLOURS[assessment.verdict]), f"  {assessment.headline}"))
    for name, badge in assessment.badges.items():
        console.print(Text.assemble(f"  {QUESTIONS[name]} ", (badge.answer, COLOURS[badge.verdict])))


def show_findings(assessment: Assessment) -> None:
    """Print what is not PASS, the worst first by question, each with its command, and count the rest."""
    shown = [finding for finding in worst_first(assessment.findings) if finding.verdict not in ("PASS", "VACUOUS")]
    for finding in shown:
        message = f"{finding.message}. Next: {finding.next_step}" if finding.next_step else finding.message
        label = Text.assemble((f"{finding.verdict:<10} ", COLOURS[finding.verdict]), f"{finding.name}: {message}")
        for line, text in enumerate(label.wrap(console, console.width - 11)):
            console.print(Text.assemble(" " * 11 if line else "", text))
        if finding.command:
            # a command is copied whole, so it is not wrapped
            console.print(Text(f"{'':11}{finding.command}", "bold"), soft_wrap=True)
    verdicts = [finding.verdict for finding in assessment.findings]
    console.print(f"{verdicts.count('PASS')} of {len(verdicts)} findings pass; vaescope diagnose --all shows them.")
    if count := verdicts.count("VACUOUS"):
        console.print(f"{count} findings say nothing (VACUOUS): z carries nothing that they could be about.")
    console.print("vaescope explain NAME says what a finding or a number means.")


class Meter:
    """The progress of one task, called with what is done: a bar, or in a log a line with the time left now and then.

    >>> with progress("training") as meter:
    ...     meter(5, 5, "rate 8.0")
    training 5/5 rate 8.0
    """

    seconds_between_lines = 10.0

    def __init__(self, title: str, bar: Progress | None, *, err: bool = False) -> None:
        self._title = title
        self._err = err
        self._bar = bar
        self._task = bar.add_task(title, total=None, note="") if bar else None
        self._started = self._printed = time.monotonic()
        self._first = -1

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Show that ``done`` of ``total`` steps are made."""
        notes.show()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total, note=note)
            return
        now = time.monotonic()
        if self._first < 0:
            # what is done at the first call may be the work of an earlier process
            self._first, self._started = done, now
        if done >= total or now - self._printed >= self.seconds_between_lines:
            self._printed = now
            typer.echo(f"{self._title} {done}/{total} {note}".rstrip() + self._left(done, total, now), err=self._err)

    def _left(self, done: int, total: int, now: float) -> str:
        """Say the time left at the speed so far; a resumed task counts from where it resumed."""
        made = done - self._first
        if done >= total or made <= 0:
            return ""
        return f", {duration((now - self._started) * (total - done) / made)} left"


def duration(seconds: float) -> str:
    """Return a time in the two largest units that it has.

    >>> duration(42.4), duration(95), duration(7260)
    ('42 s', '1 min 35 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@contextmanager
def progress(title: str, *, err: bool = False) -> Iterator[Meter]:
    """Give a meter for one task, on stdout or on stderr."""
    shown = errors if err else console
    if not shown.is_terminal:
        yield Meter(title, None, err=err)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=shown) as bar:
        yield Meter(title, bar)
