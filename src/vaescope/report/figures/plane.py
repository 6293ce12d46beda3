"""The rate-distortion plane: lines of equal ELBO, and the line R + D = H, which is a lower limit for all models."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from vaescope.plotting import FAINT, INK


def entropy_line(ax: Axes, h: float) -> None:
    """Draw R + D = H and shade the area below it; the limits of the axes must be set."""
    ax.axline((0, h), slope=-1, color=INK, lw=1.5)
    ax.fill_between([-1e4, 1e4], [h + 1e4, h - 1e4], -1e4, color=FAINT, alpha=0.2, lw=0)
    left, right = ax.get_xlim()
    left += 0.02 * (right - left)
    _along(ax, left, h - left, f"R + D = H = {h:.1f}: no model is below", INK, ha="left", va="top")


def elbo_lines(ax: Axes, *, least: float | None = None) -> None:
    """Draw lines of equal ELBO = -(R + D) at round values, of R + D >= least; the limits of the axes must be set."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    for total in _nice_levels(max(left + bottom, -np.inf if least is None else least), right + top):
        ax.axline((0, total), slope=-1, color=FAINT, lw=0.8, ls=":")
        x = min(right - 0.02 * (right - left), total - bottom)
        if x - left > 0.12 * (right - left):
            _along(ax, x, total - x, f"ELBO −{total:g} ", FAINT)


def _nice_levels(low: float, high: float) -> np.ndarray:
    step = 10 ** np.floor(np.log10((high - low) / 4))
    step *= 5 if (high - low) / step > 20 else 2 if (high - low) / step > 8 else 1
    return np.arange(np.ceil(low / step) * step, high, step)


def _along(ax: Axes, x: float, y: float, text: str, colour: str, *, ha: str = "right", va: str = "bottom") -> None:
    """Write along the line of slope -1 through (x, y)."""
    place: dict[str, Any] = {
        "ha": ha,
        "va": va,
        "rotation": -45,
        "rotation_mode": "anchor",
        "transform_rotates_text": True,
    }
    ax.text(x, y, text, fontsize=8, color=colour, clip_on=True, **place)
