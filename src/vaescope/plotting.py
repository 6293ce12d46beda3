"""How figures look: a palette for every eye, no pyplot, and SVG that takes the page's colours."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from vaescope.writing import whole_file, write_text

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6BB1", "#7F7F7F")
"""Colours of runs: those of Okabe and Ito (2008), which people with a colour vision deficiency can distinguish."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""Shapes of runs, so that colour is never the only difference."""

HOVER = "hover: "
"""Before the text that an artist shows under the pointer, in its ``gid``."""

INK, FAINT = "#1b2021", "#9aa3a7"
_PAGE_COLOURS = {INK: "var(--ink)", FAINT: "var(--faint)"} | {c: f"var(--c{i})" for i, c in enumerate(PALETTE)}
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.edgecolor": FAINT,
    "grid.color": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 10,
    "axes.titlesize": 10,
}


class Picture(Figure):
    """A figure that a notebook shows, although it is none of pyplot's."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=100, facecolor="white")
        return buffer.getvalue()


def axes(width: float = 5.6, height: float = 3.8, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure with ``columns`` axes side by side, in the style of the page."""
    with matplotlib.rc_context(_SETTINGS):
        figure = Picture(figsize=(width, height), layout="constrained")
        return figure, list(figure.subplots(1, columns, squeeze=False)[0])


def grid(width: float, height: float, *, rows: list[float], columns: int) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure with axes in ``rows``, given by their relative heights, of ``columns`` each."""
    with matplotlib.rc_context(_SETTINGS):
        figure = Picture(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(len(rows), columns, squeeze=False, height_ratios=rows).tolist()


def histogram(ax: Axes, values: ArrayLike, *, bins: int = 50, filled: bool = True, **style: Any) -> None:
    """Draw the density of finite values, which may all be equal up to rounding.

    >>> _, (ax,) = axes()
    >>> histogram(ax, [1.0, 1.0 + 1e-15], label="rates")
    """
    finite = np.asarray(values, dtype=float).ravel()
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return
    low, high = finite.min(), finite.max()
    least = 1e-6 * max(abs(low), abs(high), 1e-6)
    if high - low < least:
        low, high = low - least, high + least
    kind = {"color": PALETTE[0]} if filled else {"color": INK, "histtype": "step"}
    ax.hist(finite, bins=np.linspace(low, high, bins + 1).tolist(), density=True, **kind | style)


def ticks(ax: Axes, values: ArrayLike) -> None:
    """Mark these values on a logarithmic horizontal axis, and no others, whose labels would collide."""
    shown = np.asarray(values, dtype=float)
    shown = shown[:: -max(1, len(shown) // 5)]
    ax.set_xticks(shown.tolist(), [f"{value:,.0f}" for value in shown])
    ax.minorticks_off()


def look(run: int) -> tuple[str, str]:
    """Return the colour and the marker of the run (or the family of runs) at a position; 64 positions differ.

    >>> look(0), look(8)
    (('#0072B2', 'o'), ('#0072B2', 's'))
    """
    return PALETTE[run % len(PALETTE)], MARKERS[(run + run // len(PALETTE)) % len(MARKERS)]


def legend(figure: Figure) -> None:
    """Name the runs above the axes, where no point can be hidden, in as many columns as their names leave room for."""
    _, labels = figure.axes[0].get_legend_handles_labels()
    widest = max((len(label) for label in labels), default=0)
    columns = max(1, min(5, int(16 * figure.get_figwidth() / (widest + 7))))
    figure.legend(
        loc="outside upper center", ncols=columns, frameon=False, labelcolor=INK, fontsize=9, columnspacing=1.2
    )


def svg(figure: Figure, name: str) -> str:
    """Return a figure as inline SVG whose colours follow the page (light or dark); ``name`` keeps its ids apart.

    >>> figure, (ax,) = axes()
    >>> svg(figure, "empty").startswith("<svg")
    True
    """
    return _inline(_drawn(figure, name), name)


def save(figure: Figure, folder: Path, name: str) -> str:
    """Write ``NAME.svg`` and ``NAME.pdf`` for a paper, the same bytes every time, and return what ``svg`` would.

    Text stays text, in dark ink on no background.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = _drawn(figure, name)
    write_text(folder / f"{name}.svg", text)
    with matplotlib.rc_context(_SETTINGS), whole_file(folder / f"{name}.pdf") as new:
        figure.savefig(new, transparent=True, metadata={"CreationDate": None})
    return _inline(text, name)


def _drawn(figure: Figure, name: str) -> str:
    """Return a figure as the text of an SVG file; its layout, which takes most of the time, is then settled."""
    buffer = io.StringIO()
    with matplotlib.rc_context(_SETTINGS | {"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    figure.set_layout_engine("none")
    return re.sub(rf'<g id="{HOVER}([^"]*)">', r"<g><title>\1</title>", buffer.getvalue())


def _inline(text: str, name: str) -> str:
    text = text[text.index("<svg") :]
    for colour, variable in _PAGE_COLOURS.items():
        text = text.replace(colour.lower(), variable)
    text = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.S)
    return re.sub(r'(?<=\s)(width|height)="[\d.]+pt"\s*', "", text, count=2)
