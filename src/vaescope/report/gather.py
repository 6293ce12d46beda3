"""From a run on disk to what the page shows of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from vaescope.objectives.describe import describe, target_rate
from vaescope.report.run import RunReport

if TYPE_CHECKING:
    from vaescope.assessment.assess import Assessment
    from vaescope.study.examine import Examined


def gather(run: Examined, assessment: Assessment, *, name: str, texts: int = 8) -> RunReport:
    """Return the report of a run with ``texts`` samples and reconstructions of the assessed split."""
    split = assessment.metadata["split"]
    return RunReport(
        name=name,
        assessment=assessment,
        objective=describe(run.config.objective),
        metrics=run.folder.metrics("train"),
        samples=run.sample(texts),
        reconstructions=run.reconstruct(split, texts),
        target_rate=target_rate(run.config.objective),
        environment=_environment(run),
    )


def _environment(run: Examined) -> dict[str, str]:
    """Return what the run was made with, one line per subject."""
    file = run.folder.path / "environment.json"
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    rows = {key: str(found[key]) for key in ("time", "command", "git", "python", "platform", "cores") if found.get(key)}
    rows["packages"] = " · ".join(f"{name} {version}" for name, version in found.get("packages", {}).items())
    rows["accelerators"] = ", ".join(found.get("accelerators", [])) or "none"
    rows["steps"] = str(run.config.training.steps)
    rows["seed"] = str(run.config.seed)
    rows["parameters"] = f"{sum(p.numel() for p in run.model.parameters()):,}"
    return rows
