"""A run for the commands: trained and loaded with one progress bar at a time."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from vaescope.config import RunConfig
    from vaescope.examine.examined_run import Examined
    from vaescope.study.plan import Plan, PlannedRun

log = logging.getLogger("vaescope")


def train_run(config: RunConfig, *, title: str) -> None:
    """Train or resume a run, and show its progress."""
    from vaescope.cli.console import progress
    from vaescope.examine.assess_in_training import validation_assessment
    from vaescope.training.loop import train

    hide_other_bars()
    with progress(title) as meter:
        train(config, progress=meter, assess=validation_assessment(config))


def load_run(path: Path, checkpoint: str = "model") -> Examined:
    """Load a run folder, with its final model or a kept one."""
    from vaescope.examine.examined_run import Examined

    hide_other_bars()
    return Examined.load(path, checkpoint)


def read_texts(file: Path, column: str) -> list[str]:
    """Return the texts of one file, and log what the user should know about how they were read."""
    from vaescope.corpora.files import read_file
    from vaescope.corpora.rows import Columns

    rows = read_file(file, Columns(column))
    for note in rows.notes:
        log.warning("%s", note)
    return rows.texts


def hide_other_bars() -> None:
    """Turn off the bars that transformers shows while it reads and writes weights."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def carry_out(plan: Plan, run: PlannedRun) -> None:
    """Train a run unless it is, then assess it where it is not; of several processes the first assesses.

    Raises:
        UserError: among other mistakes, a stage that has missed its exit rule, whose assessment is written before, or
            one that starts from such a stage.
    """
    from vaescope.errors import UserError
    from vaescope.examine.save_assessment import splits_to_assess
    from vaescope.runs.lock import one_at_a_time
    from vaescope.study.exit_rule import missed_rule

    control = None if run.control is None else plan.folder(run.control)
    first = os.environ.get("RANK", "0") == "0"
    if run.after is not None and (missed := missed_rule(plan.named(run.after).exit, plan.folder(run.after), control)):
        raise UserError(missed)
    with one_at_a_time(run.config.out, wanted=first):
        config = _fit_prior(plan, run) if run.refit else _train(run)
        splits = splits_to_assess(config, control) if first else []
        if splits:
            _assess(config, splits, control)
        missed = missed_rule(run.exit, run.config.out, control)
    if missed:
        raise UserError(missed)


def _train(run: PlannedRun) -> RunConfig:
    """Train a run unless it is, and return its configuration."""
    from vaescope.runs.run_folder import RunFolder

    folder = RunFolder(run.config.out)
    folder.check(run.config)
    if not folder.is_done(run.config) or not (folder.model / "config.json").exists():
        train_run(run.config, title="train")
    return run.config


def _fit_prior(plan: Plan, run: PlannedRun) -> RunConfig:
    """Fit the prior of a stage unless it is, and return the configuration with that prior."""
    from vaescope.cli.console import progress
    from vaescope.runs.run_folder import RunFolder
    from vaescope.study.refit_stage import refit_is_there, refit_stage

    source = plan.folder(str(run.after))
    if not refit_is_there(run.config.out, source):
        with progress("encode") as meter:
            refit_stage(load_run(source), run.config.out, run.refit, meter)
    return RunFolder(run.config.out).config.model_copy(update={"assessment": run.config.assessment})


def _assess(config: RunConfig, splits: list[str], control: Path | None) -> None:
    """Assess a run on some splits."""
    from vaescope.cli.console import progress
    from vaescope.examine.save_assessment import assess_and_save

    compared = None if control is None else _load_control(control)
    loaded = load_run(config.out).with_config(config)
    for split in splits:
        with progress(f"assess {split}") as meter:
            _, written = assess_and_save(loaded, split, control=compared, progress=meter)
        typer.echo(f"written: {written}")


def _load_control(path: Path) -> Examined:
    from vaescope.errors import UserError

    try:
        return load_run(path)
    except UserError as error:
        raise UserError(f"{path.name}, the control of this run, is not trained: {error}") from error
