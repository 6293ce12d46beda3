"""``vaescope diagnose``: what the assessment of a run found, in sentences, the worst first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

STATUS = {"PASS": 0, "VACUOUS": 1, "UNRESOLVED": 1, "WARN": 1, "FAIL": 2}
"""Exit status by the worst verdict."""


def diagnose(
    run: Annotated[Path, typer.Argument(help="the run folder, or an assessment.json")],
    everything: Annotated[bool, typer.Option("--all", help="also what passes, and the rules")] = False,
) -> None:
    """Say what is wrong with a model and what to do, the worst first.

    Exit status 0: all passes; 1: something to look at (WARN, UNRESOLVED, VACUOUS); 2: something fails. A run that was
    not assessed is assessed by the suite of its configuration.
    """
    findings = _findings(run)
    for finding in findings:
        if everything or finding["verdict"] != "PASS":
            typer.echo(_sentence(finding, with_rule=everything))
    passed = sum(finding["verdict"] == "PASS" for finding in findings)
    typer.echo(f"{passed} of {len(findings)} findings pass.")
    raise typer.Exit(max((STATUS[finding["verdict"]] for finding in findings), default=0))


def _findings(run: Path) -> list[dict[str, str]]:
    from vaescope.errors import UserError

    path = run / "assessment.json" if run.is_dir() else run
    if run.is_dir() and not path.exists():
        _assess(run)
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return list(content["findings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: no assessment; make one with vaescope assess") from error


def _assess(run: Path) -> None:
    from vaescope.cli.console import progress
    from vaescope.cli.runs import load_run

    loaded = load_run(run)
    with progress("assess valid") as meter:
        assessment = loaded.assess("valid", progress=meter)
    assessment.save(run)


def _sentence(finding: dict[str, str], *, with_rule: bool) -> str:
    """One finding: verdict and question, what was found, what to try.

    >>> _sentence({"name": "rate", "verdict": "FAIL", "message": "rate 0", "next_step": "try mdr"}, with_rule=False)
    'FAIL rate: rate 0. Next: try mdr.'
    """
    text = f"{finding['verdict']} {finding['name']}: {finding['message'].rstrip('.')}."
    if finding.get("next_step"):
        text += f" Next: {finding['next_step'].rstrip('.')}."
    return f"{text} ({finding['rule']})" if with_rule and finding.get("rule") else text
