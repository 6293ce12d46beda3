"""The place of the base weights of a run, which its model folders name in place of holding them."""

from __future__ import annotations

from pathlib import Path

from vaescope.config import RunConfig
from vaescope.model.adapt import FROZEN
from vaescope.model.checkpoints.base_weights import move_base, read_base

SIDES = ("encoder", "decoder")


def movable(config: RunConfig) -> list[str]:
    """Return the keys that name checkpoints with frozen weights: digests decide whether these are the same.

    The run has its own copy of the tokenizer, so ``tokenizer.path`` may go with the decoder.
    """
    model = config.model
    frozen = set(FROZEN[model.freeze]) | ({"decoder"} if model.lora is not None else set())
    keys = [f"model.{side}" for side in SIDES if side in frozen and isinstance(getattr(model, side), str)]
    return keys + ["tokenizer.path"] * ("model.decoder" in keys and config.tokenizer.path == model.decoder)


def moved_sides(old: RunConfig, new: RunConfig) -> dict[str, str]:
    """Return the new checkpoint of each side whose name differs between two configurations of a run."""
    pairs = {side: (getattr(old.model, side), getattr(new.model, side)) for side in SIDES}
    return {side: after for side, (before, after) in pairs.items() if before != after and isinstance(after, str)}


def record_move(run: Path, sides: dict[str, str]) -> None:
    """Write the new place of base weights into every model folder of a run that names them.

    Raises:
        UserError: they are not there, or are other weights.
    """
    for folder in [run / "model", *sorted(run.glob("pareto/step-*"))]:
        for side in sides.keys() & read_base(folder).keys():
            move_base(folder, side, sides[side])
