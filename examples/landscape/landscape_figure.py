"""The figure: two landscapes, the codes along the path, the parts of the rate, and the rate-distortion plane."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from closed_forms import Linear, Numbers, Toy
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image
from torch import Tensor

from vaescope.estimators.aggregate_density import log_aggregate
from vaescope.estimators.gaussian import log_density, standard_log_density
from vaescope.plotting import FAINT, INK, PALETTE, grid

INFORMATION, KL = PALETTE[2], PALETTE[1]
PATH = PALETTE[0]
HEIGHTS = LinearSegmentedColormap.from_list("heights", ["#c3d2da", "#ffffff"])
LETTERS = "ABCDE"
SHOWN = (0, 2, 4)
BOX = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 2}
BOUNDS = {"linear": (0.0, 2.35, 0.08, 3.3), "toy": (0.3, 2.2, 0.08, 0.72)}
REACH = {"linear": 6.0, "toy": 4.0}
WORDS = {
    "linear": {"rate": (0.1, 3.13), "information": (1.25, 2.5), "marginal KL": (2.15, 0.8)},
    "toy": {"rate": (1.1, 2.2), "information": (1.1, 1.66), "marginal KL": (1.1, 0.7)},
}
LABELS = {
    "linear": ("slope of the encoder", "standard deviation of a code"),
    "toy": ("how far apart the codes lie", "standard deviation of a code"),
}
NOTES = (
    "linear-Gaussian VAE:\nthe decoder ignores this unit",
    "toy: one of five symbols,\nthe decoder sees z through a blur",
)


def draw(found: dict[str, Any], paths: dict[str, Tensor]) -> Figure:
    """Draw both models, one row each."""
    picture, axes = grid(12.5, 7.4, rows=[1, 1], columns=4)
    for row, name, model in zip(axes, ("linear", "toy"), (Linear(), Toy()), strict=True):
        stops = found[name]
        landscape(row[0], name, model, paths[name], stops)
        codes(row[1], name, model, stops)
        shares(row[2], name, model.numbers(*paths[name].T), stops)
        plane(row[3], found["entropy"][name], stops)
    for run in found["forced"]["linear"]:
        trained(axes[0][0], run)
    titles = (
        "1. From A to E the ELBO\nstays as it is …",
        "2. … but all codes together look\nless and less like the prior:",
        "3. the rate buys marginal KL,\nnot information.",
        "4. The usual picture\ndoes not show it.",
    )
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title, fontsize=10.5, weight="bold", loc="left", color=INK)
    for ax, note in zip((axes[0][0], axes[1][0]), NOTES, strict=True):
        ax.text(0.97, 0.97, note, transform=ax.transAxes, fontsize=8.5, color=INK, ha="right", va="top", bbox=BOX)
    key(picture)
    return picture


def save_small(picture: Figure, path: Path, dpi: int) -> Path:
    """Write a PNG of 256 colours, which is a third of the size."""
    buffer = io.BytesIO()
    picture.savefig(buffer, dpi=dpi)
    Image.open(buffer).convert("RGB").quantize(256).save(path, optimize=True)
    return path


def key(picture: Figure) -> None:
    """Name the lines below the axes."""
    lines = {
        "q(z), all texts together": {"color": PATH, "lw": 2},
        "q(z|x), single texts": {"color": FAINT, "lw": 1},
        "prior p(z)": {"color": INK, "ls": ":", "lw": 1.4},
        "trained under a floor on the rate, from ● to ✕": {"color": KL, "ls": "--", "lw": 1.2},
        "95% interval of the assessment": {"color": INK, "lw": 3},
    }
    handles = [Line2D([], [], label=label, **style) for label, style in lines.items()]
    picture.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=9, labelcolor=INK)


def landscape(ax: Axes, name: str, model: Linear | Toy, path: Tensor, stops: list[dict[str, Any]]) -> None:
    """Draw the ELBO over the two parameters, and the path."""
    left, right, bottom, top = BOUNDS[name]
    x = torch.linspace(left, right, 90, dtype=torch.float64)
    y = torch.linspace(bottom, top, 90, dtype=torch.float64)
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    elbo = model.numbers(grid_x, grid_y).elbo.numpy()
    here = stops[0]["exact"]["elbo"]
    levels = np.arange(here - 4.5, elbo.max() + 0.5, 0.5)
    ax.contourf(x, y, elbo, levels=levels, cmap=HEIGHTS, vmin=here - 1.5, extend="min")
    lines = ax.contour(x, y, elbo, levels=levels, colors=FAINT, linewidths=0.7, linestyles="solid")
    ax.clabel(lines, levels[::2], fontsize=7, fmt="ELBO %.1f")
    ax.plot(*path.T, color=PATH, lw=2.5, zorder=3)
    for letter, stop in zip(LETTERS, stops, strict=True):
        px, py = stop["parameters"]
        ax.plot(px, py, "o", ms=12, mfc="white", mec=PATH, mew=1.5, zorder=4, clip_on=False)
        ax.text(px, py, letter, ha="center", va="center_baseline", fontsize=8, weight="bold", color=PATH, zorder=5)
    ax.set(xlabel=LABELS[name][0], ylabel=LABELS[name][1], xlim=(left, right), ylim=(bottom, top))


def trained(ax: Axes, run: dict[str, Any]) -> None:
    """Draw the paths of training with a floor on the rate."""
    points = np.array(run["path"])
    ax.plot(points[:, 0], points[:, 1], color=KL, lw=1.2, ls="--", zorder=3)
    ax.plot(*points[0], "o", ms=3.5, color=KL, zorder=4)
    ax.plot(*points[-1], "X", ms=7, mfc=KL, mec="white", mew=0.6, zorder=6)


def codes(ax: Axes, name: str, model: Linear | Toy, stops: list[dict[str, Any]]) -> None:
    """Draw q(z), some q(z|x) and p(z) at the start, the middle and the end, one above the other."""
    z = torch.linspace(-REACH[name], REACH[name], 241, dtype=torch.float64)
    for place, i in enumerate(reversed(SHOWN)):
        mean_N, std_N = model.codes(*stops[i]["parameters"])
        aggregate = log_aggregate(z[:, None], mean_N[:, None], std_N[:, None]).exp()
        scale = 0.72 / max(aggregate.max().item(), 0.4)
        some = slice(None) if len(mean_N) == 5 else slice(20, None, 60)
        for mean, std in zip(mean_N[some], std_N[some], strict=True):
            single = log_density(z, mean, std).exp()
            ax.plot(z, place + 0.35 * single / single.max(), color=FAINT, lw=0.8)
        ax.fill_between(z, place, place + scale * aggregate, color=PATH, alpha=0.35, lw=0)
        ax.plot(z, place + scale * aggregate, color=PATH, lw=1.5)
        ax.plot(z, place + scale * standard_log_density(z).exp(), color=INK, ls=":", lw=1.4)
        ax.text(-REACH[name], place + 0.62, f" {LETTERS[i]}", weight="bold", color=PATH, fontsize=10)
    ax.set(
        xlabel="z of this unit" if name == "linear" else "z",
        yticks=[],
        ylim=(0, 2.95),
        xlim=(-REACH[name], REACH[name]),
    )
    ax.spines["left"].set_visible(False)


def shares(ax: Axes, name: str, at: Numbers, stops: list[dict[str, Any]]) -> None:
    """Draw rate, information and marginal KL along the path, with the intervals that vaescope measured."""
    t = torch.linspace(0, len(stops) - 1, len(at.rate))
    lines = {"rate": (at.rate, INK), "information": (at.information, INFORMATION), "marginal KL": (at.marginal_kl, KL)}
    names = {"rate": "rate", "information": "mutual_information", "marginal KL": "marginal_kl"}
    for label, (values, colour) in lines.items():
        ax.plot(t, values, color=colour, lw=1.3)
        for i, stop in enumerate(stops):
            bar(ax, i, stop["estimates"][names[label]], colour)
        ax.text(*WORDS[name][label], label, color=colour, fontsize=9, weight="bold")
    ax.set(xticks=range(len(stops)), xticklabels=LETTERS, xlabel="along the path", ylabel="nats")
    ax.set(ylim=(-0.03, 1.18 * at.rate.max().item()))


def bar(ax: Axes, x: float, estimate: dict[str, Any], colour: str) -> None:
    """Draw the 95% interval of an estimate."""
    ax.plot([x, x], [max(estimate["low"], 0.0), estimate["high"]], color=colour, lw=4, solid_capstyle="butt", zorder=4)


def plane(ax: Axes, entropy: float, stops: list[dict[str, Any]]) -> None:
    """Draw the stops in the rate-distortion plane, as measured, with lines of constant ELBO and the limit R + D = H."""
    points = [[stop["estimates"][name] for name in ("rate", "distortion")] for stop in stops]
    places = np.array([[e["value"] for e in point] for point in points])
    (cx, cy), half = places.mean(0), 1.35
    for step in np.arange(-3, 3.01, 0.5):
        ax.axline((cx, cy + step), slope=-1, color=FAINT, lw=0.7, ls=":" if step else "-")
    ax.axline((0, entropy), slope=-1, color=INK, lw=1.5)
    for letter, point, (x, y) in zip(LETTERS, points, places, strict=True):
        (left, right), (low, high) = ([e["low"], e["high"]] for e in point)
        ax.plot([left, right], [y, y], color=PATH, lw=2.5, solid_capstyle="butt", zorder=3)
        ax.plot([x, x], [low, high], color=PATH, lw=2.5, solid_capstyle="butt", zorder=3)
        if np.ptp(places, 0).max() > 0.2:
            ax.annotate(letter, (x, y), (4, 4), textcoords="offset points", color=PATH, weight="bold", fontsize=9)
    if np.ptp(places, 0).max() <= 0.2:
        ax.annotate("A to E", (cx, cy), (8, 8), textcoords="offset points", color=PATH, weight="bold", fontsize=9)
    along = {"rotation": -45, "rotation_mode": "anchor", "fontsize": 8, "ha": "left", "va": "bottom"}
    ax.text(cx - 0.9 * half, cy + 0.9 * half, "the same ELBO", color=FAINT, **along)
    x = max(cx - 0.95 * half, entropy - cy - 0.95 * half)
    ax.text(x, entropy - x, "R + D = H", color=INK, **along)
    ax.set(xlim=(cx - half, cx + half), ylim=(cy - half, cy + half))
    ax.set(xlabel="rate R (nats)", ylabel="distortion D (nats)", box_aspect=1, anchor="N")
