"""An assessment as text of 80 columns and as HTML, for a console and a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from vaescope.assessment.estimates_by_question import grouped
from vaescope.assessment.findings import worst_first
from vaescope.assessment.verdict import QUESTIONS

if TYPE_CHECKING:
    from vaescope.assessment.assessment import Assessment
    from vaescope.assessment.findings import Finding
    from vaescope.estimators.estimate import Estimate

QUIET = ("PASS", "VACUOUS")
"""Verdicts that are only counted, not listed."""


def sentence(finding: Finding) -> str:
    """Return a finding as one line: verdict, code, what was found, what to try.

    >>> from vaescope.assessment.findings import Finding
    >>> sentence(Finding("rate", "FAIL", "rate 0", next_step="try mdr"))
    'FAIL rate: rate 0. Next: try mdr.'
    """
    text = f"{finding.verdict} {finding.name}: {finding.message.rstrip('.')}."
    return f"{text} Next: {finding.next_step.rstrip('.')}." if finding.next_step else text


def as_text(assessment: Assessment) -> str:
    """Return the headline, the three answers, the estimates by question, and what is not PASS with its command."""
    lines = [f"{assessment.verdict}  {assessment.headline}"]
    lines += [f"  {QUESTIONS[name]} {badge.answer}" for name, badge in assessment.badges.items()]
    lines += ["", f"{'estimate':<30}{'value':>9}{'SE':>8}  95% interval        kind"]
    for group, names in grouped(assessment.estimates).items():
        lines += [group, *(_row(f"  {name}", assessment.estimates[name]) for name in names)]
    lines.append("")
    shown = [finding for finding in worst_first(assessment.findings) if finding.verdict not in QUIET]
    for finding in shown:
        lines += [sentence(finding), *([f"    {finding.command}"] if finding.command else [])]
    lines.append(f"{len(assessment.findings) - len(shown)} findings say PASS or nothing (VACUOUS).")
    return "\n".join(lines)


def as_html(assessment: Assessment) -> str:
    """Return the headline, and tables of estimates and findings that fold."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{e.value:.4g}</td><td>{e.se:.2g}</td><td>[{e.low:.4g}, {e.high:.4g}]</td>"
        f"<td>{escape(e.unit)}</td><td>{escape(e.kind)}</td></tr>"
        for name, e in assessment.estimates.items()
    )
    findings = "".join(
        f"<tr><td>{escape(f.verdict)}</td><td>{escape(f.name)}</td><td>{escape(f.message)}</td></tr>"
        for f in worst_first(assessment.findings)
    )
    head = "".join(f"<th>{cell}</th>" for cell in ("estimate", "value", "SE", "95% interval", "unit", "kind"))
    return (
        f"<p><b>{escape(assessment.verdict)}</b> {escape(assessment.headline)}</p>"
        f"<details open><summary>{len(assessment.estimates)} estimates</summary>"
        f"<table><tr>{head}</tr>{rows}</table></details>"
        f"<details><summary>{len(assessment.findings)} findings</summary><table>{findings}</table></details>"
    )


def _row(name: str, estimate: Estimate) -> str:
    interval = f"[{estimate.low:.3g}, {estimate.high:.3g}]"
    return f"{name:<30}{estimate.value:>9.4g}{estimate.se:>8.2g}  {interval:<20}{estimate.kind}"
