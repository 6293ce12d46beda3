"""A run that is killed at any moment and resumed ends bit for bit like an uninterrupted one."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from .forks import preload
from .ground import texts
from .kills import VARIANTS, Trial

KILLS = int(os.environ.get("CAMPAIGN_KILLS", "34"))
"""Killed runs of each variant in a whole campaign."""

REFUSALS = int(os.environ.get("CAMPAIGN_REFUSALS", "40"))
"""Kinds of files, of about 130, that the system refuses in a whole campaign, for each of two reasons."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    preload()
    home = tmp_path_factory.mktemp("kills")
    (home / "data").mkdir()
    for split, (start, count) in {"train": (0, 60), "valid": (60, 12), "test": (80, 12)}.items():
        (home / "data" / f"{split}.txt").write_text("\n".join(texts(count, start)) + "\n", encoding="utf-8")
    return home


def kill(home: Path, variant: str, count: int, seed: int) -> None:
    trial = Trial(home / f"{variant.split()[0]}-{count}", VARIANTS[variant])
    plans = trial.plan(count, seed)
    faults = {f"{number}: {name}": trial.killed(str(number), kills) for number, (name, kills) in enumerate(plans)}
    bad = {name: found for name, found in faults.items() if found}
    if folder := os.environ.get("CAMPAIGN_OUT"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        said = {"runs": len(plans), "kills": sum(len(kills) for _, kills in plans), "bad": bad}
        said |= {"kinds of events": len(set(trial.events)), "events": len(trial.events)}
        (Path(folder) / f"kills-{variant.split()[0]}.json").write_text(json.dumps(said, indent=1), encoding="utf-8")
    assert not bad, "\n".join(f"{name}: {', '.join(found)}" for name, found in bad.items())


def refuse(home: Path, count: int, error: int) -> None:
    trial = Trial(home / f"refused-{count}-{error}", VARIANTS["mdr with a front"])
    faults = {event: trial.refused(str(n), n, error) for event, n in trial.kinds(count, seed=error)}
    bad = {event: found for event, found in faults.items() if found}
    if folder := os.environ.get("CAMPAIGN_OUT"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        said = {"runs": len(faults), "kinds of events": len(set(trial.events)), "bad": bad}
        (Path(folder) / f"refused-{errno.errorcode[error]}.json").write_text(json.dumps(said, indent=1))
    assert not bad, "\n".join(f"{event}: {', '.join(found)}" for event, found in bad.items())


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES])
def test_run_survives_a_few_refused_files(home, error):
    refuse(home, 2, error)


@pytest.mark.slow
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES])
def test_run_survives_a_full_disk_and_lost_rights_at_every_kind_of_file(home, error):
    refuse(home, REFUSALS, error)


def test_run_survives_a_few_kills(home):
    kill(home, "mdr with a front", count=4, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_run_survives_many_kills(home, variant):
    kill(home, variant, count=KILLS, seed=1)
