"""The aggregate posterior along training: one column per snapshot, against the prior."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Patch
from torch import Tensor

from vaescope.assessment.assess import assess
from vaescope.errors import UserError
from vaescope.estimators.aggregate_density import log_aggregate
from vaescope.estimators.estimate import Estimate
from vaescope.estimators.gaussian import log_density, standard_log_density
from vaescope.evidence.draws import Draws
from vaescope.plotting import FAINT, INK, PALETTE, grid
from vaescope.randomness import stream
from vaescope.runs.snapshots import Snapshot

MOST = 8
"""Snapshots of one figure; of more, the first, the last and evenly spaced ones between are shown."""

MASSES = (0.5, 0.95)
"""Probability inside the contours, of the prior and of the aggregate posterior alike."""

GRID = 101
"""Points of a density along an axis."""

DOTS = 500
"""Posterior means that are drawn as dots."""


def figure(runs: Mapping[str, Sequence[Snapshot]]) -> Figure:
    """Draw q(z) of the validation texts at each step, for each run two rows.

    Above, the two units of the highest rate in the last snapshot: the density of q(z) = 1/N sum_n q(z|x_n), in the
    colour of the run, and the posterior means, with contours that hold 50% and 95% of the prior. Below, q(z_d) of every
    unit with those two in colour, and the prior dashed. Where q(z) = p(z) the coloured areas end at the contours.

    Raises:
        UserError: the runs have no step in common.
    """
    steps = common_steps(runs)
    picture, axes = grid(0.6 + 1.5 * len(steps), 3.9 * len(runs), rows=[1.6, 1.0] * len(runs), columns=len(steps))
    for i, (name, snapshots) in enumerate(runs.items()):
        chosen = [next(s for s in snapshots if s.step == step) for step in steps]
        _run_rows(axes[2 * i], axes[2 * i + 1], name, chosen, PALETTE[i % len(PALETTE)])
    standard = all(s.prior_z is None for snapshots in runs.values() for s in snapshots)
    keys = _keys(PALETTE[0] if len(runs) == 1 else FAINT, standard=standard)
    columns = 3 if picture.get_figwidth() >= 7 else 2 if picture.get_figwidth() >= 4.5 else 1
    picture.legend(handles=keys, loc="outside lower center", ncols=columns, frameon=False, labelcolor=INK, fontsize=8)
    return picture


def _keys(colour: str, *, standard: bool) -> list[Artist]:
    """Return the legend; with several runs the colour stands for that of each run."""
    prior: dict[str, Artist] = {
        "50% and 95% of the prior": Line2D([], [], color=INK, ls="--", lw=0.9),
        "p(z_d) of a unit": Line2D([], [], color=INK, ls=":", lw=1.2),
    }
    if not standard:
        prior["samples of the prior"] = Line2D([], [], color=FAINT, marker="+", ls="", ms=5)
    keys: dict[str, Artist] = {
        "50% of q(z)": Patch(color=to_rgba(colour, 0.65)),
        "95% of q(z)": Patch(color=to_rgba(colour, 0.3)),
        "posterior mean of a text": Line2D([], [], color=INK, marker=".", ls="", ms=3),
        **prior,
        "q(z_d) of the two units above (solid, dashed)": Line2D([], [], color=colour, lw=1.5),
        "q(z_d) of another unit": Line2D([], [], color=FAINT, lw=0.6),
    }
    for label, artist in keys.items():
        artist.set_label(label)
    return list(keys.values())


def common_steps(runs: Mapping[str, Sequence[Snapshot]]) -> list[int]:
    """Return the steps that all runs have, at most ``MOST``.

    Raises:
        UserError: there are none.
    """
    shared = sorted(set.intersection(*({s.step for s in snapshots} for snapshots in runs.values())))
    if not shared:
        raise UserError("the runs have no snapshot step in common; train them with the same training.snapshots")
    places = torch.linspace(0, len(shared) - 1, min(MOST, len(shared))).round().int().tolist()
    return [shared[place] for place in places]


def active_pair(snapshot: Snapshot) -> list[int]:
    """Return the two units (or the only one) of the highest rate against N(0, I), the higher first."""
    mean_ND, std_ND = snapshot.posterior_mean.double(), snapshot.posterior_std.double()
    rate_D = 0.5 * (mean_ND.square() + std_ND.square() - 1 - 2 * std_ND.log()).mean(0)
    return rate_D.argsort(descending=True, stable=True)[:2].tolist()


def numbers(snapshot: Snapshot, *, seed: int = 0) -> dict[str, Estimate]:
    """Return ``rate``, ``mutual_information`` and ``marginal_kl`` of the texts of a snapshot, with their intervals."""
    mean_ND, std_ND = snapshot.posterior_mean.double(), snapshot.posterior_std.double()
    noise_ND = torch.randn(mean_ND.shape, generator=stream(seed, "snapshot z"), dtype=torch.float64)
    z_ND = mean_ND + std_ND * noise_ND
    log_q_N = log_density(z_ND, mean_ND, std_ND).sum(1)
    # a snapshot, like these three numbers, has nothing about x
    draws = Draws(
        posterior_mean=mean_ND,
        posterior_std=std_ND,
        z=z_ND[None],
        log_p_x_z=torch.zeros_like(log_q_N)[None],
        log_p_z=standard_log_density(z_ND).sum(1)[None],
        log_q_z_x=log_q_N[None],
        tokens=torch.ones(len(z_ND), dtype=torch.long),
    )
    return assess(draws, diagnostics=["rate", "mutual_information", "marginal_kl"]).estimates


def _run_rows(above: Sequence[Axes], below: Sequence[Axes], name: str, chosen: list[Snapshot], colour: str) -> None:
    pair = active_pair(chosen[-1])
    limit = 1.1 * max(3.2, *(_reach(s, pair) for s in chosen))
    top = 1.15 * max(_margins(s, limit)[1].max().item() for s in chosen)
    for ax, margin, snapshot in zip(above, below, chosen, strict=True):
        _plane(ax, snapshot, pair, limit, colour)
        _units(margin, snapshot, pair, limit, min(top, 1.6), colour)
        ax.set_title(_title(snapshot), fontsize=8.5, color=INK)
        ax.tick_params(labelbottom=False, labelleft=ax is above[0])
    above[0].set_ylabel(f"{name}\nunit {pair[-1]}", color=INK)
    below[0].set_ylabel("density", color=INK)


def _title(snapshot: Snapshot) -> str:
    if snapshot.prior_z is not None:
        return f"step {snapshot.step}"
    found = numbers(snapshot)
    kl = found["marginal_kl"]
    return f"step {snapshot.step}\nrate {found['rate'].value:.2f}\nmarginal KL\n{kl.low:.2f} to {kl.high:.2f}"


def _reach(snapshot: Snapshot, pair: list[int]) -> float:
    """How far from 0 the encodings go: the 99.5% quantile of |mean| + 2 std."""
    far_N = (snapshot.posterior_mean.abs() + 2 * snapshot.posterior_std)[:, pair].amax(1)
    return far_N.quantile(0.995).item()


def _plane(ax: Axes, snapshot: Snapshot, pair: list[int], limit: float, colour: str) -> None:
    """Draw q(z) of two units as the areas that hold ``MASSES`` of it, the posterior means, and the prior."""
    if len(pair) < 2:
        ax.set_visible(False)
        return
    mean_N2, std_N2 = snapshot.posterior_mean[:, pair].double(), snapshot.posterior_std[:, pair].double()
    line_G = torch.linspace(-limit, limit, GRID, dtype=torch.float64)
    points_M2 = torch.cartesian_prod(line_G, line_G)
    density_GG = log_aggregate(points_M2, mean_N2, std_N2).exp().reshape(GRID, GRID).mT
    levels = [*highest_density(density_GG, (line_G[1] - line_G[0]).item() ** 2), 1.01 * density_GG.max().item()]
    shades = [to_rgba(colour, alpha) for alpha in (0.3, 0.65)]
    ax.contourf(line_G.numpy(), line_G.numpy(), density_GG.numpy(), levels=levels, colors=shades)
    # texts are sorted by length, so plot every k-th one
    dots_N2 = mean_N2[:: max(1, len(mean_N2) // DOTS)]
    ax.scatter(dots_N2[:, 0], dots_N2[:, 1], s=1.5, color=INK, lw=0, rasterized=True)
    if snapshot.prior_z is None:
        for mass in MASSES:
            ax.add_patch(Circle((0, 0), math.sqrt(-2 * math.log(1 - mass)), fill=False, ls="--", lw=0.9, ec=INK))
    else:
        ax.scatter(
            snapshot.prior_z[:DOTS, pair[0]],
            snapshot.prior_z[:DOTS, pair[1]],
            s=6,
            marker="+",
            color=FAINT,
            lw=0.5,
            rasterized=True,
            zorder=0,
        )
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel=f"unit {pair[0]}", box_aspect=1)


def highest_density(density: Tensor, cell: float) -> list[float]:
    """Return the levels above which a density on a grid holds ``MASSES``, the lower level first.

    >>> highest_density(torch.tensor([0.1, 0.6, 0.3]), 1.0)
    [0.1000..., 0.6000...]
    """
    falling = density.flatten().double().sort(descending=True).values
    held = falling.cumsum(0) * cell
    places = [min(int((held < mass - 1e-9).sum()), len(falling) - 1) for mass in MASSES]
    low, high = falling[places[1]].item(), falling[places[0]].item()
    return [low, max(high, low * (1 + 1e-6))]


def _units(ax: Axes, snapshot: Snapshot, pair: list[int], limit: float, top: float, colour: str) -> None:
    """Draw q(z_d) of every unit, the two of the plane in colour, and the prior."""
    line_G, margin_DG = _margins(snapshot, limit)
    for d, margin_G in enumerate(margin_DG):
        if d not in pair:
            ax.plot(line_G, margin_G, color=FAINT, lw=0.6)
    for d, style in zip(pair, ("-", (0, (4, 1))), strict=False):
        ax.plot(line_G, margin_DG[d], color=colour, lw=1.5, ls=style, label=f"unit {d}")
    if snapshot.prior_z is None:
        ax.plot(line_G, standard_log_density(line_G).exp(), color=INK, ls=":", lw=1.2)
    else:
        ax.hist(snapshot.prior_z.flatten(), bins=40, density=True, histtype="step", color=INK, ls=":", lw=1.0)
    ax.set(xlim=(-limit, limit), ylim=(0, top), xlabel="z", yticks=[])


def _margins(snapshot: Snapshot, limit: float) -> tuple[Tensor, Tensor]:
    """Return a grid ``[G]`` and the density of q(z_d) of every unit on it, ``[D, G]``."""
    line_G = torch.linspace(-limit, limit, GRID, dtype=torch.float64)
    pairs = zip(snapshot.posterior_mean.double().mT, snapshot.posterior_std.double().mT, strict=True)
    margins = [log_aggregate(line_G[:, None], mean_N[:, None], std_N[:, None]).exp() for mean_N, std_N in pairs]
    return line_G, torch.stack(margins)
