"""Records of tensors as flat names: ``experiments.inference.optimised`` for a field of a field, and back."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar

from torch import Tensor

from vaescope.errors import UserError, unknown

T = TypeVar("T")


def flatten(record: Any, prefix: str) -> dict[str, Any]:
    """Return the fields of a dataclass that are not None by their dotted names; fields that are records are opened.

    >>> import torch
    >>> from vaescope.evidence.encodings import Encodings
    >>> from vaescope.evidence.references import References
    >>> found = References(training=Encodings(torch.zeros(3, 2), torch.ones(3, 2)))
    >>> list(flatten(found, "references"))
    ['references.training.mean', 'references.training.std']
    """
    if isinstance(record, Mapping) and record and all(isinstance(value, Tensor) for value in record.values()):
        inside = dict(record)
    elif is_dataclass(record):
        inside = {f.name: getattr(record, f.name) for f in fields(record)}
    else:
        return {prefix: record}
    flat: dict[str, Any] = {}
    for name, value in inside.items():
        if value is not None and not (isinstance(value, Mapping) and not value):
            flat |= flatten(value, f"{prefix}.{name}")
    return flat


def restore(kind: type[T], flat: Mapping[str, Any], prefix: str) -> T:
    """Return the record of a kind whose fields have the names ``prefix.field``; the inverse of ``flatten``.

    Raises:
        UserError: a name that is no field of the kind, or a required field without a value. The message names it.
    """
    hints = typing.get_type_hints(kind)
    groups: dict[str, dict[str, Any]] = {}
    for name, value in flat.items():
        field, _, _ = name.removeprefix(f"{prefix}.").partition(".")
        if field not in hints:
            raise unknown(f"part of {prefix}", field, hints)
        groups.setdefault(field, {})[name] = value
    values = {field: _value(hints[field], group, f"{prefix}.{field}") for field, group in groups.items()}
    for f in fields(kind):  # type: ignore[arg-type]
        if f.name not in values and f.default is MISSING and f.default_factory is MISSING:
            raise UserError(f"'{prefix}.{f.name}' is missing; a file with parts of {prefix} needs it")
    return kind(**values)


def _value(hint: Any, group: dict[str, Any], name: str) -> Any:
    for part in typing.get_args(hint) or (hint,):
        if is_dataclass(part) and name not in group:
            return restore(typing.cast(type, part), group, name)
    if name in group:
        if len(group) > 1:
            raise UserError(f"'{name}': a value and parts of it at once; give one of them")
        return group[name]
    return {key.removeprefix(f"{name}."): value for key, value in group.items()}
