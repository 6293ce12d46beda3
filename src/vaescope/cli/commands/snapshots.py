"""``vaescope snapshots``: how q(z) came to be, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def snapshots(
    runs: Annotated[list[Path], typer.Argument(help="run folders, trained with training.snapshots")],
    out: Annotated[Path, typer.Option(help="the picture, .svg, .pdf or .png")] = Path("snapshots.svg"),
) -> None:
    """Draw the aggregate posterior of the validation texts along training, against the prior."""
    from vaescope.errors import UserError
    from vaescope.report.figures.along_training import figure
    from vaescope.runs.snapshots import load_snapshots
    from vaescope.writing import check_place, whole_file

    check_place(out)
    picture = figure({_name(run): load_snapshots(run) for run in runs})
    if out.suffix.removeprefix(".") not in picture.canvas.get_supported_filetypes():
        raise UserError(f"{out}: not a kind of picture; give a name that ends in .svg, .pdf or .png")
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as new:
        picture.savefig(new, dpi=150)
    typer.echo(f"written: {out}")


def _name(run: Path) -> str:
    return run.resolve().name
