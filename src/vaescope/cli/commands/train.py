"""``vaescope train``: a configuration becomes a run folder."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer


def train(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CONFIG] [KEY=VALUE]...",
            help="the configuration, a YAML file, and what replaces its values: training.steps=1000 out=runs/mine",
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="the texts: a file, or a folder with train, valid and test")] = None,
    objective: Annotated[str | None, typer.Option(help="a preset, see vaescope list objectives")] = None,
    rate: Annotated[float | None, typer.Option(help="the rate of the objective, in nats per text")] = None,
    out: Annotated[Path | None, typer.Option(help="the run folder")] = None,
) -> None:
    """Train a model; the same command resumes a run that was interrupted.

    Give a configuration, or --data without one. An option that contradicts the configuration is refused: replace its
    value by KEY=VALUE.
    """
    from vaescope.cli.load_and_train import train_run
    from vaescope.cli.settings import settings_of

    settings = settings_of(words or [], data=data, objective=objective, rate=rate, out=out)
    train_run(settings, title="train")
    if settings.training.keep is not None:
        _show_front(settings.out)
    typer.echo(f"The run is in {settings.out}. Next: vaescope assess {shlex.quote(str(settings.out))}")


def _show_front(run: Path) -> None:
    """List the checkpoints that were kept, with what they were kept for."""
    from rich.table import Table

    from vaescope.cli.console import console
    from vaescope.report.tables import number
    from vaescope.training.keeper import read_front

    front, dropped = read_front(run)
    table = Table(
        title="kept checkpoints (best of a criterion: *)", title_justify="left", box=None, padding=(0, 2, 0, 0)
    )
    table.add_column("checkpoint")
    for name, criterion in front.criteria.items():
        table.add_column(f"{name} ({criterion})", justify="right")
    for point in front.points:
        cells = [number(point.values[name]) + ("*" if front.best(name) is point else " ") for name in front.criteria]
        table.add_row(f"pareto/step-{point.step}", *cells)
    console.print(table)
    for name, reason in dropped.items():
        console.print(f"{name} cannot be a criterion: {reason}", markup=False)
