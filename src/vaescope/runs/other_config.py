"""Whether a run may be continued with another configuration than the one it was started with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vaescope.config import RunConfig
from vaescope.errors import UserError
from vaescope.runs.moved_base import movable

IGNORED = ("out", "assessment")
"""Sections that may differ when a run is resumed: they do not affect training."""

FREE = ("training.tracker", "training.log_every", "training.save_every")
"""Keys that may differ too: they affect what is written, not what is learnt."""

PLACES = ("data.path", "data.hub")
"""Keys that say where the texts are; digests decide whether they are the same texts."""


def refuse_difference(file: Path, old: RunConfig, new: RunConfig, *, moved: bool, step: int) -> None:
    """Refuse another configuration; the place of the data may differ if digests are recorded (``moved``)."""
    before, after = _flat(old.model_dump(mode="json")), _flat(new.model_dump(mode="json"))
    free: tuple[str, ...] = FREE
    if old.training.steps != new.training.steps:
        _refuse_steps(file, old, new, step)
        free = (*FREE, "training.steps", "training.warmup")
    for key in sorted(before.keys() | after.keys()):
        if key.split(".")[0] in IGNORED or key in free or before.get(key) == after.get(key):
            continue
        place = (moved and key in PLACES) or key in movable(old)
        if place and None not in (before.get(key), after.get(key)):
            continue
        raise UserError(
            f"{file}: this run has {key} = {before.get(key)!r}, not {after.get(key)!r}; "
            "give another out=FOLDER, or the old value to resume"
        )


def _refuse_steps(file: Path, old: RunConfig, new: RunConfig, step: int) -> None:
    """Refuse another number of steps, unless the learning rate of the remaining steps does not depend on it.

    That is so if the schedule is constant and both warm-ups are over.
    """
    was, wanted = old.training, new.training
    warm = max(round(settings.warmup * settings.steps) for settings in (was, wanted))
    if was.schedule == wanted.schedule == "constant" and step >= warm and wanted.steps >= step:
        return
    if was.schedule == wanted.schedule == "constant":
        need = (
            f"at least {step}"
            if wanted.steps < step
            else f"fewer, or training.warmup={step / wanted.steps:.2g} at most"
        )
        raise UserError(
            f"{file}: this run has made {step} steps, so training.steps={wanted.steps} is refused; give {need}"
        )
    raise UserError(
        f"{file}: this run has training.steps = {was.steps}, not {wanted.steps}; the learning rate is a function of it "
        f"(training.schedule={was.schedule}). Give another out=FOLDER, with model.init_from={file.parent} to start "
        "from these weights; a run with training.schedule=constant can be continued"
    )


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    return flat
