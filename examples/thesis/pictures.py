"""The figures of docs/results/thesis.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaescope.plotting import FAINT, INK, MARKERS, PALETTE, axes

FAMILIES = {"mdr": 0, "free_bits": 1, "cyclical_free_bits": 2, "beta_vae": 3, "infovae": 4, "cyclical": 5, "vae": 6}
NAMES = {
    "mdr": "minimum desired rate",
    "free_bits": "free bits",
    "cyclical_free_bits": "cyclical and free bits",
    "beta_vae": "beta-VAE",
    "infovae": "InfoVAE",
    "cyclical": "cyclical",
    "vae": "plain VAE",
}
MOST_RATE = 45
"""The largest rate in the figures; the autoencoder is far beyond."""


def family(label: str) -> str:
    """Return the family of a label: the label without its target."""
    return next((name for name in sorted(FAMILIES, key=len, reverse=True) if label.startswith(name)), "")


def runs_of(groups: dict[str, Any], name: str) -> list[Any]:
    """Return the runs of a family within the figures, by rate."""
    chosen = [run for label, group in groups.items() if family(label) == name for run in group]
    chosen = [run for run in chosen if run["estimates"]["rate"]["value"] < MOST_RATE]
    return sorted(chosen, key=lambda run: run["estimates"]["rate"]["value"])


def intervals(ax: Axes, groups: dict[str, Any], estimate: str) -> None:
    """Draw an interval of each run against its rate."""
    for name, i in FAMILIES.items():
        for n, run in enumerate(runs_of(groups, name)):
            rate, found = run["estimates"]["rate"]["value"], run["estimates"][estimate]
            ax.plot([rate] * 2, [found["low"], found["high"]], color=PALETTE[i], lw=3, alpha=0.55)
            label = NAMES[name] if n == 0 else None
            ax.plot(rate, found["low"], color=PALETTE[i], marker=MARKERS[i], ms=6, ls="", label=label)
    ax.set(xlim=(-1, MOST_RATE), xlabel="rate R (nats per sentence)")


def marginal_kl(groups: dict[str, Any], published: dict[str, Any]) -> Figure:
    """Marginal KL against the rate: the intervals of these runs, and the published points."""
    figure, (ours, theirs) = axes(9.6, 4.4, 2)
    intervals(ours, groups, "marginal_kl")
    for name in ("mdr", "free_bits", "cyclical_free_bits"):
        rows = [r for label, r in published["rows"].items() if family(label) == name]
        i = FAMILIES[name]
        theirs.plot([r["rate"] for r in rows], [r["marginal_kl"] for r in rows], color=PALETTE[i], marker=MARKERS[i])
    theirs.set(title="published: points from a fitted mixture", xlabel="rate R (nats per sentence)")
    ours.set(title="here: 95% intervals, the sign at the lower end", ylabel="KL(q(z) ‖ p(z)) (nats)")
    for ax in (ours, theirs):
        ax.axline((0, 0), slope=1, color=FAINT, ls=":", lw=1)
        ax.set(xlim=(-1, MOST_RATE), ylim=(-0.6, 26))
    figure.legend(*ours.get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False, labelcolor=INK)
    return figure


def information(groups: dict[str, Any]) -> Figure:
    """Information against the rate, with log of the number of sentences."""
    figure, (ax,) = axes(6.4, 4.4)
    intervals(ax, groups, "mutual_information")
    ceilings = [run["estimates"]["mutual_information"].get("ceiling") for group in groups.values() for run in group]
    ceiling = next((c for c in ceilings if c), None)
    if ceiling:
        ax.axhline(ceiling, color=INK, ls="--", lw=1, label=f"log N = {ceiling:.2f}")
    ax.axline((0, 0), slope=1, color=FAINT, ls=":", lw=1, label="all of the rate is information")
    ax.set(ylabel="I(X;Z) (nats)", ylim=(-1, MOST_RATE))
    figure.legend(loc="outside upper center", ncols=3, frameon=False, labelcolor=INK)
    return figure


def rate_distortion(groups: dict[str, Any]) -> Figure:
    """Rate-distortion plane and log-likelihood against rate, with the language model's line."""
    figure, (plane, likelihood) = axes(9.6, 4.4, 2)
    for name, i in FAMILIES.items():
        for n, run in enumerate(runs_of(groups, name)):
            e = run["estimates"]
            label = NAMES[name] if n == 0 else None
            look: dict[str, Any] = {"color": PALETTE[i], "marker": MARKERS[i], "ms": 6, "ls": ""}
            plane.plot(e["rate"]["value"], e["distortion"]["value"], label=label, **look)
            likelihood.plot(e["rate"]["value"], e["log_likelihood"]["value"], **look)
    for run in groups.get("language_model", [])[:1]:
        nll = run["estimates"]["distortion"]["value"]
        plane.axhline(nll, color=INK, ls="--", lw=1, label="language model")
        plane.axline((0, nll), slope=-1, color=FAINT, ls=":", lw=1, label="its −ELBO")
        likelihood.axhline(-nll, color=INK, ls="--", lw=1)
    plane.set(xlabel="rate R (nats per sentence)", ylabel="distortion D (nats per sentence)")
    likelihood.set(xlabel="rate R (nats per sentence)", ylabel="log p(x) ≥ (nats per sentence)")
    figure.legend(loc="outside upper center", ncols=5, frameon=False, labelcolor=INK)
    return figure


def trajectories(groups: dict[str, Any]) -> Figure:
    """The rate during training of each run with a constraint, and its target."""
    figure, (ax,) = axes(6.4, 4.0)
    for i, target in enumerate((4, 8, 16, 24, 32)):
        for run in groups.get(f"mdr-{target}", []):
            ax.plot(*zip(*run["trajectory"], strict=True), color=PALETTE[i], lw=1.2)
        if f"mdr-{target}" in groups:
            ax.axhline(target, color=PALETTE[i], ls="--", lw=0.8)
    ax.set(xlabel="optimiser step", ylabel="rate R of the training texts (nats)", ylim=(0, 42))
    return figure


def draw(groups: dict[str, Any], published: dict[str, Any], out: Path) -> None:
    """Write every figure as PNG for the page and as PDF for a paper."""
    figures = {
        "marginal_kl": marginal_kl(groups, published),
        "information": information(groups),
        "rate_distortion": rate_distortion(groups),
        "trajectories": trajectories(groups),
    }
    for name, figure in figures.items():
        figure.savefig(out / f"{name}.png", dpi=130)
        figure.savefig(out / f"{name}.pdf", metadata={"CreationDate": None})
