"""Stages: a sequence of runs, each starting from the weights of an earlier one.

A recipe for a strong decoder is such a sequence: a language model, then an encoder for the frozen decoder, then both
together under a constraint, then a prior that is fitted to q(z). Several stages can start from the same one, so that
several targets or objectives share it.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from vaescope.config import TrainingConfig
from vaescope.config.section import Section
from vaescope.errors import UserError, unknown
from vaescope.model.checkpoints.warm_start import PARTS
from vaescope.study.exit_rule import check_exit_rule
from vaescope.yaml_file import set_key

if TYPE_CHECKING:
    from pathlib import Path


class Stage(Section):
    """One run of the sequence: its changes to what is shared, the origin of its weights, and its exit rule."""

    after: str | None = Field(None, description="the stage whose weights this one starts from")
    take: list[str] = Field(
        default=list(PARTS), min_length=1, description="the parts whose weights are taken: " + ", ".join(PARTS)
    )
    set: dict[str, Any] = Field(default_factory=dict, description="{KEY: value} of the configuration, KEY with dots")
    exit: dict[str, str] = Field(
        default_factory=dict, description='what its last validation must reach, for instance {distortion_saved: ">= 2"}'
    )
    refit: list[Literal["mixture", "aggregate", "flow"]] | None = Field(
        None, min_length=1, description="in place of training: fit a prior of these families to the stage before"
    )


def stage_settings(
    base: dict[str, Any], stages: dict[str, Stage], name: str, folders: dict[str, Path], source: str
) -> dict[str, Any]:
    """Return the configuration of a stage, before it is checked.

    Args:
        base: what all stages share.
        stages: all of them, in their order.
        name: the stage.
        folders: the run folder of each stage.
        source: the file, for messages.

    Raises:
        UserError: it starts from no earlier stage, takes a part that a model does not have, sets what the study sets,
            or has the folder of another stage.
    """
    stage, raw = stages[name], copy.deepcopy(base)
    _refuse_useless(stage, f"{source}: stage {name}")
    check_exit_rule(stage.exit, f"{source}: stage {name}: exit")
    if list(folders.values()).count(folders[name]) > 1:
        raise UserError(f"{source}: two stages have the folder {folders[name]}; give them other names")
    earlier = list(stages)[: list(stages).index(name)]
    if stage.after is not None and stage.after not in earlier:
        raise UserError(f"{source}: stage {name}: {unknown('earlier stage', stage.after, earlier)}")
    if stage.refit is not None and stage.after is not None:
        raw = stage_settings(base, stages, stage.after, folders, source)
    for key, value in stage.set.items():
        set_key(raw, key, copy.deepcopy(value))
    if stage.after is None or stage.refit is not None:
        return raw
    for part in stage.take:
        if part not in PARTS:
            raise UserError(f"{source}: stage {name}: {unknown('part of a model', part, PARTS)}")
    set_key(raw, "model.init_from", str(folders[stage.after]))
    set_key(raw, "model.init_parts", stage.take)
    if "training.first_text" not in stage.set:
        # all runs of a seed shuffle the texts alike: from the first text on, each short stage would read the same ones
        set_key(raw, "training.first_text", _texts_read(base, stages, stage.after))
    return raw


def _refuse_useless(stage: Stage, where: str) -> None:
    """Refuse what would have no effect."""
    if stage.after is None and stage.take != list(PARTS):
        raise UserError(f"{where}: take has no effect without after; name the stage whose weights are taken")
    for key in stage.set:
        if key.split(".")[0] in ("seed", "out"):
            raise UserError(f"{where}: set: {key} is set by the study; give it seeds=[...] or out=FOLDER")
        if stage.refit is not None and key.split(".")[0] != "assessment":
            raise UserError(f"{where}: set: {key} has no effect on a refit, which trains nothing; leave it out")
    if stage.refit is None:
        return
    if stage.after is None:
        raise UserError(f"{where}: refit needs after, the stage whose prior is fitted again")
    for given, useless in (("exit", bool(stage.exit)), ("take", stage.take != list(PARTS))):
        if useless:
            raise UserError(f"{where}: {given} has no effect on a refit, which trains nothing; leave it out")


def _texts_read(base: dict[str, Any], stages: dict[str, Stage], name: str | None) -> int:
    """How many texts a stage and those before it read, counted in whole steps."""
    texts = 0
    while name is not None:
        settings = [stages[name].set.get(f"training.{key}") for key in ("steps", "batch_size")]
        shared, defaults = base.get("training") or {}, TrainingConfig()
        steps, batch_size = (
            shared.get(key, getattr(defaults, key)) if value is None else value
            for key, value in zip(("steps", "batch_size"), settings, strict=True)
        )
        texts += int(steps) * int(batch_size)
        name = stages[name].after
    return texts
