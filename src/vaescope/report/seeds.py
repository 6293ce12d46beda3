"""Runs of one configuration that differ in the seed: whether their codes of the same texts are one code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from vaescope.errors import Missing
from vaescope.estimators.code_agreement import Agreement, agreement
from vaescope.report.comparison import Comparison, Run
from vaescope.report.pairs import pairable

APART = ("seed", "out", "assessment")
"""Settings in which runs of one configuration may differ."""
MOST = 45
"""Pairs that are compared: those of ten seeds."""


@dataclass(frozen=True)
class Seeds:
    """Two runs of one configuration, and how much their codes agree.

    Attributes:
        one: a run.
        other: a run of another seed.
        agreement: of their posterior means on the same texts.
    """

    one: Run
    other: Run
    agreement: Agreement


def same_configuration(comparison: Comparison) -> Iterator[tuple[Run, Run]]:
    """Return the pairs of runs with a z that was used, of the same texts and of settings that differ in the seed."""
    used = [run for run in comparison.latent if run.uses_latent and run.config]
    settings = {run.name: _settings(run) for run in used}
    for one, other in combinations(used, 2):
        if one.seed != other.seed and settings[one.name] == settings[other.name] and pairable(one, other):
            yield one, other


def agreements(comparison: Comparison) -> tuple[list[Seeds], list[str]]:
    """Compare the codes of all runs of one configuration; return also what was left out, and why."""
    found, notes = [], []
    pairs = list(same_configuration(comparison))
    if len(pairs) > MOST:
        notes.append(f"Of {len(pairs)} pairs of seeds, {MOST} are compared.")
    for one, other in pairs[:MOST]:
        ours, theirs = one.per_text, other.per_text
        if ours is None or theirs is None:
            continue
        try:
            between = agreement(ours.posterior_mean, theirs.posterior_mean, ours.copies)
        except Missing as reason:
            notes.append(f"Codes of {one.name} and {other.name} are not compared: {reason}.")
        else:
            found.append(Seeds(one, other, between))
    return found, notes


def _settings(run: Run) -> str:
    return json.dumps({name: value for name, value in run.config.items() if name not in APART}, sort_keys=True)
