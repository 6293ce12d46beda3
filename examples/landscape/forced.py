"""Train the two models with a floor on the rate, by the constraint and the multiplier of vaescope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cooper
import torch
from closed_forms import Numbers
from torch import Tensor

from vaescope.objectives.constraints import build_constraint

STEPS, READINGS = 4000, 5


@dataclass(frozen=True)
class Forced:
    """The path of minimising D + R subject to R >= floor: ``[steps, P]`` parameters, and the last multipliers."""

    path: Tensor
    multipliers: list[float]


def force(numbers: Callable[..., Numbers], start: list[float], floor: float) -> Forced:
    """Descend from ``start`` until the floor holds; all parameters are positive, except perhaps the first."""
    free = torch.tensor(start, dtype=torch.float64).log().requires_grad_()
    constraint = build_constraint({"term": "rate", "relation": ">=", "bound": floor}, weight=1.0)
    optimiser = torch.optim.Adam([free], lr=3e-3)
    path, multipliers = [], []
    for _ in range(STEPS):
        at = numbers(*free.exp())
        observed = constraint.lagrangian_part(at.rate)
        state = cooper.CMPState(loss=at.rate + at.distortion, observed_constraints=observed)
        optimiser.zero_grad()
        state.compute_primal_lagrangian().lagrangian.sum().backward()
        optimiser.step()
        constraint.ascend(at.rate.detach())
        path.append(free.detach().exp())
        multipliers.append(constraint.multiplier.value.item())
    return Forced(torch.stack(path), multipliers[:: -STEPS // 5 // READINGS][:READINGS])
