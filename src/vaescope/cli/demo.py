"""``vaescope demo``: three small VAEs, from scratch to a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="the folder of the runs and of report.html")] = Path("demo"),
) -> None:
    """Train three small VAEs on the built-in corpus, assess each, and write one report."""
