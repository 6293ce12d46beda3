"""``vaescope diagnose``: what the assessment of a run found, in sentences, the worst first."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaescope.cli.commands.assess import Split

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
    split: Annotated[Split | None, typer.Option(help="the split; by default one that the run is assessed on")] = None,
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

    content = _content(run, None if split is None else str(split))
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
    from vaescope.errors import UserError
    from vaescope.estimators.estimate import Estimate

    findings = [Finding(**finding) for finding in content["findings"]]
    try:
        metadata = content.get("metadata", {})
        if "run" not in metadata:
            return findings
        estimates = {name: Estimate.from_json(fields) for name, fields in content["estimates"].items()}
        return advised(findings, estimates, {**metadata, "run": str(path if path.is_dir() else path.parent)})
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{path}: its assessment is damaged ({error}); make it again with vaescope assess") from error


def _content(path: Path, split: str | None) -> dict[str, Any]:
    """Return an assessment: of the split, or of one that the run is assessed on; where there is none, a new one."""
    from vaescope.assessment.findings import Finding
    from vaescope.errors import UserError
    from vaescope.reading import read_json
    from vaescope.runs.assessments import assessed_splits, assessment_name

    if path.is_dir():
        found = assessed_splits(path)
        if not found or (split is not None and split not in found):
            split = _assess(path, split)
        path = path / f"{assessment_name(split or found[0])}.json"
    elif split is not None:
        raise UserError(f"{path}: a file is about one split; leave --split out, or give the run folder")
    try:
        content: dict[str, Any] = read_json(path)
        [Finding.from_json(finding) for finding in content["findings"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: no assessment; make one with vaescope assess") from error
    return content


def _assess(run: Path, split: str | None) -> str:
    """Assess a run as ``vaescope assess`` does, on the first split of its configuration if none is given."""
    from vaescope.cli.console import progress
    from vaescope.cli.load_and_train import load_run
    from vaescope.examine.save_assessment import assess_and_save

    loaded = load_run(run)
    chosen = split or str(loaded.config.assessment.splits[0])
    with progress(f"assess {chosen}") as meter:
        assess_and_save(loaded, chosen, progress=meter)
    return chosen
