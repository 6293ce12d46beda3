"""train: the one loop, from a configuration to a run folder."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator

from vaescope.config import RunConfig
from vaescope.model.kernels.memory import keep_freed_memory
from vaescope.model.vae import TransformerVAE
from vaescope.runs.files import write_json
from vaescope.runs.run_folder import RunFolder
from vaescope.training.trainer import Trainer

log = logging.getLogger("vaescope")

Progress = Callable[[int, int, str], None]
"""Told the steps done, the steps in all, and a note."""


def train(
    config: RunConfig,
    *,
    progress: Progress | None = None,
    on_validation: Callable[[dict[str, Any]], None] | None = None,
    examine: Callable[[TransformerVAE], dict[str, Any]] | None = None,
) -> RunFolder:
    """Train the model of ``config`` in the folder ``config.out``; resume it where it was interrupted.

    A run that was killed goes on from its last checkpoint and gives, bit for bit on a CPU, the numbers that it would
    have given; a finished run is returned as it is. Under ``torchrun`` the processes share each step's texts.
    ``on_validation`` is given every validation line of ``metrics.jsonl`` when it is written; what ``examine`` then says
    of the model becomes a line of kind ``assessment``.

    Raises:
        UserError: a configuration that cannot be met, a folder that holds another run, or a number that is not finite
            (the message names the step and the term; the last checkpoint is from before).
    """
    keep_freed_memory()
    accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision="no")
    folder = RunFolder(config.out)
    with accelerator.main_process_first():
        folder.open(config)
    if folder.status.get("finished"):
        log.warning("%s: this run is finished; remove the folder to train it again", folder.path)
        return folder
    trainer = Trainer(config, folder, accelerator)
    trainer.restore()
    settings, note = config.training, ""
    trainer.snapshot()
    while trainer.step < settings.steps and not trainer.stopping.over:
        trainer.advance()
        last = trainer.step == settings.steps
        if last or trainer.step % settings.log_every == 0:
            note = _note(trainer.log(), trainer.objective.terms)
        if last or trainer.step % settings.validate_every == 0:
            line = trainer.validate()
            found = examine(trainer.model) if examine is not None and accelerator.is_main_process else {}
            trainer.note(found, line)
            if on_validation is not None:
                on_validation(line)
        if last or trainer.step % settings.save_every == 0:
            trainer.save()
        trainer.snapshot()
        if progress is not None and accelerator.is_main_process:
            progress(trainer.step, settings.steps, note)
    status = trainer.finish()
    if accelerator.is_main_process:
        write_json(folder.path / "status.json", status)
    accelerator.wait_for_everyone()
    return folder


def _note(line: dict[str, Any], names: Any) -> str:
    return "  ".join(f"{name} {line[name]:.2f}" for name in names)
