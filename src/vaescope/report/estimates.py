"""The estimates of an assessment as a table: grouped by question, for a terminal, a paper or a program."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vaescope.assessment.estimates_by_question import grouped
from vaescope.report.tables import RELATION, number

if TYPE_CHECKING:
    from vaescope.assessment.assessment import Assessment
    from vaescope.estimators.estimate import Estimate

COLUMNS = ("estimate", "value", "SE", "95% interval", "unit", "kind")
FORMATS = ("markdown", "latex", "json", "csv")


def cells(name: str, estimate: Estimate) -> tuple[str, ...]:
    """Return the cells of an estimate in the order of ``COLUMNS``.

    A bound of the truth has its relation before the value. Where only an interval is known there is no value.
    """
    known = estimate.kind != "interval"
    return (
        name,
        f"{RELATION.get(estimate.kind, '')}{number(estimate.value)}" if known else "",
        number(estimate.se) if known and estimate.kind != "exact" else "",
        f"[{number(estimate.low)}, {number(estimate.high)}]" if estimate.kind != "exact" else "",
        estimate.unit,
        estimate.kind,
    )


def written_as(form: str, assessments: Mapping[str, Assessment]) -> str:
    """Return assessments by split in one of ``FORMATS``.

    JSON is the content of assessment.json, of several splits an object with one for each.

    >>> from vaescope.assessment.assess import assess
    >>> from vaescope.evidence.draws import Draws
    >>> from vaescope.evidence.linear_gaussian import LinearGaussian
    >>> model = LinearGaussian.matched(latent_size=2, data_size=3, rate=2.0)
    >>> found = assess(Draws(**model.sample_draws(50)), diagnostics=["rate"])
    >>> print(written_as("csv", {"valid": found}).splitlines()[0])
    split,question,estimate,value,se,low,high,unit,kind,n
    """
    if form == "json":
        contents = {split: assessment.to_json() for split, assessment in assessments.items()}
        content = next(iter(contents.values())) if len(contents) == 1 else contents
        return json.dumps(content, indent=2, allow_nan=False)
    if form == "csv":
        return _csv(assessments)
    write = _markdown if form == "markdown" else _latex
    return "\n\n".join(write(split, assessment) for split, assessment in assessments.items())


def _csv(assessments: Mapping[str, Assessment]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("split", "question", "estimate", "value", "se", "low", "high", "unit", "kind", "n"))
    for split, assessment in assessments.items():
        for group, names in grouped(assessment.estimates).items():
            for name in names:
                e = assessment.estimates[name]
                digits = ("" if math.isnan(x) else repr(float(x)) for x in (e.value, e.se, e.low, e.high))
                writer.writerow((split, group, name, *digits, e.unit, e.kind, e.n))
    return text.getvalue().rstrip("\n")


def _markdown(split: str, assessment: Assessment) -> str:
    lines = [f"**{assessment.verdict}** ({split}): {assessment.headline}", ""]
    lines += [f"| {' | '.join(COLUMNS)} |", "| --- | ---: | ---: | ---: | --- | --- |"]
    for group, names in grouped(assessment.estimates).items():
        lines.append(f"| **{group}** | | | | | |")
        for name in names:
            row = [cell.replace("|", "\\|") for cell in cells(f"`{name}`", assessment.estimates[name])]
            lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def _latex(split: str, assessment: Assessment) -> str:
    lines = [f"% {split}: {assessment.verdict}", r"% needs \usepackage{booktabs}", r"\begin{tabular}{lrrrll}"]
    lines += [r"\toprule", " & ".join(map(_tex, COLUMNS)) + r" \\"]
    for group, names in grouped(assessment.estimates).items():
        lines += [r"\midrule", rf"\multicolumn{{6}}{{l}}{{\emph{{{_tex(group)}}}}} \\"]
        lines += [" & ".join(map(_tex, cells(name, assessment.estimates[name]))) + r" \\" for name in names]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


_TEX = {"\\": r"\textbackslash{}", "≥": r"$\ge$", "≤": r"$\le$", "−": "$-$", "–": "--", "^": r"\^{}", "~": r"\~{}"}
_TEX |= {letter: f"\\{letter}" for letter in "&%$#_{}"}


def _tex(text: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in text)
