"""Draw docs/images/four_models.png: four models of one unit, three of them with a rate of 2 nats.

python docs/make_pictures.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from vaescope import plotting

GRID = np.linspace(-6, 6, 1201)
STEP = GRID[1] - GRID[0]


def density(mean: float, std: float) -> np.ndarray:
    """Return N(mean, std^2) on the grid."""
    return np.exp(-0.5 * ((GRID - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))


def numbers(means: np.ndarray, std: float) -> tuple[float, float, float]:
    """Return rate, information and marginal KL of a mixture of equal Gaussians against N(0, 1), by quadrature."""
    rate = float(np.mean(0.5 * (means**2 + std**2 - 1) - np.log(std)))
    q, p = np.mean([density(m, std) for m in means], axis=0), density(0, 1)
    marginal = float(np.sum(STEP * q * np.log(np.maximum(q, 1e-300) / p)))
    return rate, rate - marginal, marginal


def models() -> dict[str, tuple[np.ndarray, float]]:
    """Return the means and the std of q(z|x) of each model: means so far out that the rate is 2 nats."""
    quantiles = (np.arange(200) + 0.5) / 200
    normal = np.interp(quantiles, np.cumsum(density(0, 1)) * STEP, GRID)
    narrow = np.exp(-2.0)  # a matched encoder with I = 2 nats: std e^-2, means of variance 1 - std^2
    spread = normal * np.sqrt((1 - narrow**2) / np.mean(normal**2))
    std = 0.8
    shift = np.sqrt(4 + 1 - std**2 + 2 * np.log(std))
    ends = np.where(np.arange(200) % 2, 1.0, -1.0) * np.sqrt(4 + 1 - 0.25 + 2 * np.log(0.5))
    return {
        "collapsed": (np.zeros(200), 1.0),
        "all of it information": (spread, narrow),
        "shifted alike for all texts": (np.full(200, shift), std),
        "two clusters": (ends, 0.5),
    }


def main() -> None:
    """Draw the four models."""
    figure = Figure(figsize=(10, 2.8), layout="constrained")
    panels = figure.subplots(1, 4, sharey=True)
    for axes, (name, (means, std)) in zip(panels, models().items(), strict=True):
        curves = [density(m, std) for m in means]
        rate, information, marginal = (abs(value) for value in numbers(means, std))
        axes.fill_between(GRID, np.mean(curves, axis=0), color=plotting.PALETTE[0], alpha=0.35, lw=0, label="q(z)")
        for curve in curves[:: max(1, len(curves) // 8)]:
            axes.plot(GRID, curve / 12, color=plotting.PALETTE[0], lw=0.7)
        axes.plot(GRID, density(0, 1), "--", color="#555555", lw=1.2, label="p(z)")
        axes.set_title(f"{name}\nR {rate:.1f} = I {information:.1f} + marginal KL {marginal:.1f}", fontsize=9)
        axes.set(xlabel="z", xlim=(-5, 5), ylim=(0, 0.65), yticks=[])
        axes.spines[["left", "right", "top"]].set_visible(False)
    panels[0].legend(frameon=False, fontsize=8)
    figure.savefig(Path(__file__).parent / "images" / "four_models.png", dpi=130)


if __name__ == "__main__":
    main()
