"""The page: one file without external resources that shows runs side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from vaescope.assessment.findings import worst_first
from vaescope.plotting import PALETTE, svg
from vaescope.report import figures, tables
from vaescope.report.render import write_page
from vaescope.report.run import RunReport


@dataclass(frozen=True)
class Plate:
    """A figure of the page with its title and what to see in it."""

    name: str
    title: str
    caption: str
    draw: Callable[[Sequence[RunReport]], Figure]
    wide: bool = False


PLATES = (
    Plate(
        "rate-distortion",
        "Rate and distortion",
        "Each run is a point; on a dotted line all models have the same ELBO = −(R + D). Where the corpus is known, no "
        "model lies below R + D = H, and the distance to that line is KL(q(x,z) ‖ p(x,z)).",
        figures.rate_distortion,
    ),
    Plate(
        "rate-trajectory",
        "The rate during training",
        "The rate of the training batches at each logged step; dashed: the target of the objective.",
        figures.rate_trajectories,
    ),
    Plate(
        "bounds",
        "Bounds",
        "Left: distortion and rate add up to −ELBO, which cannot be below the entropy H. Right: the information in z "
        "lies between H − D and R; its gap to R is the marginal KL, its gap to H − D is how far p(x|z) is from q(x|z).",
        figures.bounds,
        wide=True,
    ),
    Plate(
        "marginal-kl",
        "Where the rate goes",
        "R = I(X;Z) + KL(q(z) ‖ p(z)): on the diagonal all of the rate is spent on an aggregate posterior unlike the "
        "prior, at the bottom all of it is information. Bars are 95% intervals.",
        figures.marginal_kl,
    ),
    Plate(
        "units",
        "Latent units",
        "The rate of each latent unit, the largest first: the mean over texts of KL(q(z_d|x) ‖ p(z_d)). A unit at 0 "
        "says nothing about any text.",
        figures.unit_rates,
    ),
)


def write_report(path: Path, runs: Sequence[RunReport], *, title: str = "vaescope report") -> Path:
    """Write one self-contained HTML page about ``runs`` and return its path.

    Args:
        path: the file to write; its folder is made.
        runs: at least one run, each with estimates of ``rate`` and ``distortion``.
        title: the heading of the page.
    """
    columns = tables.columns([run.assessment for run in runs])
    return write_page(
        path,
        "template.html.j2",
        title=title,
        about=about(runs),
        columns=columns,
        runs=[_show(i, run, columns) for i, run in enumerate(runs)],
        plates=[(plate, Markup(svg(plate.draw(runs), plate.name))) for plate in PLATES if _has(plate, runs)],
        environment=_environment(runs),
    )


def about(runs: Sequence[RunReport]) -> str:
    """Return what the page is about, in one line: corpus, split, number of texts and samples."""
    parts = [f"{len(runs)} {'run' if len(runs) == 1 else 'runs'}"]
    metadata = runs[0].assessment.metadata
    labels = {"corpus": "{}", "split": "{} split", "texts": "{} texts", "samples": "{} posterior samples per text"}
    for key, form in labels.items():
        if metadata.get(key) is not None and all(run.assessment.metadata.get(key) == metadata[key] for run in runs):
            parts.append(form.format(metadata[key]))
    h = tables.entropy(runs[0].assessment)
    return " · ".join([*parts, *([] if h is None else [f"exact entropy H = {tables.number(h)} nats per text"])])


def _show(position: int, run: RunReport, columns: Sequence[tables.Column]) -> dict[str, Any]:
    """Return what the template needs of a run, as strings."""
    findings = worst_first(run.assessment.findings)
    return {
        "name": run.name,
        "objective": run.objective,
        "colour": f"var(--c{position % len(PALETTE)})",
        "verdict": tables.verdict(run.assessment),
        "findings": [f for f in findings if f.verdict != "PASS"],
        "passed": [f for f in findings if f.verdict == "PASS"],
        "cells": [tables.cell(run.assessment.estimates.get(column.estimate)) for column in columns],
        "rate": tables.number(run.assessment.estimates["rate"].value),
        "target": None if run.target_rate is None else tables.number(run.target_rate),
        "information": tables.cell(run.assessment.estimates.get("mutual_information")),
        "active": tables.cell(run.assessment.estimates.get("active_units")),
        "samples": run.samples,
        "reconstructions": run.reconstructions,
        "estimates": tables.estimate_rows(run.assessment),
    }


def _has(plate: Plate, runs: Sequence[RunReport]) -> bool:
    """Tell whether the runs have what a figure shows."""
    if plate.name == "rate-trajectory":
        return any("rate" in line for run in runs for line in run.metrics)
    if plate.name == "marginal-kl":
        return any("marginal_kl" in run.assessment.estimates for run in runs)
    if plate.name == "units":
        return any(figures.rates_by_unit(run) for run in runs)
    return True


def _environment(runs: Sequence[RunReport]) -> list[tuple[str, str]]:
    """Return the rows of the foot of the page: what all runs share once, what differs by run."""
    rows = []
    for key in dict.fromkeys(key for run in runs for key in run.environment):
        values = {run.name: run.environment.get(key, "–") for run in runs}
        if len(set(values.values())) == 1:
            rows.append((key, next(iter(values.values()))))
        else:
            rows.append((key, " · ".join(f"{name}: {value}" for name, value in values.items())))
    return rows
