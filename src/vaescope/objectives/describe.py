"""An objective of a configuration in words: one line, a label for a table, and the family it belongs to."""

from __future__ import annotations

from typing import Any

from vaescope import choices
from vaescope.objectives.objective import build_objective
from vaescope.objectives.specification import preset_of, specification


def target_rate(objective: str | dict[str, Any]) -> float | None:
    """Return the target rate of an objective in nats per text, or None; see ``Objective.target_rate``.

    >>> target_rate({"preset": "mdr", "rate": 4}), target_rate({"preset": "free_bits", "rate": 4}), target_rate("vae")
    (4.0, 4.0, None)
    """
    return build_objective(objective).target_rate


def describe(objective: str | dict[str, Any]) -> str:
    """Return an objective in one line: the description of its preset, or its terms and constraints.

    >>> describe({"terms": {"distortion": 1}, "constraints": [{"term": "rate", "relation": ">=", "bound": 4}]})
    'distortion; rate >= 4'
    """
    preset = preset_of(objective)
    if preset is not None:
        return choices.summary("objectives", preset)
    spec = specification(objective)
    constraints = [f"{c['term']} {c['relation']} {c['bound']:g}" for c in spec.get("constraints") or []]
    return "; ".join([" + ".join(spec.get("terms", {})), *constraints])


def label(objective: str | dict[str, Any]) -> str:
    """Return an objective with its options, short enough for a table.

    >>> label({"preset": "free_bits", "rate": 4, "beta": {"schedule": "cyclical", "period": 400}})
    'free_bits, rate 4, beta cyclical'
    >>> label({"terms": {"distortion": 1, "rate": 0.5, "mmd": 100}})
    'distortion + 0.5 rate + 100 mmd'
    """
    if isinstance(objective, str):
        return objective
    if "preset" in objective:
        options = [f"{name} {_short(value)}" for name, value in objective.items() if name != "preset"]
        return ", ".join([objective["preset"], *options])
    weights = {name: term.get("weight", 1) if isinstance(term, dict) else term for name, term in _terms(objective)}
    terms = [name if weight == 1 else f"{_short(weight)} {name}" for name, weight in weights.items()]
    bounds = [f"{c['term']} {c['relation']} {c['bound']:g}" for c in objective.get("constraints") or []]
    return "; ".join([" + ".join(terms), *bounds])


def family(objective: str | dict[str, Any]) -> str:
    """Return the family of an objective: the same for objectives that differ only in numbers, such as a preset at
    several rates.

    >>> family({"preset": "free_bits", "rate": 4, "beta": {"schedule": "cyclical", "period": 400}})
    'free_bits, beta cyclical'
    >>> family({"preset": "mdr", "rate": 4}), family({"terms": {"distortion": 1, "rate": 0.5, "mmd": 100}})
    ('mdr', 'distortion + rate + mmd')
    """
    if isinstance(objective, str):
        return objective
    if "preset" in objective:
        kinds = {name: value for name, value in objective.items() if not isinstance(value, int | float)}
        return label(kinds)
    bounds = [f"{c['term']} {c['relation']}" for c in objective.get("constraints") or []]
    return "; ".join([" + ".join(name for name, _ in _terms(objective)), *bounds])


def _terms(objective: dict[str, Any]) -> list[tuple[str, Any]]:
    return list(objective.get("terms", {}).items())


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("schedule", "scheduled"))
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
