"""Specification: translate the objective of a configuration into terms and constraints."""

from __future__ import annotations

from typing import Any

from vaescope import choices
from vaescope.errors import UserError, unknown

Spec = dict[str, Any]
"""The arguments of ``Objective``: ``terms``, and where there are any ``constraints`` and ``encoder_steps``."""

Weight = float | dict[str, Any]
"""A number, or a schedule such as ``{schedule: linear, steps: 1000}``."""

KEYS = ("terms", "constraints", "encoder_steps")


def specification(objective: str | dict[str, Any]) -> Spec:
    """Return the terms and constraints of a preset's name, ``{preset: name, **options}`` or ``{terms: ...}``.

    Raises:
        UserError: an unknown preset, option or key (with the nearest known), or no terms.

    >>> specification("vae")
    {'terms': {'distortion': 1.0, 'rate': 1.0}}
    """
    options = {"preset": objective} if isinstance(objective, str) else dict(objective)
    if "preset" in options:
        name = options.pop("preset")
        if not isinstance(name, str):
            raise UserError(f"objective.preset: {name!r} is not a name; vaescope list objectives shows them")
        spec = choices.build("objectives", name, **options)
    else:
        spec = options
    return _checked(spec)


def preset_of(objective: str | dict[str, Any]) -> str | None:
    """Return the name of the preset, or None for an objective that is written out.

    >>> preset_of("vae"), preset_of({"preset": "mdr", "rate": 4}), preset_of({"terms": {"distortion": 1}})
    ('vae', 'mdr', None)
    """
    return objective if isinstance(objective, str) else objective.get("preset")


def _checked(spec: Any) -> Spec:
    for key in spec if isinstance(spec, dict) else []:
        if key not in KEYS:
            raise unknown("key of the objective", str(key), ["preset", *KEYS])
    if not isinstance(spec, dict) or not isinstance(spec.get("terms"), dict):
        raise UserError("the objective needs terms: {name: weight}, or preset: name")
    constraints = spec.get("constraints") or []
    if not isinstance(constraints, list) or not all(isinstance(constraint, dict) for constraint in constraints):
        raise UserError("objective.constraints: give a list, for instance [{term: rate, relation: '>=', bound: 8}]")
    steps = spec.get("encoder_steps")
    if steps is not None and not isinstance(steps, dict):
        raise UserError("objective.encoder_steps: give options, for instance {most: 100, burst: 15}")
    return spec
