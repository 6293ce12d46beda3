"""What the record of a training says about the model that came out of it."""

from __future__ import annotations

from vaescope.assessment.findings import Finding
from vaescope.training.run_folder import RunFolder

READINGS = 5
"""Values of a multiplier that are taken from the last fifth of training, far enough apart to be independent."""


def training_findings(folder: RunFolder) -> list[Finding]:
    """Return a WARN for each constraint that the run ended without meeting, or a PASS for all of them together."""
    rule = "PASS within 5% of the bound on the validation texts of the last step"
    step = "train longer, raise step_size of the constraint, or set a bound that this model can meet"
    warnings = folder.status.get("warnings", [])
    if warnings:
        return [Finding("constraint", "WARN", warning, rule, step) for warning in warnings]
    held = sorted(last_multipliers(folder))
    if not folder.status or not held:
        return []
    return [Finding("constraint", "PASS", f"the run ended with its constraints met: {', '.join(held)}", rule)]


def last_multipliers(folder: RunFolder) -> dict[str, list[float]]:
    """Return some values of each multiplier from the last fifth of training, by names such as ``rate>=``."""
    lines = [line["multipliers"] for line in folder.metrics("train") if line.get("multipliers")]
    tail = lines[-max(1, len(lines) // 5) :]
    chosen = tail[:: -max(1, len(tail) // READINGS)][:READINGS]
    return {name: [line[name] for line in chosen] for name in (lines[-1] if lines else {})}
