"""Every malformed input ends in one line that names it: no traceback, no hang, nothing overwritten."""

from __future__ import annotations

import contextlib
import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

from . import of_commands, of_configs, of_files, of_json
from .case import Case
from .forks import preload
from .ground import Ground

KINDS = (of_configs, of_commands, of_files, of_json)
PART = float(os.environ.get("CAMPAIGN_PART", "1"))
"""The share of the inputs that is tried."""


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    preload()
    return Ground(tmp_path_factory.mktemp("campaign"))


def groups() -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = defaultdict(list)
    for module in KINDS:
        for case in module.cases():
            found[case.group].append(case)
    return found


def try_all(ground: Ground, group: str, cases: list[Case]) -> list[str]:
    """Carry out cases; return a line for each that ends badly. Write what each said, where that is wanted."""
    faults = []
    with contextlib.ExitStack() as stack:
        log = None
        if folder := os.environ.get("CAMPAIGN_OUT"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            log = stack.enter_context((Path(folder) / f"{group.replace(' ', '-')}.jsonl").open("w", encoding="utf-8"))
        for number, case in enumerate(cases):
            outcome, found = ground.carry_out(case, number)
            said = (outcome.lines or [""])[-1]
            if log is not None:
                line = {"case": case.name, "status": outcome.status, "seconds": round(outcome.seconds, 2)}
                print(json.dumps(line | {"faults": found, "said": outcome.err[-400:]}), file=log, flush=True)
            if found:
                faults.append(f"{case.name}: {', '.join(found)}: {said[:300]}")
    return faults


def test_a_few_malformed_inputs_are_one_line(ground):
    """One input of every group, for every change; the whole campaign is slow."""
    faults = [fault for group, cases in groups().items() for fault in try_all(ground, group, cases[7:8])]
    assert not faults, "\n".join(faults)


@pytest.mark.slow
@pytest.mark.parametrize("group", list(groups()))
def test_malformed_input_is_one_line(ground, group):
    cases = groups()[group]
    faults = try_all(ground, group, cases[:: max(1, round(1 / PART))])
    assert not faults, f"{len(faults)} of {len(cases)}:\n" + "\n".join(faults)
