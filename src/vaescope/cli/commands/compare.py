"""``vaescope compare``: any number of runs on one page, with figures for a paper and the numbers as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    runs: Annotated[list[Path], typer.Argument(help="assessed run folders, or folders of them (a study)")],
    out: Annotated[Path, typer.Option(help="the folder to write to")] = Path("compare"),
    split: Annotated[
        str | None, typer.Option(help="train, valid or test; by default the one that all runs are assessed on")
    ] = None,
    title: Annotated[str, typer.Option(help="the heading of the page")] = "Runs compared",
) -> None:
    """Compare assessed runs on one page: compare.html, figures/ as SVG and PDF, and numbers as CSV."""
    from vaescope.cli.load_and_train import hide_other_bars
    from vaescope.report.page import compare as write_comparison

    hide_other_bars()
    path = write_comparison(runs, out, split=split, title=title)
    typer.echo(f"written: {path}")
