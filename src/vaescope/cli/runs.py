"""A run for the commands: loaded with one progress bar at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vaescope.study.examine import Examined


def load_run(path: Path) -> Examined:
    """Read a run folder without the bars of the library that reads its weights."""
    from transformers.utils import logging

    from vaescope.study.examine import Examined

    logging.disable_progress_bar()
    return Examined.load(path)
