"""Findings from the record of a training: were the constraints met?"""

from __future__ import annotations

import math

from vaescope.assessment.findings import Check, Finding
from vaescope.runs.run_folder import RunFolder
from vaescope.training.keeper import kept_point

READINGS = 5
"""Number of values of a multiplier taken from the last fifth of training, far enough apart to be independent."""


def training_findings(folder: RunFolder, checkpoint: str = "model") -> list[Finding]:
    """Return a WARN for each constraint that the weights do not meet, or a PASS for all of them together."""
    kept = kept_point(folder.path, checkpoint)
    check = Check("each constraint is within 5% of its bound on the validation texts of the last step")
    step = "train longer, raise step_size of the constraint, or set a bound that this model can meet"
    warnings = folder.status.get("warnings", []) if kept is None else kept.warnings
    if warnings:
        return [check.judge("constraint", False, warning, next_step=step) for warning in warnings]
    held = sorted(last_multipliers(folder, checkpoint))
    if (kept is None and not folder.status) or not held:
        return []
    when = "the run ended" if kept is None else f"step {kept.step} was"
    return [check.judge("constraint", True, f"{when} with its constraints met: {', '.join(held)}")]


def last_multipliers(folder: RunFolder, checkpoint: str = "model") -> dict[str, list[float]]:
    """Return some values of each multiplier, by names such as ``rate>=``, from the last fifth of training.

    For a kept checkpoint (``pareto/step-500``), training ends at its step.
    """
    kept = kept_point(folder.path, checkpoint)
    last = math.inf if kept is None else kept.step
    train = [line for line in folder.metrics("train") if line["step"] <= last]
    lines = [line["multipliers"] for line in train if line.get("multipliers")]
    tail = lines[-max(1, len(lines) // 5) :]
    chosen = tail[:: -max(1, len(tail) // READINGS)][:READINGS]
    return {name: [line[name] for line in chosen] for name in (lines[-1] if lines else {})}
