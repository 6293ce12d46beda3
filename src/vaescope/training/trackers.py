"""Trackers: services that show the numbers of a running training, in addition to metrics.jsonl."""

from __future__ import annotations

import hashlib
import re
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
        self._run = wandb.init(
            project="vaescope", name=folder.name, id=_identity(folder), dir=str(folder), config=config, resume="allow"
        )

    def log(self, values: dict[str, float], step: int) -> None:
        """Send scalars."""
        self._run.log(values, step=step)

    def close(self) -> None:
        """Send pending values."""
        self._run.finish()


class MLflow:
    """An MLflow run named after the folder, in the experiment ``vaescope``, resumed by the same folder.

    Where it is kept is MLflow's own setting (``MLFLOW_TRACKING_URI``).
    """

    def __init__(self, folder: Path, config: dict[str, Any], step: int) -> None:
        try:
            from mlflow import MlflowClient
        except ImportError as error:
            raise UserError("training.tracker=mlflow needs the package: pip install 'vaescope[mlflow]'") from error
        self._client = MlflowClient()
        known = self._client.get_experiment_by_name("vaescope")
        experiment = self._client.create_experiment("vaescope") if known is None else known.experiment_id
        tag = {"vaescope.folder": _identity(folder)}
        found = self._client.search_runs([experiment], f"tags.`vaescope.folder` = '{_identity(folder)}'", max_results=1)
        if found:
            self._run = found[0].info.run_id
            self._client.update_run(self._run, status="RUNNING")
            return
        self._run = self._client.create_run(experiment, tags=tag, run_name=folder.name).info.run_id
        for name, value in _flat(config).items():
            self._client.log_param(self._run, name, str(value)[:LONGEST])

    def log(self, values: dict[str, float], step: int) -> None:
        """Send scalars."""
        for name, value in values.items():
            self._client.log_metric(self._run, _allowed(name), value, step=step)

    def close(self) -> None:
        """Mark the run as finished."""
        self._client.set_terminated(self._run)


LONGEST = 500
"""Letters of a setting that MLflow keeps in every kind of store."""


def _allowed(name: str) -> str:
    """Replace letters that MLflow refuses in a name.

    >>> _allowed("multiplier/rate>=")
    'multiplier/rate__'
    """
    return re.sub(r"[^\w/ .-]", "_", name)


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the settings by dotted names.

    >>> _flat({"training": {"steps": 2}, "seed": 0})
    {'training.steps': 2, 'seed': 0}
    """
    found: dict[str, Any] = {}
    for name, value in config.items():
        inner = isinstance(value, dict) and bool(value)
        found |= _flat(value, f"{prefix}{_allowed(str(name))}.") if inner else {f"{prefix}{_allowed(str(name))}": value}
    return found


def _identity(folder: Path) -> str:
    """Return a name of a folder that is the same whenever it is opened."""
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]


def build_tracker(name: str, folder: Path, config: dict[str, Any], step: int) -> Tracker:
    """Return the tracker ``tensorboard``, ``wandb``, ``mlflow`` or ``none`` for a run from ``step`` on."""
    if name == "none":
        return NoTracker()
    if name == "wandb":
        return WeightsAndBiases(folder, config, step)
    if name == "mlflow":
        return MLflow(folder, config, step)
    return TensorBoard(folder, config, step)
