"""The figures of a comparison that have a row or a small panel for each run (or family of runs)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from torch import Tensor

from vaescope.assessment.mixed_membership_map import NULLS, mixed_membership_map
from vaescope.estimators.aggregate_density import log_aggregate
from vaescope.estimators.gaussian import kl_to_standard, standard_log_density
from vaescope.evidence.per_text import PerText
from vaescope.plotting import FAINT, INK, PALETTE, axes, grid
from vaescope.report import tables
from vaescope.report.comparison import Comparison, Run
from vaescope.report.pairs import QUANTITIES, against_reference

ROW = 0.27
"""Height of a run's row in inches."""

UNITS, GRID, TEXTS = 16, 61, 1000
"""Units of the highest rate, points of a density along an axis, and texts, in a panel of densities."""

POINTS = 10_000
"""Points of the mixed-membership map, shared by the runs."""

NAMES = {"elbo": "ELBO", "log_likelihood": "log p(x)", "distortion": "distortion D", "rate": "rate R"}


def bounds(comparison: Comparison) -> Figure:
    """Draw for each run D, R and -ELBO against H, and the interval of I with its gaps to H - D and to R."""
    runs, h = comparison.latent, comparison.entropy
    height = 1.3 + ROW * len(runs)
    figure, (cost, says) = axes(11.0, height, columns=2)
    for row, run in enumerate(runs):
        colour = comparison.looks[run.family][0]
        _cost(cost, row, run, colour)
        _says(says, row, run, colour, h)
    keys = [*_KEYS]
    if h is not None:
        keys.append(cost.axvline(h, color=INK, lw=1.5, label="H(X), exact"))
        keys += _FLOOR_KEYS
    if comparison.language_model is not None:
        value = comparison.language_model.assessment.estimates["distortion"].value
        keys.append(cost.axvline(value, color=INK, lw=1, ls="--", label="D of the language model"))
    right = max([run.rate for run in comparison.drawn], default=1.0)
    floors = [h - run.assessment.estimates["distortion"].value for run in comparison.drawn if h is not None]
    cost.margins(x=0.16)
    says.set_xlim(1.08 * max(min([0.0, *floors]), -right) - 0.02 * right, 1.06 * right)
    least = "" if h is None else "H − D ≤ "
    titles = {cost: "what a text costs: −ELBO = D + R", says: f"what z says about it: {least}I(X;Z) ≤ R"}
    for ax, title in titles.items():
        _rows(ax, [run.name for run in runs], title)
        ax.set_xlabel("nats per text")
    figure.legend(handles=keys, loc="outside lower center", ncols=5, frameon=False, labelcolor=INK, fontsize=8.5)
    says.tick_params(labelleft=False)
    return figure


def densities(comparison: Comparison) -> Figure:
    """Draw for each run the density of q(z_d) of its units of the highest rate, and the prior N(0, 1)."""
    runs = with_posteriors(comparison)
    panels, figure = _panels(len(runs), columns=5, height=1.55)
    line_G = torch.linspace(-4, 4, GRID, dtype=torch.float64)
    for ax, (run, texts) in zip(panels, runs, strict=True):
        margin_DG = unit_densities(texts, line_G)
        for d, margin_G in reversed(list(enumerate(margin_DG))):
            colour = comparison.looks[run.family][0] if d < 2 else FAINT
            ax.plot(line_G, margin_G, color=colour, lw=1.4 if d < 2 else 0.6)
        ax.plot(line_G, standard_log_density(line_G).exp(), color=INK, ls=":", lw=1.2)
        ax.set(xlabel="z", xlim=(-4, 4), xticks=(-3, 0, 3), ylim=(0, min(1.6, 1.1 * margin_DG.max().item())), yticks=[])
        ax.set_title(run.name, fontsize=8.5, color=INK)
    return figure


def trajectories(comparison: Comparison) -> Figure:
    """Draw the rate along training for each family that has a target, the targets dashed and on the axis."""
    runs = with_trajectories(comparison)
    families = list(dict.fromkeys(run.family for run in runs))
    columns = 2 if len(families) < 3 else 3
    panels, figure = _panels(len(families), columns=columns, height=2.4)
    for ax, name in zip(panels, families, strict=True):
        members = [run for run in runs if run.family == name]
        targets = sorted({run.target for run in members if run.target is not None})
        for run in members:
            points = [(m["step"], m["rate"]) for m in run.metrics if isinstance(m.get("rate"), int | float)]
            ax.plot(*zip(*points, strict=True), color=comparison.looks[name][0], lw=1, alpha=0.8)
        for target in targets:
            ax.axhline(target, color=INK, ls="--", lw=0.8)
        ax.set_title(name, color=INK)
        ax.set(xlabel="optimiser step")
        ax.set_ylim(0, 1.25 * max(targets))
        ax.set_yticks([0, *targets], ["0", *(f"{t:g}" for t in targets)])
    for ax in panels[::columns]:
        ax.set_ylabel("rate R")
    return figure


def membership(comparison: Comparison) -> Figure:
    """Draw the weights of shared Gaussian components for each run and the prior, which is there twice."""
    runs = with_posteriors(comparison)
    # independent noise for each run: points that runs share would look like a component
    encodings = {run.name: texts.sample(seed) for seed, (run, texts) in enumerate(runs)}
    found = mixed_membership_map(encodings, most=min(1000, POINTS // (len(runs) + 2)))
    order_K = found.weights[found.names.index(NULLS[0])].argsort(descending=True)
    figure, (ax,) = axes(9.0, 1.0 + ROW * len(found.names))
    for row, weights_K in enumerate(found.weights[:, order_K].tolist()):
        for column, weight in enumerate(weights_K):
            ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fc=PALETTE[0], alpha=0.75 * weight, lw=0))
            if weight >= 0.05:
                ax.text(column, row, f"{weight:.2f}".lstrip("0"), ha="center", va="center", fontsize=8, color=INK)
        kl = found.expected_kl(NULLS[0], found.names[row])
        ax.text(len(order_K) - 0.3, row, f"{kl:.2f}" if row else "", va="center", fontsize=8, color=INK)
    ax.text(len(order_K) - 0.3, -0.8, "E KL from prior", fontsize=8, color=INK)
    _rows(ax, list(found.names), "")
    ax.set(xlim=(-0.5, len(order_K) + 0.9), xlabel="component, by its weight in the prior")
    ax.set_xticks(range(len(order_K)), [str(k + 1) for k in range(len(order_K))])
    return figure


def paired(comparison: Comparison) -> Figure:
    """Draw the paired differences from the reference with their 95% intervals."""
    base = against_reference(comparison)[0][0].against
    rows = [row for row in against_reference(comparison) if row[0].run not in comparison.beyond]
    figure, columns = axes(11.0, 1.1 + 0.9 * ROW * len(rows), columns=len(QUANTITIES))
    figure.suptitle(f"run − {base.name}", fontsize=10, color=INK)
    for ax, quantity in zip(columns, QUANTITIES, strict=True):
        for place, row in enumerate(rows):
            difference = next(d for d in row if d.quantity == quantity)
            colour, marker = comparison.looks.get(difference.run.family, (INK, "o"))
            ax.plot([difference.low, difference.high], [place] * 2, color=colour, lw=2)
            ax.plot(difference.value, place, color=colour, marker=marker, ms=4)
        ax.axvline(0, color=INK, lw=0.8, ls=":")
        _rows(ax, [row[0].run.name for row in rows], f"Δ {NAMES[quantity]}")
        ax.tick_params(labelleft=ax is columns[0])
        ax.set_xlabel("nats per text")
    return figure


def with_posteriors(comparison: Comparison) -> list[tuple[Run, PerText]]:
    """Return the runs with a z whose posteriors were kept and whose prior is N(0, I), with their numbers per text."""
    return [
        (run, run.per_text)
        for run in comparison.latent
        if run.per_text is not None and run.assessment.metadata.get("prior", "standard") == "standard"
    ]


def with_trajectories(comparison: Comparison) -> list[Run]:
    """Return the runs with a target whose rate was logged."""
    return [run for run in comparison.latent if run.target and any(m.get("rate") is not None for m in run.metrics)]


def unit_densities(texts: PerText, line_G: Tensor) -> Tensor:
    """Return the density of q(z_d) on a grid for the units of the highest rate, the highest first, ``[D, G]``."""
    keep = slice(None, None, math.ceil(len(texts.rate) / TEXTS))
    mean_ND, std_ND = texts.posterior_mean[keep].double(), texts.posterior_std[keep].double()
    units = kl_to_standard(mean_ND, std_ND).mean(0).argsort(descending=True, stable=True)[:UNITS].tolist()
    return torch.stack([log_aggregate(line_G[:, None], mean_ND[:, [d]], std_ND[:, [d]]).exp() for d in units])


def _cost(ax: Axes, row: int, run: Run, colour: str) -> None:
    distortion, rate, elbo = (run.assessment.estimates[name] for name in ("distortion", "rate", "elbo"))
    ax.barh(row, distortion.value, 0.62, color=FAINT, alpha=0.55)
    ax.barh(row, rate.value, 0.62, left=distortion.value, color=colour, alpha=0.85)
    ax.plot([-elbo.high, -elbo.low], [row] * 2, color=INK, lw=1)
    text, place = tables.number(-elbo.value), (-elbo.low, row)
    ax.annotate(text, place, (5, 0), textcoords="offset points", va="center", fontsize=8, color=INK)


def _says(ax: Axes, row: int, run: Run, colour: str, h: float | None) -> None:
    estimates = run.assessment.estimates
    rate, information = estimates["rate"].value, estimates.get("mutual_information")
    ax.plot([rate] * 2, [row - 0.34, row + 0.34], color=colour, lw=2.5)
    if information is None:
        return
    if h is not None:
        floor = h - estimates["distortion"].value
        ax.plot([floor] * 2, [row - 0.34, row + 0.34], color=FAINT, lw=2.5)
        ax.plot([floor, information.low], [row] * 2, color=FAINT, lw=1.5)
    ax.plot([information.high, rate], [row] * 2, color=colour, lw=1)
    # one that is too narrow to be seen is drawn as a dash
    width = max(information.high - information.low, 0.01 * max(rate, 1.0))
    ax.barh(row, width, 0.36, left=information.low, color=colour)


_KEYS: tuple[Artist, ...] = (
    Patch(color=FAINT, alpha=0.55, label="distortion D"),
    Patch(color=INK, alpha=0.6, label="rate R"),
    Line2D([], [], color=INK, lw=1, label="−ELBO, 95%"),
    Line2D([], [], color=INK, lw=6, label="I(X;Z), 95% interval"),
    Line2D([], [], color=INK, lw=1, marker="|", ms=9, mew=2.5, label="its gap to R"),
)
_FLOOR_KEYS: tuple[Artist, ...] = (
    Line2D([], [], color=FAINT, lw=1.5, marker="|", ms=9, mew=2.5, label="its gap to H − D"),
)


def _rows(ax: Axes, names: Sequence[str], title: str) -> None:
    ax.set_yticks(range(len(names)), names, fontsize=8.5)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_title(title, color=INK)


def _panels(count: int, *, columns: int, height: float) -> tuple[list[Axes], Figure]:
    """Return ``count`` axes of a grid, and its figure."""
    rows = math.ceil(count / columns)
    figure, cells = grid(11.0, height * rows + 0.2, rows=[1.0] * rows, columns=columns)
    flat = [ax for row in cells for ax in row]
    for ax in flat[count:]:
        ax.set_visible(False)
    return flat[:count], figure
