"""Strict loading: weights must match the model's configuration; an error names those that do not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from vaescope.errors import UserError, one_line

SHOWN = 3
"""How many names an error lists."""

FLOATS = ("F16", "BF16", "F32", "F64")
"""Types of tensors in safetensors that hold weights."""


def load_strictly(load: Callable[..., Any], source: str, cls: type[PreTrainedModel], **options: Any) -> Any:
    """Call ``load``, the ``from_pretrained`` of ``cls``, and refuse weights that transformers would replace by random
    numbers.

    Raises:
        UserError: the configuration is one of another class, a file is damaged, or a tensor is missing, unknown, of
            another shape, of integers, or not finite; the message names it.
    """
    wants_info = options.pop("output_loading_info", False)
    check_class(source, cls, options)
    files = sorted(Path(source).glob("*.safetensors"))
    if Path(source).is_dir() and not files:
        raise UserError(f"{source}: no weights (model.safetensors); save or copy the model again")
    for file in files:
        _checked_shapes(file, None)
    options |= {"use_safetensors": True, "ignore_mismatched_sizes": True, "output_loading_info": True}
    try:
        with _quiet():
            model, info = load(source, **options)
    except UserError as error:
        raise UserError(f"{source}: config.json describes no model that can be made: {error}") from error
    except (OSError, SafetensorError, RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
        reason = f"{type(error).__name__}: {one_line(str(error))[:150]}"
        raise UserError(f"{source}: the model cannot be read from config.json and its weights ({reason})") from error
    mismatch = described(
        missing=info["missing_keys"],
        unknown=info["unexpected_keys"],
        shapes=[
            f"{name} {list(given)} where {list(wanted)} is needed" for name, given, wanted in info["mismatched_keys"]
        ],
    )
    if mismatch:
        raise UserError(f"{source}: the weights are not those of the model in config.json: {mismatch}")
    for name, tensor in model.state_dict().items():
        _refuse_not_finite(source, name, tensor)
    return (model, info) if wants_info else model


def check_weights(file: Path, model: nn.Module, needed: Iterable[str] | None = None) -> None:
    """Check that a file of safetensors holds the parameters and buffers of ``model``, no others, of its shapes.

    Of tied weights, which share their memory, the file needs only one.

    Args:
        file: the file.
        model: the model.
        needed: names that must be there; by default all.

    Raises:
        UserError: the file is not a complete safetensors file, or a tensor is missing, unknown, of another shape, of
            integers, or not finite; the message names the tensor.
    """
    wanted = model.state_dict()
    given = _checked_shapes(file, wanted)
    wanted_names = set(wanted if needed is None else needed)
    aliases: dict[Any, list[str]] = defaultdict(list)
    for name, tensor in wanted.items():
        aliases[tensor.data_ptr(), tensor.shape, tensor.stride()].append(name)
    mismatch = described(
        missing=[n[0] for n in aliases.values() if wanted_names & set(n) and not given.keys() & set(n)],
        unknown=given.keys() - wanted.keys(),
        shapes=[
            f"{name} {shape} where {list(wanted[name].shape)} is needed"
            for name, shape in given.items()
            if name in wanted and shape != list(wanted[name].shape)
        ],
    )
    if mismatch:
        raise UserError(f"{file}: not the weights of this model: {mismatch}")


def _checked_shapes(file: Path, wanted: dict[str, Tensor] | None) -> dict[str, list[int]]:
    """Return the shape of each tensor of a file, and check the values of the ``wanted`` ones (None: all)."""
    shapes = {}
    try:
        with safe_open(str(file), framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - a safe_open is not a mapping
                part = tensors.get_slice(name)
                shapes[name] = list(part.get_shape())
                if wanted is not None and (name not in wanted or not wanted[name].is_floating_point()):
                    continue
                if part.get_dtype() not in FLOATS and (wanted is not None or not _is_index(name)):
                    raise UserError(f"{file}: {name} holds {part.get_dtype()}, not floating-point numbers")
                if wanted is not None:
                    _refuse_not_finite(file, name, tensors.get_tensor(name))
    except UserError:
        raise
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{file}: not a whole safetensors file ({' '.join(str(error).split())[:100]})") from error
    return shapes


def _is_index(name: str) -> bool:
    """Return whether a tensor of integers belongs in a model: positions, types and masks, never weights."""
    return name.rsplit(".", 1)[-1] not in ("weight", "bias")


def _refuse_not_finite(place: Path | str, name: str, tensor: Tensor) -> None:
    if tensor.is_floating_point() and not tensor.isfinite().all():
        raise UserError(f"{place}: {name} has a value that is not finite")


def check_class(source: str, cls: type[PreTrainedModel], options: dict[str, Any]) -> None:
    """Check that ``config.json`` of a folder or hub name is of a class of models.

    Raises:
        UserError: there is none, it is damaged, or it is of another class.
    """
    wanted = getattr(cls.config_class, "model_type", "")
    try:
        found = PreTrainedConfig.get_config_dict(source, **options)[0]
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        reason = one_line(str(error))[:150]
        raise UserError(f"{source}: no model here: config.json cannot be read ({reason})") from error
    if not isinstance(found, dict):
        raise UserError(f"{source}: config.json is damaged (no JSON object); bring it back, or train again")
    if found.get("model_type") != wanted:
        raise UserError(f"{source}: config.json is of model_type '{found.get('model_type')}', not of '{wanted}'")


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the warnings of transformers about weights that do not fit; they raise an error instead."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def differences(wanted: dict[str, Tensor], given: dict[str, Tensor]) -> str:
    """Return in one line how named tensors differ: names missing, unknown, or of another shape; empty if they do not.

    >>> import torch
    >>> differences({"a": torch.zeros(2), "b": torch.zeros(1)}, {"a": torch.zeros(3), "c": torch.zeros(1)})
    'missing: b; unknown: c; of another shape: a [3] where [2] is needed'
    """
    shapes = [
        f"{name} {list(given[name].shape)} where {list(value.shape)} is needed"
        for name, value in wanted.items()
        if name in given and given[name].shape != value.shape
    ]
    return described(missing=wanted.keys() - given.keys(), unknown=given.keys() - wanted.keys(), shapes=shapes)


def described(*, missing: Iterable[str], unknown: Iterable[str], shapes: Iterable[Any]) -> str:
    """Return the names of tensors that do not fit in one line, the first few of each kind; empty without any."""
    groups = {"missing": sorted(missing), "unknown": sorted(unknown), "of another shape": sorted(map(str, shapes))}
    return "; ".join(f"{what}: {_shortened(names)}" for what, names in groups.items() if names)


def _shortened(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
