"""compare: the page, its figures for a paper, and the numbers as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vaescope.assessment.explanations import in_short, page_of, page_of_estimate
from vaescope.assessment.findings import worst_first
from vaescope.assessment.remedies import advised
from vaescope.assessment.verdict import QUESTIONS
from vaescope.corpora.corpus import SPLITS
from vaescope.errors import UserError, unknown
from vaescope.plotting import PALETTE, save
from vaescope.report import pairs, seeds, summary, tables
from vaescope.report.comparison import Comparison, Run, read
from vaescope.report.figures.plates import PLATES
from vaescope.report.numbers import write_numbers, write_paired, write_seeds
from vaescope.report.render import write_page
from vaescope.report.splits import common_split
from vaescope.runs.shown_texts import ShownTexts

MANY = 12
"""From this many runs on, tables with a row for each run start folded."""


def compare(runs: list[Path], out: Path, *, split: str | None, title: str, page: str = "compare.html") -> Path:
    """Write the page about runs with ``figures/`` and the numbers as CSV, and return its path.

    The page reads files only: what ``vaescope assess`` wrote to the folders of the runs.

    Args:
        runs: run folders, or folders of runs (a study), all assessed on the same split of the same corpus.
        out: the folder to write to.
        split: ``train``, ``valid`` or ``test``; None: the one that all runs are assessed on, ``valid`` first.
        title: the heading of the page.
        page: the name of the page's file.

    Raises:
        UserError: no run, one that is not assessed on the split, or runs on different corpora.

    >>> compare([], Path("out"), split="test", title="Nothing")
    Traceback (most recent call last):
    ...
    vaescope.errors.UserError: no run to compare; give run folders, or a folder of them
    """
    if split is not None and split not in SPLITS:
        raise unknown("split", split, SPLITS)
    twice = [run for i, run in enumerate(runs) if run.resolve() in {other.resolve() for other in runs[:i]}]
    if twice:
        raise UserError(f"{twice[0]} is given twice; give each run once")
    comparison = read(runs, split or common_split(runs))
    out.mkdir(parents=True, exist_ok=True)
    write_numbers(out / "numbers.csv", comparison)
    write_paired(out / "paired.csv", comparison)
    between_seeds, left_out = seeds.agreements(comparison)
    write_seeds(out / "seeds.csv", between_seeds)
    shown, missing = _figures(comparison, out / "figures")
    columns = tables.columns([run.assessment for run in comparison.runs])
    front = {run.name for run in comparison.front}
    return write_page(
        out / page,
        "page.html.j2",
        title=title,
        about=summary.about(comparison),
        sentences=summary.sentences(comparison),
        notes=[*comparison.notes, *left_out, *missing],
        families=[(name, _tone(comparison, name)) for name in comparison.looks],
        columns=columns,
        runs=[_row(comparison, run, columns, run.name in front) for run in comparison.runs],
        folded=len(comparison.runs) > MANY,
        plates=shown,
        definitions=_definitions(comparison, columns),
        paired=_paired(comparison),
        seeds=[_seeds(comparison, found) for found in between_seeds],
        texts=_texts(comparison),
    )


def _definitions(comparison: Comparison, columns: Sequence[tables.Column]) -> dict[str, dict[str, str]]:
    """Return the parts of the page of each number and finding that is shown, by the name of the page."""
    names = [page_of_estimate(column.estimate) for column in columns]
    for run in comparison.runs:
        names += [page_of(finding.name) for finding in run.assessment.findings if finding.verdict != "PASS"]
        names += [page_of_estimate(name) for name in run.assessment.estimates]
    return {name: in_short(name) for name in dict.fromkeys(names) if name}


def _figures(comparison: Comparison, folder: Path) -> tuple[list[tuple[Any, str, Markup]], list[str]]:
    """Draw what can be drawn, into files and for the page; and say why the others are missing."""
    shown, missing = [], []
    for plate in PLATES:
        if reason := plate.missing(comparison):
            missing.append(f"No figure “{plate.title}”: {reason}.")
            continue
        picture = Markup(save(plate.draw(comparison), folder, plate.name))
        shown.append((plate, plate.caption(comparison), picture))
    return shown, missing


def _tone(comparison: Comparison, family: str) -> str:
    """Return the colour of a family as the page names it."""
    if family not in comparison.looks:
        return "var(--ink)"
    return f"var(--c{PALETTE.index(comparison.looks[family][0])})"


def _row(comparison: Comparison, run: Run, columns: Sequence[tables.Column], front: bool) -> dict[str, Any]:
    """Return what the template needs of a run."""
    metadata = run.assessment.metadata
    here = {**metadata, "run": str(run.path)} if "run" in metadata else metadata
    findings = worst_first(advised(run.assessment.findings, run.assessment.estimates, here))
    estimates = [run.estimate(column.estimate) for column in columns]
    return {
        "name": run.name,
        "label": run.label,
        "description": run.description,
        "seed": "–" if run.seed is None else run.seed,
        "target": "–" if run.target is None else f"{run.target:g}",
        "target_value": "" if run.target is None else run.target,
        "front": front,
        "tone": _tone(comparison, run.family),
        "verdict": tables.verdict(run.assessment),
        "headline": run.assessment.headline,
        "badges": [(QUESTIONS[name], badge) for name, badge in run.assessment.badges.items()],
        "worst": _worst(run),
        "findings": [(f, page_of(f.name)) for f in findings if f.verdict not in ("PASS", "VACUOUS")],
        "vacuous": [f.name for f in findings if f.verdict == "VACUOUS"],
        "passed": sum(f.verdict == "PASS" for f in findings),
        "cells": [(tables.cell(e), "" if e is None else e.value) for e in estimates],
        "estimates": [(row, page_of_estimate(row[0])) for row in tables.estimate_rows(run.assessment)],
    }


def _worst(run: Run) -> str:
    """Return the answers to the first two questions."""
    if run.assessment.verdict == "BASELINE":
        return "no z"
    badges = run.assessment.badges
    return f"z: {badges['use'].answer}; fits: {badges['fit'].answer}"


def _paired(comparison: Comparison) -> dict[str, Any]:
    """Return the tables of differences: against the reference, and of runs of the same target and seed."""
    base = pairs.reference(comparison)
    kinds = {"reference": pairs.against_reference(comparison), "matched": pairs.matched(comparison)}
    rows = {
        kind: [
            {
                "run": row[0].run.name,
                "tone": _tone(comparison, row[0].run.family),
                "against": row[0].against.name,
                "cells": [(summary.difference(d), d.value) for d in row],
            }
            for row in found
        ]
        for kind, found in kinds.items()
    }
    return {"base": base, **rows}


def _seeds(comparison: Comparison, found: seeds.Seeds) -> dict[str, Any]:
    """Return the row of two seeds of one configuration."""
    linear, units = found.agreement.linear, found.agreement.units
    ours, theirs = linear.detail["directions"]
    return {
        "run": found.one.name,
        "other": found.other.name,
        "tone": _tone(comparison, found.one.family),
        "cells": [(f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]", e.value) for e in (linear, units)],
        "null": f"{linear.detail['null']:.2f}",
        "directions": str(ours) if ours == theirs else f"{ours}, {theirs}",
    }


def _texts(comparison: Comparison) -> dict[str, Any]:
    """Return what the models wrote, side by side; what they made of other texts than the first run is left out."""
    sources = next((run.written.sources for run in comparison.runs if run.written is not None), [])
    rows: list[dict[str, Any]] = []
    missing = []
    for run in comparison.runs:
        if run.written is None:
            missing.append(run.name)
            continue
        written = run.written if run.written.sources == sources else ShownTexts(samples=run.written.samples)
        rows.append({"name": run.name, "tone": _tone(comparison, run.family), "texts": written})
    steps = max((len(row["texts"].path) for row in rows), default=0)
    return {"sources": sources, "rows": rows, "missing": missing, "steps": steps}
