"""The figures of a comparison in which every run is a point over its rate (and the Pareto front)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaescope.estimators.estimate import Estimate
from vaescope.plotting import FAINT, HOVER, INK, axes, legend
from vaescope.report import tables
from vaescope.report.comparison import Comparison, Run
from vaescope.report.figures.plane import elbo_lines, entropy_line

SIZE = (6.0, 4.2)
"""Of each figure, so that they stand side by side."""

RATE = "rate R (nats per text)"
Reader = Callable[[Run], Estimate | None]


def rate_distortion(comparison: Comparison) -> Figure:
    """Draw the plane: runs with standard errors, lines of equal ELBO, D of the language model, R + D = H if known."""
    figure, (ax,) = axes(*SIZE)
    _points(ax, comparison, lambda run: run.estimate("distortion"))
    _frame(ax, comparison)
    elbo_lines(ax, least=comparison.entropy)
    if comparison.language_model is not None:
        value = comparison.language_model.assessment.estimates["distortion"].value
        ax.axhline(value, color=INK, ls="--", lw=1, label="language model, −log p(x)")
    if comparison.entropy is not None:
        entropy_line(ax, comparison.entropy)
    ax.set(xlabel=RATE, ylabel="distortion D (nats per text)")
    return _finished(figure, ax, comparison)


def log_likelihood(comparison: Comparison) -> Figure:
    """Draw the importance-weighted bound on log p(x) over the rate, the language model and -H where known."""
    figure, (ax,) = axes(*SIZE)
    _points(ax, comparison, lambda run: run.estimate("log_likelihood"))
    model = comparison.language_model
    if model is not None and (estimate := model.estimate("log_likelihood")) is not None:
        ax.axhline(estimate.value, color=INK, ls="--", lw=1, label="language model")
    if comparison.entropy is not None:
        ax.axhline(-comparison.entropy, color=INK, lw=1.5, label="−H, no model is above")
    right = 1.12 * max([run.rate for run in comparison.drawn], default=0.0) + 0.5
    ax.set_xlim(-0.03 * right, right)
    ax.set(xlabel=RATE, ylabel="log p(x) ≥ (nats per text)")
    return _finished(figure, ax, comparison)


def marginal_kl(comparison: Comparison) -> Figure:
    """Draw the interval of KL(q(z) || p(z)) over the rate; on the diagonal all rate is marginal KL."""
    figure, (ax,) = axes(*SIZE)
    _points(ax, comparison, lambda run: run.estimate("marginal_kl"))
    highs = [kl.high for run in comparison.drawn if (kl := run.estimate("marginal_kl")) is not None]
    ax.axline((0, 0), slope=1, color=FAINT, ls=":", lw=1)
    ax.set(ylim=(0, 1.1 * max([*highs, 0.1])), xlabel=RATE, ylabel="KL(q(z) ‖ p(z)) (nats)")
    return _finished(figure, ax, comparison)


def information(comparison: Comparison) -> Figure:
    """Draw the interval of I(X;Z) over the rate with the ceiling log N; on the diagonal all rate is information."""
    figure, (ax,) = axes(*SIZE)
    _points(ax, comparison, lambda run: run.estimate("mutual_information"))
    found = [i for run in comparison.drawn if (i := run.estimate("mutual_information")) is not None]
    for n in sorted({estimate.n for estimate in found}):
        ax.axhline(np.log(n), color=INK, ls="--", lw=1, label=f"log N = log {n:,}")
    ax.axline((0, 0), slope=1, color=FAINT, ls=":", lw=1)
    tops = [estimate.high for estimate in found] + [np.log(estimate.n) for estimate in found]
    ax.set(ylim=(0, 1.08 * max(tops)), xlabel=RATE, ylabel="I(X;Z) (nats)")
    return _finished(figure, ax, comparison)


def target(comparison: Comparison) -> Figure:
    """Draw the realised rate over the target of the objective; on the diagonal the target is met."""
    figure, (ax,) = axes(*SIZE)
    runs = [run for run in comparison.drawn if run.target is not None]
    targets = [run.target for run in runs if run.target is not None]
    right = 1.1 * max(targets)
    families = list(dict.fromkeys(run.family for run in runs))
    for run, aim in zip(runs, targets, strict=True):
        colour, marker = comparison.looks[run.family]
        estimate = run.assessment.estimates["rate"]
        # families stand side by side, or those that meet their targets would hide each other
        aside = (families.index(run.family) - (len(families) - 1) / 2) * 0.015 * right
        ends = [[estimate.value - estimate.low], [estimate.high - estimate.value]]
        ax.errorbar(aim + aside, estimate.value, ends, color=colour, ls="")
        ax.plot(aim + aside, estimate.value, color=colour, marker=marker, ms=5, ls="", gid=_hover(run, estimate))
    _name_families(ax, comparison, runs)
    ax.axline((0, 0), slope=1, color=FAINT, ls=":", lw=1)
    ax.set(xlim=(0, right), ylim=(0, 1.1 * max([right / 1.1, *(run.rate for run in runs)])))
    ax.set(xlabel="target rate (nats per text)", ylabel=RATE)
    legend(figure)
    return figure


def pareto(comparison: Comparison) -> Figure:
    """Draw log-likelihood over the marginal KL and join the runs that no other beats in both."""
    figure, (ax,) = axes(*SIZE)
    _points(ax, comparison, lambda run: run.estimate("log_likelihood"), x=lambda run: run.estimate("marginal_kl"))
    front = [run for run in comparison.front if run in comparison.drawn]
    places = sorted((run.assessment.estimates["marginal_kl"].value, _likelihood(run)) for run in front)
    if places:
        ax.step(*zip(*places, strict=True), where="post", color=INK, lw=1, label="Pareto front", zorder=0)
        ax.plot(*zip(*places, strict=True), color=INK, marker="o", ms=13, mfc="none", ls="", zorder=0)
    model = comparison.language_model
    if model is not None and model.estimate("log_likelihood") is not None:
        ax.axhline(_likelihood(model), color=INK, ls="--", lw=1, label="language model")
    ax.set(xlabel="KL(q(z) ‖ p(z)) (nats)", ylabel="log p(x) ≥ (nats per text)")
    return _finished(figure, ax, comparison)


def _likelihood(run: Run) -> float:
    return run.assessment.estimates["log_likelihood"].value


def _points(ax: Axes, comparison: Comparison, y: Reader, *, x: Reader = lambda run: run.estimate("rate")) -> None:
    """Draw each run with the 95% intervals of both numbers, and join a family of several objectives.

    The joining line goes through the means over seeds, in the order of the rate.
    """
    pairs = [(run, x(run), y(run)) for run in comparison.drawn]
    found = [(run, across, up) for run, across, up in pairs if across is not None and up is not None]
    for run, across, up in found:
        colour, marker = comparison.looks[run.family]
        if up.kind == "interval":
            ax.plot([across.value] * 2, [up.low, up.high], color=colour, lw=5, alpha=0.4, solid_capstyle="butt")
        else:
            ax.plot([across.value] * 2, [up.low, up.high], color=colour, lw=1, alpha=0.6)
        if across.kind == "interval":
            ax.plot([across.low, across.high], [up.value] * 2, color=colour, lw=5, alpha=0.4, solid_capstyle="butt")
        else:
            ax.plot([across.low, across.high], [up.value] * 2, color=colour, lw=1, alpha=0.6)
        ax.plot(across.value, up.value, color=colour, marker=marker, ms=5, ls="", gid=_hover(run, across, up))
    for name, members in groupby(found, key=lambda item: item[0].family):
        means = []
        for _, same in groupby(members, key=lambda item: item[0].label):
            seeds = list(same)
            means.append([np.mean([e.value for e in column]) for column in list(zip(*seeds, strict=True))[1:]])
        if len(means) > 1:
            ax.plot(*zip(*sorted(means), strict=True), color=comparison.looks[name][0], lw=0.8, alpha=0.7, zorder=1)
    _name_families(ax, comparison, [run for run, _, _ in found])


def _hover(run: Run, *shown: Estimate) -> str:
    """Return what the marker of a run says under the pointer: its name and both numbers."""
    return f"{HOVER}{run.name}: {', '.join(tables.cell(estimate) for estimate in shown)}"


def _name_families(ax: Axes, comparison: Comparison, runs: list[Run]) -> None:
    for name in dict.fromkeys(run.family for run in runs):
        colour, marker = comparison.looks[name]
        ax.plot([], [], color=colour, marker=marker, ms=6, ls="", label=name)


def _frame(ax: Axes, comparison: Comparison) -> None:
    """Set the limits of the plane to the runs and the lines that concern them."""
    runs, h = comparison.drawn, comparison.entropy
    right = 1.12 * max([run.rate for run in runs], default=0.0) + 0.5
    found = [run.assessment.estimates["distortion"] for run in runs]
    levels = [end for estimate in found for end in (estimate.low, estimate.high)]
    if comparison.language_model is not None:
        levels.append(comparison.language_model.assessment.estimates["distortion"].value)
    if h is not None:
        levels.append(h)
    margin = 0.06 * (max(levels) - min(levels)) + 0.5
    ax.set(xlim=(-0.03 * right, right), ylim=(min(levels) - margin, max(levels) + margin))


def _finished(figure: Figure, ax: Axes, comparison: Comparison) -> Figure:
    """Add the legend, and name the runs that are too far to be drawn."""
    far = [f"{run.name} (R = {run.rate:.0f})" for run in comparison.beyond]
    if far:
        shown = ", ".join(far[:3]) + (f" and {len(far) - 3} more" if len(far) > 3 else "")
        ax.set_title(f"beyond the right edge: {shown}", fontsize=8, loc="right", color=INK)
    legend(figure)
    return figure
