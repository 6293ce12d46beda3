"""A run for the commands: trained and loaded with one progress bar at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vaescope.config import RunConfig
    from vaescope.study.examine import Examined


def train_run(config: RunConfig, *, title: str) -> None:
    """Train a run, or go on with it, and show how far it is."""
    from vaescope.cli.console import progress
    from vaescope.study.evidence import validation_examiner
    from vaescope.training.loop import train

    hide_other_bars()
    with progress(title) as meter:
        train(config, progress=meter, examine=validation_examiner(config))


def load_run(path: Path, checkpoint: str = "model") -> Examined:
    """Read a run folder, with its final model or a kept one."""
    from vaescope.study.examine import Examined

    hide_other_bars()
    return Examined.load(path, checkpoint)


def hide_other_bars() -> None:
    """Turn off the bars that transformers shows while it reads and writes weights."""
    from transformers.utils import logging

    logging.disable_progress_bar()
