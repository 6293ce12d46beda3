"""Trackers: services that show the numbers of a running training, in addition to metrics.jsonl."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Protocol

from vaescope.errors import UserError


class Tracker(Protocol):
    """Receives numbers by name at each step."""

    def log(self, values: dict[str, float], step: int) -> None:
        """Show the values of a step."""

    def close(self) -> None:
        """Write pending values."""


class NoTracker:
    """Shows nothing."""

    def log(self, values: dict[str, float], step: int) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class TensorBoard:
    """Event files in ``tensorboard/`` of the run; events after ``step`` are purged."""

    def __init__(self, folder: Path, config: dict[str, Any], step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=step)

    def log(self, values: dict[str, float], step: int) -> None:
        """Write scalars."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write pending values."""
        self._writer.close()


class WeightsAndBiases:
    """A W&B run named after the folder, resumed by the same folder."""

    def __init__(self, folder: Path, config: dict[str, Any], step: int) -> None:
        try:
            import wandb
        except ImportError as error:
            raise UserError("training.tracker=wandb needs the package: pip install 'vaescope[wandb]'") from error
        identity = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
        self._run = wandb.init(
            project="vaescope", name=folder.name, id=identity, dir=str(folder), config=config, resume="allow"
        )

    def log(self, values: dict[str, float], step: int) -> None:
        """Send scalars."""
        self._run.log(values, step=step)

    def close(self) -> None:
        """Send pending values."""
        self._run.finish()


def build_tracker(name: str, folder: Path, config: dict[str, Any], step: int) -> Tracker:
    """Return the tracker ``tensorboard``, ``wandb`` or ``none`` for a run that starts or resumes at ``step``."""
    if name == "none":
        return NoTracker()
    if name == "wandb":
        return WeightsAndBiases(folder, config, step)
    return TensorBoard(folder, config, step)
