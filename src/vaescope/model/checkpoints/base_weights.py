"""Base weights: frozen weights of a checkpoint, which the folder of a model names in place of holding them."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors.torch import load_file
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel

from vaescope.checks import fits
from vaescope.errors import UserError
from vaescope.model import backbone
from vaescope.model.checkpoints.strict import check_class, check_weights
from vaescope.reading import read_json
from vaescope.writing import write_json

if TYPE_CHECKING:
    from collections.abc import Collection

    from vaescope.model.vae import TransformerVAE

FILE, WEIGHTS = "base.json", "model.safetensors"
ADAPTER = "lora_"
"""Parameters with this in their names are not of the checkpoint."""


@dataclass(frozen=True)
class Base:
    """The frozen weights of one side that are those of a checkpoint.

    Attributes:
        source: the folder (absolute), GGUF file or hub name of the checkpoint.
        digest: SHA-256 of the tensors, with their names and shapes.
        tensors: the names of the parameters, sorted.
    """

    source: str
    digest: str
    tensors: list[str]


def base_of(model: nn.Module, sources: dict[str, Any], changed: Collection[str]) -> dict[str, Base]:
    """Return the base of each side that is a checkpoint and has frozen weights of it.

    Args:
        model: the model, with what is frozen marked so.
        sources: the sides as the configuration gives them.
        changed: parameters that a warm start has given other values than the checkpoint's.
    """
    bases = {}
    for side, source in sources.items():
        names = sorted(
            name
            for name, parameter in model.named_parameters()
            if name.startswith(f"{side}.")
            and not parameter.requires_grad
            and ADAPTER not in name
            and name not in changed
        )
        if isinstance(source, str) and names:
            bases[side] = Base(_absolute(source), digest(model, names), names)
    return bases


def digest(model: nn.Module, names: Collection[str]) -> str:
    """Return a hash of some parameters in float32, with their names and shapes."""
    found, parameters = hashlib.sha256(), dict(model.named_parameters(remove_duplicate=False))
    for name in sorted(names):
        values = parameters[name].detach().cpu().float().contiguous()
        found.update(f"{name} {list(values.shape)}".encode())
        found.update(values.view(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def save_without_base(model: TransformerVAE, folder: Path) -> None:
    """Write a model without its base weights, and ``base.json``, which says where they are.

    Weights that have changed since are no base weights any more; then the folder is complete.
    """
    bases = {side: base for side, base in model.base.items() if digest(model, base.tensors) == base.digest}
    if not bases:
        model.save_pretrained(folder)
        return
    parameters = dict(model.named_parameters(remove_duplicate=False))
    known = {id(parameters[name]) for base in bases.values() for name in base.tensors}
    left_out = {name for name, parameter in parameters.items() if id(parameter) in known}
    kept = {name: value for name, value in model.state_dict().items() if name not in left_out}
    model.save_pretrained(folder, state_dict=kept)
    _write(folder, bases)


def load_with_base(
    cls: type[TransformerVAE],
    folder: Path,
    bases: dict[str, Base],
    *,
    dtype: torch.dtype | None = None,
    **options: Any,
) -> TransformerVAE:
    """Return the model of a folder that ``save_without_base`` wrote.

    Raises:
        UserError: the base weights are not where they were, or have changed, the weights in the folder do not fit, or
            an option that only a complete folder can take.
    """
    if options:
        raise UserError(
            f"{folder}: {', '.join(options)} needs a complete folder, with the frozen weights; make one by vaescope "
            "push RUN --to FOLDER"
        )
    check_class(str(folder), cls, {})
    config = cls.config_class.from_pretrained(folder)
    read = {"encoder": backbone.pretrained_encoder, "decoder": backbone.pretrained_decoder}
    sides: dict[str, PreTrainedModel] = {}
    for side, base in bases.items():
        side_config = cast(PreTrainedConfig, getattr(config, side))
        sides[side] = _read(read[side], side, base, side_config, folder)
    with torch.random.fork_rng(devices=[]):
        model = cls(config, **sides)
    for side, base in bases.items():
        if digest(model, base.tensors) != base.digest:
            raise UserError(
                f"{folder}: the weights of the {side} in {base.source} are not those that this model was trained with; "
                f"{_fix(folder, side)}"
            )
    parameters = dict(model.named_parameters(remove_duplicate=False))
    known = {id(parameters[name]) for base in bases.values() for name in base.tensors}
    needed = [name for name in model.state_dict() if name not in parameters or id(parameters[name]) not in known]
    check_weights(folder / WEIGHTS, model, needed=needed)
    model.load_state_dict(load_file(folder / WEIGHTS), strict=False)
    model.base = bases
    return _in_dtype(model, dtype).eval()


def read_base(folder: Path) -> dict[str, Base]:
    """Return the bases of a model folder by side; none where the folder is complete, or on the hub.

    Raises:
        UserError: the file is damaged.
    """
    file = folder / FILE
    if not file.is_file():
        return {}
    try:
        bases = {side: Base(**values) for side, values in read_json(file).items()}
        if not all(fits(asdict(base), dict[str, str | list[str]]) for base in bases.values()):
            raise ValueError("other values than are written")
        return bases
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{file}: damaged; bring it back, or train again") from error


def move_base(folder: Path, side: str, source: str) -> None:
    """Record a new place of the base weights of one side, after checking that they are the same.

    Raises:
        UserError: they are not there, or are other weights.
    """
    from vaescope.model.vae import TransformerVAE

    bases = read_base(folder)
    bases[side] = Base(_absolute(source), bases[side].digest, bases[side].tensors)
    load_with_base(TransformerVAE, folder, bases)
    _write(folder, bases)


def _in_dtype(model: TransformerVAE, dtype: torch.dtype | None) -> TransformerVAE:
    """Return a model in another type, but for the parts that stay in float32."""
    if dtype is None:
        return model
    kept = {name: copy.deepcopy(getattr(model, name)) for name in model._keep_in_fp32_modules_strict or ()}
    torch.nn.Module.to(model, dtype)
    for name, part in kept.items():
        setattr(model, name, part)
    return model


def _write(folder: Path, bases: dict[str, Base]) -> None:
    write_json(folder / FILE, {side: asdict(base) for side, base in bases.items()})


def _read(read: Any, side: str, base: Base, config: PreTrainedConfig, folder: Path) -> PreTrainedModel:
    try:
        return read(base.source, config)
    except Exception as error:  # folders that have moved, damaged files and the hub raise errors of many libraries
        reason = " ".join(str(error).split())[:150]
        raise UserError(
            f"{folder}: the frozen weights of the {side} are not in this folder but in {base.source}, from which they "
            f"cannot be read ({reason}); {_fix(folder, side)}"
        ) from error


def _fix(folder: Path, side: str) -> str:
    run = next((place for place in folder.parents if (place / "config.yaml").exists()), None)
    if run is None:
        return f"set their place in {folder / FILE}"
    return f"bring them back, or name their new place: vaescope train {run / 'config.yaml'} model.{side}=PLACE"


def _absolute(source: str) -> str:
    place = Path(source).expanduser()
    return str(place.absolute()) if place.exists() else source
