"""The file format of evidence: safetensors with the tensors by name, and the rest as JSON in the metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from vaescope.errors import UserError
from vaescope.reading import parse_json
from vaescope.writing import write_tensors

REQUIRED = ("posterior_mean", "posterior_std", "z", "log_p_x_z", "log_p_z", "log_q_z_x", "tokens")
PARTS = ("simulations", "experiments", "log_densities")
"""What a file may hold beyond the sweep; the names of a part begin with it and a dot."""
PRIORS = ("standard", "samples")


def write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors and metadata; the metadata of a safetensors file are strings, so values become JSON."""
    write_plain(path, tensors, metadata, {"prior": "samples" if "prior_z" in tensors else "standard"})


def write_plain(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any], strings: dict[str, str]) -> None:
    """Write tensors, metadata as JSON, and further metadata that are strings."""
    texts = {key: json.dumps(value) for key, value in metadata.items()} | strings
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tensors(path, _apart(tensors), texts)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return all tensors of a file, and the metadata without ``prior``.

    Raises:
        UserError: no such file, not a complete safetensors file, or one without a tensor of the sweep.
    """
    tensors, texts = read_plain(path)
    if "noise_std" in tensors and not bool(tensors.get("posterior_std", torch.zeros(1)).any()):
        sizes = ", ".join(f"{each:g}" for each in tensors["noise_std"].flatten().tolist())
        raise UserError(f"{path}: a code without noise has an infinite rate; give it noise with --noise ({sizes})")
    for name in REQUIRED:
        if name not in tensors:
            raise UserError(f"{path}: the tensor '{name}' is missing; required are {', '.join(REQUIRED)}")
    _check_prior(path, texts.pop("prior", None), "prior_z" in tensors)
    return tensors, {key: parsed(text) for key, text in texts.items()}


def read_plain(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return all tensors of a file, and its metadata as they are.

    Raises:
        UserError: no such file, or not a complete safetensors file.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file of draws; check the path")
    try:
        with safe_open(path, framework="pt") as file:
            texts = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: not a complete safetensors file ({reason}); write it again") from error
    return tensors, texts


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copy a tensor whose memory another name has too: a file of safetensors holds each by itself."""
    seen: set[int] = set()
    result = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        result[name] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return result


def is_part(name: str) -> bool:
    """Return whether a name belongs to what a file holds beyond the sweep.

    >>> is_part("simulations.z"), is_part("z")
    (True, False)
    """
    return name.partition(".")[0] in PARTS and "." in name


def _check_prior(path: Path, prior: str | None, has_samples: bool) -> None:
    if prior is not None and prior.strip('"') not in PRIORS:
        raise UserError(f"{path}: the metadata 'prior' is '{prior}'; expected one of {', '.join(PRIORS)}")
    if prior is not None and (prior.strip('"') == "samples") != has_samples:
        found = "present" if has_samples else "missing"
        raise UserError(f"{path}: the metadata 'prior' is '{prior}', but the tensor 'prior_z' is {found}")


def parsed(text: str) -> Any:
    """Return a value of the metadata, or its beginning if it is not JSON."""
    try:
        return parse_json(text)
    except ValueError:
        return text[:1000]
