"""The figures that compare runs."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vaescope.estimators.estimate import Estimate
from vaescope.plotting import FAINT, INK, PALETTE, axes, legend, look
from vaescope.report.plane import elbo_lines, entropy_line
from vaescope.report.run import RunReport
from vaescope.report.tables import entropy


def rate_distortion(runs: Sequence[RunReport]) -> Figure:
    """Draw the rate-distortion plane: each run a point, lines of equal ELBO, and R + D = H where H is known.

    No model can lie below R + D = H; the distance to it is KL(q(x, z) || p(x, z)) (Alemi et al. 2018).
    """
    figure, (ax,) = axes()
    for i, run in enumerate(runs):
        colour, marker = look(i)
        rate, distortion = run.assessment.estimates["rate"], run.assessment.estimates["distortion"]
        ax.plot(rate.value, distortion.value, color=colour, marker=marker, ms=8, ls="", label=run.name)
        ax.errorbar(rate.value, distortion.value, 1.96 * distortion.se, 1.96 * rate.se, color=colour)
    h = next((h for run in runs if (h := entropy(run.assessment)) is not None), None)
    _frame(ax, runs, h)
    elbo_lines(ax, least=h)
    if h is not None:
        entropy_line(ax, h)
    ax.set(xlabel="rate R (nats per text)", ylabel="distortion D (nats per text)")
    legend(figure)
    return figure


def bounds(runs: Sequence[RunReport]) -> Figure:
    """Draw, for each run, what a text costs (D + R against H) and what z says about it (H - D <= I <= R)."""
    figure, (cost, says) = axes(9.0, 1.5 + 0.55 * len(runs), columns=2)
    rows = range(len(runs))
    for row, run in zip(rows, runs, strict=True):
        estimates = run.assessment.estimates
        rate, distortion = estimates["rate"].value, estimates["distortion"].value
        label = row == 0
        cost.barh(row, distortion, 0.5, color=PALETTE[0], label="distortion D" if label else None)
        cost.barh(row, rate, 0.5, left=distortion, color=PALETTE[4], label="rate R" if label else None)
        h = entropy(run.assessment)
        if h is not None:
            cost.plot([h, h], [row - 0.4, row + 0.4], color=INK, lw=2, label="H(X), exact" if label else None)
            says.plot(
                h - distortion, row, marker="|", ms=18, mew=2, color=PALETTE[0], ls="", label="H − D" if label else None
            )
        says.plot([rate if h is None else h - distortion, rate], [row, row], color=FAINT, lw=1)
        says.plot(rate, row, marker="|", ms=18, mew=2, color=PALETTE[4], ls="", label="rate R" if label else None)
        information = estimates.get("mutual_information")
        if information is not None:
            says.barh(
                row,
                max(information.high - information.low, 0.01),
                0.28,
                left=information.low,
                color=PALETTE[2],
                label="I(X;Z), 95% interval" if label else None,
            )
    for ax, title in ((cost, "what a text costs: −ELBO = D + R"), (says, "what z says about it: H − D ≤ I ≤ R")):
        ax.set(title=title, xlabel="nats per text", yticks=list(rows), yticklabels=[run.name for run in runs])
        ax.invert_yaxis()
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.3), ncols=3, frameon=False, labelcolor=INK)
    return figure


def rate_trajectories(runs: Sequence[RunReport]) -> Figure:
    """Draw the rate of each run along its training, and its target."""
    figure, (ax,) = axes()
    for i, run in enumerate(runs):
        colour, _ = look(i)
        points = [(m["step"], m["rate"]) for m in run.metrics if isinstance(m.get("rate"), int | float)]
        if points:
            ax.plot(*zip(*points, strict=True), color=colour, lw=1.5, label=run.name)
    targets = sorted({run.target_rate for run in runs if run.target_rate is not None})
    for target in targets:
        ax.axhline(target, color=INK, ls="--", lw=1, label=f"target {target:g}")
    ax.set(xlabel="optimiser step", ylabel="rate R (nats per text)")
    ax.set_ylim(bottom=0)
    legend(figure)
    return figure


def marginal_kl(runs: Sequence[RunReport]) -> Figure:
    """Draw the marginal KL against the rate: how much of the rate is spent on q(z) unlike p(z)."""
    figure, (ax,) = axes()
    for i, run in enumerate(runs):
        colour, marker = look(i)
        rate, kl = run.assessment.estimates["rate"], run.assessment.estimates.get("marginal_kl")
        if kl is None:
            continue
        low, high = kl.low, kl.high
        ax.plot([rate.value] * 2, [low, high], color=colour, lw=4, alpha=0.5, solid_capstyle="butt")
        ax.plot(rate.value, _centre(kl), color=colour, marker=marker, ms=7, ls="", label=run.name)
    ax.axline((0, 0), slope=1, color=FAINT, ls=":", lw=1)
    right = max(run.assessment.estimates["rate"].value for run in runs)
    highs = [k.high for run in runs if (k := run.assessment.estimates.get("marginal_kl")) is not None]
    ax.set(xlim=(0, 1.15 * right + 0.1), ylim=(0, 1.25 * max([*highs, 0.1])))
    ax.set(xlabel="rate R (nats per text)", ylabel="KL(q(z) ‖ p(z)) (nats)")
    legend(figure)
    return figure


def unit_rates(runs: Sequence[RunReport]) -> Figure:
    """Draw the rate of each latent unit, the largest first."""
    figure, (ax,) = axes()
    for i, run in enumerate(runs):
        colour, marker = look(i)
        rates = sorted(rates_by_unit(run), reverse=True)
        ax.plot(range(1, len(rates) + 1), rates, color=colour, marker=marker, ms=5, lw=1, label=run.name)
    ax.set(xlabel="latent unit, by rate", ylabel="rate of the unit (nats per text)")
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend(figure)
    return figure


def rates_by_unit(run: RunReport) -> list[float]:
    """Return the rate of each latent unit, or nothing where the assessment has none."""
    units = run.assessment.estimates.get("active_units")
    return list((units.detail or {}).get("rates", [])) if units is not None else []


def _centre(estimate: Estimate) -> float:
    return (estimate.low + estimate.high) / 2 if estimate.kind == "interval" else estimate.value


def _frame(ax: Axes, runs: Sequence[RunReport], h: float | None) -> None:
    rates = [run.assessment.estimates["rate"].value for run in runs]
    distortions = [run.assessment.estimates["distortion"].value for run in runs]
    right = 1.15 * max(rates) + 0.5
    low = min([*distortions, *([] if h is None else [h - right])])
    margin = 0.12 * (max(distortions) - low) + 0.5
    ax.set(xlim=(-0.03 * right, right), ylim=(low - margin, max(distortions) + margin))
