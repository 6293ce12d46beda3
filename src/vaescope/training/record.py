"""Record: writes logs, checkpoints and models of a training to its run folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from vaescope.errors import UserError
from vaescope.runs.checkpoint import load_checkpoint, save_checkpoint
from vaescope.runs.run_folder import ALL_STEPS, RunFolder
from vaescope.runs.snapshots import take_snapshot
from vaescope.training.keeper import build_keeper
from vaescope.training.trackers import NoTracker, Tracker, build_tracker
from vaescope.training.trainer import Trainer
from vaescope.writing import write_json

log = logging.getLogger("vaescope")


class Record:
    """Log lines, checkpoints, snapshots and models of a training; only the first process writes.

    The keeper of models on the Pareto front becomes a part of the trainer, so that checkpoints hold it.
    """

    def __init__(self, trainer: Trainer, folder: RunFolder) -> None:
        self.trainer, self.folder = trainer, folder
        self.writes = trainer.accelerator.is_main_process
        config = trainer.task.config
        self.keeper = build_keeper(
            config.training.keep,
            trainer.objective,
            folder.path,
            latent=not config.is_language_model,
            save=self.save_model,
        )
        trainer.parts["keeper"] = self.keeper
        self.tracker: Tracker = NoTracker()
        self.since = time.perf_counter()

    def open(self) -> None:
        """Create the run folder, or restore its checkpoint and delete log lines after it."""
        trainer, task = self.trainer, self.trainer.task
        state = load_checkpoint(self.folder.checkpoint, trainer.model) if self.folder.exists else None
        if state is not None:
            trainer.restore(state)
            log.info("%s: resumed at step %d", self.folder.path, trainer.step)
        trainer.accelerator.wait_for_everyone()
        if self.writes:
            self.folder.claim(task.config, task.corpus, task.tokenizer, step=trainer.step)
            self.folder.cut_metrics(trainer.step)
            self.keeper.checkpointed()
            dump = task.config.model_dump(mode="json")
            self.tracker = build_tracker(task.config.training.tracker, self.folder.path, dump, trainer.step)
        self.since = time.perf_counter()

    def training(self) -> dict[str, Any]:
        """Write a line with the means since the previous one, and return it."""
        trainer = self.trainer
        steps = trainer.meter.count
        trainer.meter.check()
        values = trainer.meter.read()
        now = time.perf_counter()
        # the clock may be too coarse
        seconds, self.since = max(now - self.since, 1e-9), now
        tokens, texts = values.pop("tokens") * steps, trainer.settings.batch_size * steps
        line = {
            **self._head("train"),
            **values,
            "weights": trainer.objective.weights(trainer.step - 1),
            "multipliers": {name: value.item() for name, value in trainer.objective.multipliers.items()},
            "learning_rate": trainer.learning_rate(trainer.step - 1),
            "texts_per_second": texts / seconds,
            "tokens_per_second": tokens / seconds,
            **trainer.encoder_steps.line(),
        }
        self._write(line)
        return line

    def validation(self, values: dict[str, float]) -> dict[str, Any]:
        """Write a validation and return the line; with patience, save the model if it is the best so far."""
        trainer, stopping = self.trainer, self.trainer.stopping
        improved = stopping.improved(trainer.step, values["objective"], met=trainer.objective.met(values))
        if improved and stopping.patience is not None:
            self.save_model()
        line = {**self._head("validation"), **values, "best_step": stopping.best_step}
        self._write(line)
        return line

    def assessment(self, found: Mapping[str, Any], validation: Mapping[str, Any]) -> None:
        """Write the assessment of this step; keep the model if it is on the front."""
        if found:
            self._write({**self._head("assessment"), **found})
        if self.writes:
            unmet = self.trainer.objective.unmet(dict(validation))
            self.keeper.offer(self.trainer.step, {**validation, **found}, unmet)

    def snapshot(self) -> None:
        """Save q(z|x) of the validation texts, if the step is one of those chosen for it."""
        trainer, task = self.trainer, self.trainer.task
        if trainer.step in task.config.training.snapshots and self.writes:
            trainer.meter.check()
            take_snapshot(trainer.model, task.valid, step=trainer.step, seed=task.config.seed).save(self.folder.path)

    def checkpoint(self) -> None:
        """Write the checkpoint; never one with a number that is not finite."""
        state = self.trainer.state()
        if self.writes:
            save_checkpoint(self.folder.checkpoint, self.trainer.model, state)
            self.keeper.checkpointed()
        self.trainer.accelerator.wait_for_everyone()

    def finish(self) -> None:
        """Write the weights, unless the best ones are already written, and ``status.json``, which describes them."""
        trainer, stopping = self.trainer, self.trainer.stopping
        best = stopping.patience is not None and stopping.best_step > 0
        if not best or not (self.folder.model / "config.json").exists():
            self.save_model()
        self.tracker.close()
        if self.writes:
            self.keeper.checkpointed()
            step = stopping.best_step if best else trainer.step
            status = {
                "finished": True,
                "step": trainer.step,
                "reason": self._reason(),
                "weights": f"best validation objective, step {step}" if best else f"last, step {step}",
                "warnings": self._warnings(step),
            }
            write_json(self.folder.path / "status.json", status)
        trainer.accelerator.wait_for_everyone()

    def _reason(self) -> str:
        """Return why the training ended."""
        if self.trainer.goal.reached:
            return "goal reached: " + ", ".join(f"{k} {v}" for k, v in self.trainer.goal.conditions.items())
        return "no improvement" if self.trainer.stopping.over else ALL_STEPS

    def _warnings(self, step: int) -> list[str]:
        """Return the warnings of the validation at the step of the saved weights."""
        lines = [line for line in self.folder.metrics("validation") if line["step"] == step]
        try:
            found = self.trainer.objective.unmet(lines[-1]) if lines else []
        except KeyError as error:
            place = f"{self.folder.metrics_file}: the validation of step {step}"
            raise UserError(f"{place} has no {error}; remove the folder to train again") from error
        for warning in found:
            log.warning("%s: %s", self.folder.path, warning)
        return found

    def save_model(self, name: str = "model") -> None:
        """Write the model, as it is now, to a folder of the run."""
        if self.writes:
            self.folder.save_model(self.trainer.model, self.trainer.task.tokenizer, name)

    def _head(self, kind: str) -> dict[str, Any]:
        step = self.trainer.step
        return {"kind": kind, "step": step, "epoch": step / self.trainer.task.batches.steps_per_epoch}

    def _write(self, line: dict[str, Any]) -> None:
        if self.writes:
            self.folder.log(line)
            scalars = {k: v for k, v in line.items() if isinstance(v, float)}
            for group in ("weights", "multipliers"):
                scalars |= {f"{group}/{k}": v for k, v in line.get(group, {}).items()}
            self.tracker.log({f"{line['kind']}/{k}": v for k, v in scalars.items()}, self.trainer.step)
