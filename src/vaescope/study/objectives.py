"""What the objective of a run aims at, read from its configuration."""

from __future__ import annotations

from typing import Any

from vaescope import choices


def specification(objective: str | dict[str, Any]) -> dict[str, Any]:
    """Return the terms and constraints that an objective of a configuration stands for.

    >>> specification("vae")["terms"]
    {'distortion': 1.0, 'rate': 1.0}
    """
    options = {"preset": objective} if isinstance(objective, str) else dict(objective)
    if "preset" not in options:
        return options
    return choices.build("objectives", options.pop("preset"), **options).spec()


def target_rate(objective: str | dict[str, Any]) -> float | None:
    """Return the rate in nats per text that an objective aims at, or None.

    >>> target_rate({"preset": "mdr", "rate": 4}), target_rate({"preset": "free_bits", "rate": 4}), target_rate("vae")
    (4.0, 4.0, None)
    """
    spec = specification(objective)
    for constraint in spec.get("constraints") or []:
        if constraint.get("term") == "rate":
            return float(constraint["bound"])
    free = [term for name, term in spec.get("terms", {}).items() if name.startswith("free_bits")]
    return next((float(term["rate"]) for term in free if isinstance(term, dict) and "rate" in term), None)


def describe(objective: str | dict[str, Any]) -> str:
    """Return an objective in one line: what the preset says of itself, or the terms and constraints.

    >>> describe({"terms": {"distortion": 1}, "constraints": [{"term": "rate", "relation": ">=", "bound": 4}]})
    'distortion; rate >= 4'
    """
    preset = objective if isinstance(objective, str) else objective.get("preset")
    if preset is not None:
        return choices.summary("objectives", preset)
    spec = specification(objective)
    constraints = [f"{c['term']} {c['relation']} {c['bound']:g}" for c in spec.get("constraints") or []]
    return "; ".join([" + ".join(spec.get("terms", {})), *constraints])
