"""Every malformed input ends in one line that names it: no traceback, no hang, nothing overwritten."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from . import of_configs
from .case import Case
from .forks import preload
from .ground import Ground

KINDS = {"configs": of_configs}
PART = float(os.environ.get("CAMPAIGN_PART", "1"))
"""The share of the inputs that is tried."""


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    preload()
    return Ground(tmp_path_factory.mktemp("campaign"))


def groups() -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = defaultdict(list)
    for module in KINDS.values():
        for case in module.cases():
            found[case.group].append(case)
    return found


def try_all(ground: Ground, group: str, cases: list[Case]) -> list[str]:
    """Carry out cases; return a line for each that ends badly, and write the figures where they are wanted."""
    faults, count, lines = [], Counter(), []
    for number, case in enumerate(cases):
        outcome, found = ground.carry_out(case, number)
        count["accepted" if outcome.status == 0 else "refused"] += 1
        said = (outcome.lines or [""])[-1]
        lines.append(
            {
                "case": case.name,
                "status": outcome.status,
                "said": outcome.err[-400:],
                "faults": found,
                "seconds": round(outcome.seconds, 2),
            }
        )
        if found:
            faults.append(f"{case.name}: {', '.join(found)}: {said[:300]}")
    if folder := os.environ.get("CAMPAIGN_OUT"):
        path = Path(folder) / f"{group.replace(' ', '-')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps(
                {"group": group, "inputs": len(cases), **count, "faults": len(faults), "cases": lines}, indent=1
            ),
            encoding="utf-8",
        )
    return faults


@pytest.mark.slow
@pytest.mark.parametrize("group", list(groups()))
def test_malformed_input_is_one_line(ground, group):
    cases = groups()[group]
    faults = try_all(ground, group, cases[:: max(1, round(1 / PART))])
    assert not faults, f"{len(faults)} of {len(cases)}:\n" + "\n".join(faults)
