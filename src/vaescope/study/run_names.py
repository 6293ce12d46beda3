"""Names of the runs of a study, made of the labels of its axes."""

from __future__ import annotations

import re
from typing import Any


def run_name(labels: dict[str, str], seed: int) -> str:
    """Return the name of a run.

    >>> run_name({"objective": "mdr-8", "model.latent_size": "32"}, seed=0)
    'mdr-8_32_seed0'
    """
    return f"{joined(labels)}_seed{seed}"


def joined(labels: dict[str, str]) -> str:
    """Return labels as a part of a file name: letters, digits and ``. _ + = -``; anything else becomes a dash.

    >>> joined({"model.prior": "mixture of 10", "training.samples": "4"})
    'mixture-of-10_4'
    """
    return "_".join(re.sub(r"[^\w.+=-]+", "-", label) for label in labels.values())


def labelled_values(key: str, values: Any) -> dict[str, Any]:
    """Return the values of an axis of a grid by label; a value of a plain list is its own label.

    Raises:
        ValueError: no values, or two with one label or of one value.

    >>> labelled_values("model.latent_size", [16, 32])
    {'16': 16, '32': 32}
    """
    if not isinstance(values, dict | list):
        raise ValueError(f"{key}: give {{label: value}} or a list of values")
    if not values:
        raise ValueError(f"{key}: no values; give {{label: value}} or a list of values")
    pairs = list(values.items()) if isinstance(values, dict) else [(value, value) for value in values]
    labelled: dict[str, Any] = {}
    for label, value in pairs:
        if isinstance(label, dict | list):
            raise ValueError(f"{key}: {label} needs a label; give {{label: value}}")
        text = "true" if label is True else "false" if label is False else "none" if label is None else str(label)
        if not text:
            raise ValueError(f"{key}: an empty label; give {{label: value}}")
        if text in labelled:
            raise ValueError(f"{key}: '{text}' appears twice")
        same = next((other for other, given in labelled.items() if given == value), None)
        if same is not None:
            raise ValueError(f"{key}: '{same}' and '{text}' are the same value")
        labelled[text] = value
    return labelled
