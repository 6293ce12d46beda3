"""What the survey found, one record per model and per repeated model, kept in docs/results/verdicts.json."""

from __future__ import annotations

import datetime
import json
import platform
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from judge import ALARM, judge, named
from subjects import SUBJECTS

from vaescope.assessment.assess import assess
from vaescope.assessment.thresholds import Thresholds
from vaescope.assessment.verdict import QUESTIONS

FILE = Path(__file__).parents[1] / "results" / "verdicts.json"
SEEDS = 200
TABLE = Thresholds()
TRUTHS = {"rate": "R", "information": "I", "marginal_kl": "KL", "use": "use", "inference_gap": "gap"}


def load(file: Path = FILE) -> dict[str, dict[str, Any]]:
    """Return the records of ``models`` and of ``repeats``."""
    if not file.exists():
        return {"models": {}, "repeats": {}}
    return json.loads(file.read_text(encoding="utf-8"))


def save(records: Mapping[str, Any], file: Path = FILE) -> None:
    """Write all records."""
    file.write_text(json.dumps(records, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def survey(key: str) -> dict[str, Any]:
    """Assess one model with the full suite, and judge each of its findings."""
    subject, start = SUBJECTS[key], time.process_time()
    draws = subject.make(0)
    assessment = assess(draws)
    return {
        "what": subject.what,
        "size": draws.latent_size,
        "texts": subject.texts,
        "sick": list(subject.sick),
        "truth": {short: subject.truth[name] for name, short in TRUTHS.items() if name in subject.truth},
        "verdict": assessment.verdict,
        "answers": {QUESTIONS[name]: badge.answer for name, badge in assessment.badges.items()},
        "headline": assessment.headline,
        "findings": [[f.name, f.verdict, judge(f, subject, TABLE)] for f in assessment.findings],
        "named": named(assessment.findings, subject),
        **_origin(start),
    }


def repeat(key: str, seeds: int = SEEDS) -> dict[str, Any]:
    """Assess a healthy model on many data sets with the fast suite; count the findings that are false alarms."""
    subject, start = SUBJECTS[key], time.process_time()
    counts: dict[str, Counter[str]] = {}
    for seed in range(1000, 1000 + seeds):
        for finding in assess(subject.make(seed), suite="fast").findings:
            found = counts.setdefault(finding.name, Counter())
            found["judged"] += 1
            if judge(finding, subject, TABLE) == ALARM:
                found[finding.verdict] += 1
    return {"seeds": seeds, "findings": counts, **_origin(start)}


def _origin(start: float) -> dict[str, Any]:
    """Return when, where and from which source this was found, and the CPU seconds since a start."""
    run = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=FILE.parent, capture_output=True, text=True, check=False
    )
    return {
        "seconds": round(time.process_time() - start, 1),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": run.stdout.strip() or "unknown",
        "machine": f"{platform.machine()} CPU, {torch.get_num_threads()} threads, torch {torch.__version__}",
    }
