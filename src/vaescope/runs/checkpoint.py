"""Checkpoint: all that training needs to go on as if it had never stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model, save_model
from torch import nn

from vaescope.errors import UserError
from vaescope.runs.files import recover, whole_folder


def save_checkpoint(path: Path, model: nn.Module, state: dict[str, Any]) -> None:
    """Write the weights (safetensors) and ``state`` (optimiser, multipliers, step) as a whole folder or none.

    Randomness is a function of the seed and the step (``seed_everything``), so no generator state belongs
    to it.
    """
    with whole_folder(path) as folder:
        save_model(model, str(folder / "model.safetensors"))
        torch.save(state, folder / "state.pt")


def load_checkpoint(path: Path, model: nn.Module) -> dict[str, Any] | None:
    """Load the weights into ``model`` and return the state, or None where there is no checkpoint.

    Raises:
        UserError: the files are damaged.
    """
    recover(path)
    if not path.exists():
        return None
    try:
        load_model(model, str(path / "model.safetensors"))
        state: dict[str, Any] = torch.load(path / "state.pt", map_location="cpu", weights_only=True)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: the checkpoint cannot be read ({reason}); remove it to start anew") from error
    return state
