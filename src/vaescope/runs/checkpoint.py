"""Checkpoint: everything that training needs to resume as if it had never stopped."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from vaescope.errors import UserError
from vaescope.model.checkpoints.strict import check_weights
from vaescope.runs.checksums import verify_checksums, write_checksums
from vaescope.writing import recover, whole_folder

WEIGHTS, STATE = "model.safetensors", "state.pt"
FIX = "remove this folder to start again"

_DIGESTS: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()
"""Digests of frozen weights, which do not change during a process."""


def save_checkpoint(path: Path, model: nn.Module, state: dict[str, Any]) -> None:
    """Write the trained weights, ``state`` (optimiser, multipliers, step) and their checksums as one complete folder.

    The configuration rebuilds frozen weights, so only their digest is written. Randomness is a function of the seed and
    the step, so no generator state is needed.

    Raises:
        UserError: the disk is full or not writable; the last checkpoint still exists.
    """
    with whole_folder(path) as folder:
        tensors = {name: value.detach().contiguous() for name, value in trained_tensors(model).items()}
        save_file(tensors, folder / WEIGHTS)
        try:
            torch.save({**state, "frozen": frozen_digest(model)}, folder / STATE)
        except RuntimeError as error:
            # torch hides the reason that the system gives
            if not re.search("inline_container|PytorchStreamWriter", str(error)):
                raise
            message = f"{path / STATE}: cannot be written whole; make room on the disk and run the command again"
            raise UserError(message) from error
        write_checksums(folder)


def load_checkpoint(path: Path, model: nn.Module) -> dict[str, Any] | None:
    """Load the weights into ``model`` and return the state, or None if there is no checkpoint.

    Raises:
        UserError: a file is damaged or missing, the weights are not those of this model (the message names the tensor),
            or the frozen weights are not those that the run was trained with.
    """
    recover(path)
    if not path.exists():
        return None
    verify_checksums(path, fix=FIX)
    if not (path / STATE).exists() or not (path / WEIGHTS).exists():
        raise UserError(f"{path}: not a whole checkpoint (no {STATE} or {WEIGHTS}); {FIX}")
    try:
        check_weights(path / WEIGHTS, model, needed=trained_tensors(model))
        model.load_state_dict(load_file(path / WEIGHTS), strict=False)
        state = torch.load(path / STATE, map_location="cpu", weights_only=True)
    except UserError as error:
        raise UserError(f"{error}; {FIX}") from error
    except Exception as error:
        # an unpickler can raise almost any error on a damaged file
        raise UserError(f"{path / STATE}: the checkpoint cannot be read (damaged, or not plain data); {FIX}") from error
    if not isinstance(state, dict) or not isinstance(state.get("step"), int):
        raise UserError(f"{path / STATE}: not the state of a training; {FIX}")
    # a checkpoint without a digest holds all weights, including the frozen ones
    if "frozen" in state and state["frozen"] != frozen_digest(model):
        raise UserError(
            f"{path}: the frozen weights are not those that this run was trained with; give model.encoder, "
            "model.decoder and model.init_from as they were, or remove the checkpoint to start again"
        )
    return state


def frozen_digest(model: nn.Module) -> str:
    """Return a hash of the parameters that are not trained."""
    if model not in _DIGESTS:
        found = hashlib.sha256()
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                found.update(f"{name} {parameter.dtype} {list(parameter.shape)}".encode())
                found.update(parameter.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
        _DIGESTS[model] = found.hexdigest()
    return _DIGESTS[model]


def trained_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return the trained parameters, each under one name, and the buffers that belong to a model."""
    trained: dict[str, Tensor] = {name: p for name, p in model.named_parameters() if p.requires_grad}
    parameters = {name for names in _names(model).values() for name in names}
    buffers = {name: value for name, value in model.state_dict().items() if name not in parameters}
    return trained | buffers


def _names(model: nn.Module) -> dict[int, set[str]]:
    """All names of each parameter, by its identity: a tied one has several."""
    names: dict[int, set[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), set()).add(name)
    return names
