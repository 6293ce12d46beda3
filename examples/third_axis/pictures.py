"""The figures of docs/results/third_axis.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from vaescope.plotting import FAINT, INK, MARKERS, PALETTE, axes

FAMILIES = ("mdr", "free_bits", "free_bits_total", "information_floor", "marginal_cap", "vae")


def family(run: dict[str, Any]) -> str:
    """Return the objective of a run, without its target."""
    label: str = run["label"]
    return label.rpartition("-")[0] or label


def marginal_kl(runs: list[dict[str, Any]]) -> Figure:
    """Marginal KL against the rate, as 95% intervals."""
    figure, (ax,) = axes(6.8, 4.4)
    for i, name in enumerate(FAMILIES):
        for n, run in enumerate(run for run in runs if family(run) == name):
            rate, found = run["trained"]["rate"]["value"], run["trained"]["marginal_kl"]
            middle = (found["low"] + found["high"]) / 2
            ax.plot([rate] * 2, [found["low"], found["high"]], color=PALETTE[i], lw=3, alpha=0.6)
            ax.plot(rate, middle, color=PALETTE[i], marker=MARKERS[i], ls="", label=name if n == 0 else None)
    ax.axline((0, 0), slope=1, color=FAINT, ls=":", lw=1)
    ax.set(xlabel="rate R (nats per text)", ylabel="KL(q(z) ‖ p(z)) (nats per text)")
    figure.legend(loc="outside upper center", ncols=3, frameon=False, labelcolor=INK)
    return figure


def split(runs: list[dict[str, Any]]) -> Figure:
    """Information, marginal KL and decoder mismatch of each run, stacked; a bar is the middle of an interval."""
    figure, (ax,) = axes(8.2, 0.9 + 0.32 * len(runs))
    for row, run in enumerate(runs):
        e, left = run["trained"], 0.0
        parts = [(e[key]["low"], e[key]["high"]) for key in ("mutual_information", "marginal_kl")]
        parts.append(tuple(e["joint_inconsistency"]["decoder_mismatch"]))
        for i, (low, high) in enumerate(parts):
            middle = (low + high) / 2
            ax.barh(row, middle, left=left, color=PALETTE[(2, 1, 0)[i]], height=0.7)
            left += middle
            ax.plot([left - (high - low) / 2, left + (high - low) / 2], [row, row], color=INK, lw=1)
    ax.set_yticks(range(len(runs)), [run["label"] + (f" ({run['seed']})" if run["seed"] else "") for run in runs])
    ax.invert_yaxis()
    for i, name in enumerate(("information", "marginal KL", "decoder mismatch")):
        ax.barh(0, 0, color=PALETTE[(2, 1, 0)[i]], label=name)
    ax.set(xlabel="nats per text; lines are the 95% intervals")
    figure.legend(loc="outside upper center", ncols=3, frameon=False, labelcolor=INK)
    return figure


def draw(runs: list[dict[str, Any]], out: Path) -> None:
    """Write every figure."""
    if runs:
        marginal_kl(runs).savefig(out / "marginal_kl.png", dpi=120)
        split(runs).savefig(out / "split.png", dpi=120)
