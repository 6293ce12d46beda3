"""The file format of Draws: safetensors with the tensors by name and metadata of strings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from vaescope.errors import UserError
from vaescope.reading import parse_json
from vaescope.writing import write_tensors

REQUIRED = ("posterior_mean", "posterior_std", "z", "log_p_x_z", "log_p_z", "log_q_z_x", "tokens")
OPTIONAL = (
    "words",
    "bytes",
    "prior_z",
    "log_p_x_z_shuffled",
    "shuffled_from",
    "log_p_x_z_prior",
    "log_weights_adapted",
    "log_q_x",
    "text_id",
)
PRIORS = ("standard", "samples")


def write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors and metadata; the metadata of a safetensors file are strings, so values become JSON."""
    texts = {key: json.dumps(value) for key, value in metadata.items()}
    texts["prior"] = "samples" if "prior_z" in tensors else "standard"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tensors(path, tensors, texts)


def read(path: Path, also: Iterable[str] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the tensors that Draws has and those of the names ``also``, and the metadata without ``prior``."""
    if not path.is_file():
        raise UserError(f"{path}: no such file of draws; check the path")
    try:
        with safe_open(path, framework="pt") as file:
            texts = dict(file.metadata() or {})
            wanted = (*REQUIRED, *OPTIONAL, *also)
            tensors = {name: file.get_tensor(name) for name in file.keys() if name in wanted}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: not a complete safetensors file ({reason}); write it again") from error
    for name in REQUIRED:
        if name not in tensors:
            raise UserError(f"{path}: the tensor '{name}' is missing; required are {', '.join(REQUIRED)}")
    _check_prior(path, texts.pop("prior", None), "prior_z" in tensors)
    return tensors, {key: _parsed(text) for key, text in texts.items()}


def _check_prior(path: Path, prior: str | None, has_samples: bool) -> None:
    if prior is not None and prior.strip('"') not in PRIORS:
        raise UserError(f"{path}: the metadata 'prior' is '{prior}'; expected one of {', '.join(PRIORS)}")
    if prior is not None and (prior.strip('"') == "samples") != has_samples:
        found = "present" if has_samples else "missing"
        raise UserError(f"{path}: the metadata 'prior' is '{prior}', but the tensor 'prior_z' is {found}")


def _parsed(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        return text[:1000]
