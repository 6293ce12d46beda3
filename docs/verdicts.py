"""Write docs/verdicts.md: the verdicts on healthy and sick models of known truth. Run ``python docs/verdicts.py``.

It takes about ten minutes. ``python docs/verdicts.py h3 s10`` prints single models instead.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "survey"))

from judge import ALARM, BLIND, OPEN, RIGHT, judge, named
from subjects import HEALTHY, SICK, SUBJECTS, Subject

from vaescope.assessment.assess import assess
from vaescope.assessment.assessment import Assessment
from vaescope.assessment.findings import VERDICTS
from vaescope.assessment.thresholds import Thresholds
from vaescope.assessment.verdict import QUESTIONS

SEEDS = 200
CHEAP = ("h2", "h12", "h13")
"""Healthy models that are cheap enough to be assessed ``SEEDS`` times."""

MARKS = {RIGHT: "", OPEN: "", ALARM: " **(false alarm)**", BLIND: " **(not true)**"}
TABLE = Thresholds()

HEAD = """# Verdicts on models of known truth

{healthy} healthy and {sick} sick models, whose numbers are known in closed form (or by many samples of exact
densities), are assessed with the default settings and the full suite. Written by `python docs/verdicts.py`, never by
hand; the models are in `docs/survey/`. A finding is *right* if its PASS, WARN or FAIL is true of the number that it
judges; where that number is not known, if it is no FAIL or WARN on a healthy model. UNRESOLVED and VACUOUS claim
nothing. A sick model must have a finding that names its sickness.

Of {count} findings {right} are right, {open} claim nothing about the sickness in question, {alarm} are false alarms and
{blind} are not true. {named} of {sick} sick models are named. z: units; R, I, KL, use, gap: the true rate, information,
marginal KL, what the z of another text costs, and inference gap, in nats per text.
"""

REPEAT = """
## False alarms

The fast suite on {seeds} data sets of each of {models} healthy models. A verdict by a 95% interval is wrong on one side
in 2.5% of the data sets, {limit} of {seeds}; up to {most} are chance at 1 in 1,000 for each finding.

| model | finding | FAIL | WARN | of |
|---|---|---|---|---|
"""


def section(key: str, subject: Subject, assessment: Assessment) -> str:
    """Return what the page says of one model."""
    size = subject.make(0).latent_size
    truths = {"rate": "R", "information": "I", "marginal_kl": "KL", "use": "use", "inference_gap": "gap"}
    known = ", ".join(f"{truths[k]} {max(0.0, v):.3g}" for k, v in subject.truth.items() if k in truths)
    findings = assessment.findings
    lines = [f"**{key}. {subject.what[0].upper()}{subject.what[1:]}** (z {size}, N {subject.texts:,}; {known})", ""]
    badges = "; ".join(f"{QUESTIONS[name]} {badge.answer}" for name, badge in assessment.badges.items())
    lines.append(f"* **{assessment.verdict}** ({badges}): {assessment.headline}")
    if subject.sick:
        lines.append(f"* named by: {', '.join(named(findings, subject)) or '**nothing**'}")
    for verdict in VERDICTS:
        words = [f.name + MARKS[judge(f, subject, TABLE)] for f in findings if f.verdict == verdict]
        if words:
            lines.append(f"* {verdict}: {', '.join(words)}")
    return "\n".join(lines) + "\n"


def alarms(key: str) -> list[str]:
    """Return the rows of the findings of a healthy model that are ever FAIL or a WARN that is not true."""
    subject, fails, warns = HEALTHY[key], Counter[str](), Counter[str]()
    for seed in range(1000, 1000 + SEEDS):
        for finding in assess(subject.make(seed), suite="fast").findings:
            if finding.verdict in ("FAIL", "WARN") and judge(finding, subject, TABLE) == ALARM:
                (fails if finding.verdict == "FAIL" else warns)[finding.name] += 1
    names = sorted(fails | warns)
    return [f"| {key} | {name} | {fails[name]} | {warns[name]} | {SEEDS} |" for name in names] or [
        f"| {key} | none | 0 | 0 | {SEEDS} |"
    ]


def main() -> None:
    """Write the page."""
    marks: Counter[str] = Counter()
    parts = {"Healthy": [], "Sick": []}
    count_named = 0
    for title, subjects in (("Healthy", HEALTHY), ("Sick", SICK)):
        for key, subject in subjects.items():
            assessment = assess(subject.make(0))
            marks.update(judge(finding, subject, TABLE) for finding in assessment.findings)
            count_named += bool(subject.sick and named(assessment.findings, subject))
            parts[title].append(section(key, subject, assessment))
    numbers = {
        "healthy": len(HEALTHY),
        "sick": len(SICK),
        "count": marks.total(),
        "right": marks[RIGHT],
        "open": marks[OPEN],
        "alarm": marks[ALARM],
        "blind": marks[BLIND],
        "named": count_named,
    }
    rows = [row for key in CHEAP for row in alarms(key)]
    text = HEAD.format(**numbers)
    text += "".join(f"\n## {title}\n\n" + "\n".join(found) for title, found in parts.items())
    text += REPEAT.format(seeds=SEEDS, models=len(CHEAP), limit=round(0.025 * SEEDS), most=13) + "\n".join(rows) + "\n"
    (Path(__file__).parent / "verdicts.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        for name in sys.argv[1:]:
            sys.stdout.write(section(name, SUBJECTS[name], assess(SUBJECTS[name].make(0))) + "\n")
    else:
        main()
