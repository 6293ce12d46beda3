"""``vaescope train``: a configuration becomes a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    config: Annotated[Path, typer.Argument(help="the configuration, a YAML file")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="for instance training.steps=1000 out=runs/mine"),
    ] = None,
) -> None:
    """Train a model; the same command resumes a run that was interrupted."""
    from vaescope.cli.console import console
    from vaescope.cli.runs import train_run
    from vaescope.config import read_config

    settings = read_config(config, overrides)
    train_run(settings, title="train")
    console.print(f"The run is in {settings.out}. Next: vaescope assess {settings.out}", soft_wrap=True)
