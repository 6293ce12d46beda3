"""``vaescope diagnose``: what the assessment of a run found, in sentences, the worst first."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from vaescope.assessment.findings import Finding

STATUS = {"PASS": 0, "BASELINE": 0, "VACUOUS": 1, "UNRESOLVED": 1, "WARN": 1, "FAIL": 2}
"""Exit status by the verdict."""


class FailOn(StrEnum):
    """From which verdict on the exit status is not 0."""

    any = "any"
    fail = "fail"
    never = "never"


def diagnose(
    run: Annotated[Path, typer.Argument(help="the run folder, or an assessment.json")],
    everything: Annotated[bool, typer.Option("--all", help="also what passes, and the rules")] = False,
    fail_on: Annotated[
        FailOn, typer.Option(help="what has an exit status above 0: any verdict but PASS, only fail, or never")
    ] = FailOn.any,
) -> None:
    """Say what is wrong with a model and what to do, the worst first.

    The verdict is that of the model: whether z is used, and whether q(z) fits the prior. Exit status 0: PASS, or
    BASELINE (a language model); 1: something to look at (WARN, UNRESOLVED); 2: FAIL. A run that was not assessed is
    assessed by the suite of its configuration.
    """
    from vaescope.assessment.verdict import verdict
    from vaescope.assessment.views import sentence

    content = _content(run)
    findings = _advised(content, run)
    overall = verdict(findings)
    typer.echo(f"{overall}  {content.get('headline', '')}".rstrip())
    vacuous = [finding for finding in findings if finding.verdict == "VACUOUS"]
    folded = len(vacuous) > 1 and not everything
    for finding in findings:
        if everything or (finding.verdict != "PASS" and not (folded and finding in vacuous)):
            rule = f" ({finding.rule})" if everything and finding.rule else ""
            typer.echo(f"{sentence(finding)}{rule}")
            if finding.command:
                typer.echo(f"    {finding.command}")
    if folded:
        names = ", ".join(finding.name for finding in vacuous)
        typer.echo(f"VACUOUS: {len(vacuous)} findings say nothing, since z carries nothing ({names}).")
    passed = sum(finding.verdict == "PASS" for finding in findings)
    typer.echo(f"{passed} of {len(findings)} findings pass. vaescope explain NAME says what a finding means.")
    status = STATUS[overall]
    counts = {FailOn.any: status, FailOn.fail: status if overall == "FAIL" else 0, FailOn.never: 0}
    raise typer.Exit(counts[fail_on])


def _advised(content: dict[str, Any], path: Path) -> list[Finding]:
    """Return the findings with the commands of the run where it is now."""
    from vaescope.assessment.findings import Finding
    from vaescope.assessment.remedies import advised
    from vaescope.estimators.estimate import Estimate

    findings = [Finding(**finding) for finding in content["findings"]]
    metadata = content.get("metadata", {})
    if "run" not in metadata:
        return findings
    estimates = {name: Estimate.from_json(fields) for name, fields in content["estimates"].items()}
    return advised(findings, estimates, {**metadata, "run": str(path if path.is_dir() else path.parent)})


def _content(path: Path) -> dict[str, Any]:
    """Return an assessment: that of the split which the run is assessed on, else a new one."""
    from vaescope.assessment.findings import Finding
    from vaescope.errors import UserError
    from vaescope.reading import read_json
    from vaescope.runs.assessments import assessed_splits, assessment_name

    if path.is_dir():
        if not assessed_splits(path):
            _assess(path)
        path = path / f"{assessment_name(assessed_splits(path)[0])}.json"
    try:
        content: dict[str, Any] = read_json(path)
        [Finding.from_json(finding) for finding in content["findings"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: no assessment; make one with vaescope assess") from error
    return content


def _assess(run: Path) -> None:
    from vaescope.cli.console import progress
    from vaescope.cli.load_and_train import load_run

    loaded = load_run(run)
    with progress("assess valid") as meter:
        assessment = loaded.assess("valid", progress=meter)
    assessment.save(run)
