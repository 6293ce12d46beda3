"""train: the training loop, from a configuration to a run folder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import torch
from accelerate import Accelerator

from vaescope.config import RunConfig
from vaescope.corpora.corpus import read_corpus
from vaescope.errors import UserError
from vaescope.model.kernels.allocator import keep_freed_memory
from vaescope.model.vae import TransformerVAE
from vaescope.runs.lock import one_at_a_time
from vaescope.runs.run_folder import RunFolder
from vaescope.training.interruption import Interruption
from vaescope.training.record import Record
from vaescope.training.task import prepare
from vaescope.training.trainer import Trainer

log = logging.getLogger("vaescope")

Progress = Callable[[int, int, str], None]
"""Called with the steps done, the steps in total, and a note."""

Assess = Callable[[TransformerVAE], dict[str, Any]]
"""Returns numbers by name that say how good a model is."""


def train(config: RunConfig, *, progress: Progress | None = None, assess: Assess | None = None) -> RunFolder:
    """Train the model of ``config`` in the folder ``config.out``; resume it where it was interrupted.

    A run that was killed resumes from its last checkpoint and gives, bit for bit on a CPU, the numbers that it would
    have given. A finished run is returned as it is; if its ``model/`` is gone, it is written again from the checkpoint.
    With more ``training.steps`` and a constant learning rate a finished run is continued.
    Under ``torchrun`` the processes share each step's texts. Ctrl-C and SIGTERM write a checkpoint first.

    Args:
        config: what to train.
        progress: called after every step.
        assess: called at every validation; what it returns becomes a line of kind ``assessment``.

    Raises:
        UserError: a configuration that cannot be met (the folder is then left as it was), a folder that holds something
            else or that another process works on, texts that have changed, a disk that is full, or a number that is
            not finite (the message names the step and the term; the last checkpoint is from before).
        Interrupted: Ctrl-C or SIGTERM; the message has the command that resumes.
    """
    keep_freed_memory()
    accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision="no")
    folder = RunFolder(config.out)
    folder.check(config)
    first = accelerator.is_main_process
    with Interruption(folder.path) as interruption, one_at_a_time(folder.path, wanted=first):
        finished = folder.exists and folder.is_done(config)
        if finished and (folder.model / "config.json").exists():
            _leave_as_it_is(folder, config)
            return folder
        task = prepare(config, folder, accelerator)
        trainer = Trainer(task, accelerator)
        record = Record(trainer, folder)
        record.open()
        if finished:
            _refuse_lost_weights(trainer, folder)
        for note in task.notes if first and trainer.step == 0 else []:
            log.warning("%s", note)
        _steps(trainer, record, interruption, (progress, assess))
        record.finish()
    return folder


def _steps(
    trainer: Trainer, record: Record, interruption: Interruption, calls: tuple[Progress | None, Assess | None]
) -> None:
    """Make the remaining steps, with logs, validations and checkpoints between them."""
    settings, first, note = trainer.settings, record.writes, ""
    progress, assess = calls
    record.snapshot()
    interruption.stepping = True
    while trainer.step < settings.steps and not trainer.over:
        trainer.advance()
        last = trainer.step == settings.steps
        logs = last or trainer.step % settings.log_every == 0
        saves = last or trainer.step % settings.save_every == 0
        if logs:
            note = _note(record.training(), trainer.objective.terms)
        if last or trainer.step % settings.validate_every == 0:
            line = record.validation(trainer.validate())
            found = assess(trainer.model) if assess is not None and first else {}
            record.assessment(found, line)
            trainer.look_at({**line, **found})
        saves = saves or trainer.over
        if saves:
            record.checkpoint()
        record.snapshot()
        if progress is not None and first:
            progress(trainer.step, settings.steps, note)
        # several processes agree only where they wait for each other anyway
        asked = interruption.number is not None
        if (logs or trainer.accelerator.num_processes == 1) and trainer.wants_to_stop(asked) and not last:
            if not saves:
                record.checkpoint()
            interruption.stop(f"stopped at step {trainer.step} of {settings.steps}, checkpoint written")
    interruption.stepping = False


def _leave_as_it_is(folder: RunFolder, config: RunConfig) -> None:
    """Report that a run is finished; if its data or base weights have moved, check them and record the new place."""
    if folder.move_base(config):
        log.warning("%s: the new place of its frozen weights is recorded", folder.path)
    if config.data != folder.config.data and config.data.path is not None:
        folder.move_data(config, read_corpus(config.data))
    log.warning("%s: this run is finished; remove the folder to train it again", folder.path)


def _refuse_lost_weights(trainer: Trainer, folder: RunFolder) -> None:
    """Refuse to rebuild ``model/`` if it held other weights than the checkpoint."""
    if not folder.checkpoint.exists():
        raise UserError(f"{folder.path}: model/ and checkpoint/ are gone; remove the folder to train it again")
    best = trainer.stopping.best_step
    if trainer.stopping.patience is not None and 0 < best != trainer.step:
        raise UserError(
            f"{folder.path}: model/ is gone, and the checkpoint holds step {trainer.step}, not the best step {best}; "
            "bring model/ back, or remove the folder to train it again"
        )
    log.warning("%s: model/ was gone; it is written again from the checkpoint", folder.path)


def _note(line: dict[str, Any], names: Iterable[str]) -> str:
    return "  ".join(f"{name} {line[name]:.2f}" for name in names)
