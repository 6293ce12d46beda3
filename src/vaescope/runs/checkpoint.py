"""Checkpoint: all that training needs to resume as if it had never stopped."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from vaescope.errors import UserError
from vaescope.runs.files import recover, whole_folder

_DIGESTS: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()
"""Digests of frozen weights, which do not change in a process."""


def save_checkpoint(path: Path, model: nn.Module, state: dict[str, Any]) -> None:
    """Write the trained weights (safetensors) and ``state`` (optimiser, multipliers, step) as a whole folder or none.

    Frozen weights are those that the configuration builds, so only their digest is written. Randomness is a function of
    the seed and the step (``seed_everything``), so no generator state belongs to it.
    """
    with whole_folder(path) as folder:
        tensors = {name: value.detach().contiguous() for name, value in trained_tensors(model).items()}
        save_file(tensors, folder / "model.safetensors")
        torch.save({**state, "frozen": frozen_digest(model)}, folder / "state.pt")


def load_checkpoint(path: Path, model: nn.Module) -> dict[str, Any] | None:
    """Load the weights into ``model`` and return the state, or None where there is no checkpoint.

    Raises:
        UserError: the files are damaged, or the frozen weights are not those that the run was trained with.
    """
    recover(path)
    if not path.exists():
        return None
    try:
        tensors = load_file(path / "model.safetensors")
        names = _names(model)
        absent = [name for name, t in trained_tensors(model).items() if not names.get(id(t), {name}) & tensors.keys()]
        unexpected = sorted(tensors.keys() - model.state_dict().keys())
        if absent or unexpected:
            raise ValueError(f"it lacks {absent[:3]} and has {unexpected[:3]}")
        model.load_state_dict(tensors, strict=False)
        state: dict[str, Any] = torch.load(path / "state.pt", map_location="cpu", weights_only=True)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: the checkpoint cannot be read ({reason}); remove it to start anew") from error
    # a checkpoint without a digest holds all weights, the frozen ones too
    if "frozen" in state and state["frozen"] != frozen_digest(model):
        raise UserError(
            f"{path}: the frozen weights are not those that this run was trained with; give model.encoder, "
            "model.decoder and model.init_from as they were, or remove the checkpoint to start anew"
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
