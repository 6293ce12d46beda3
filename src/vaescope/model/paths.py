"""Paths from one point of the latent space to another."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def linear(start_D: Tensor, end_D: Tensor, t_N: Tensor) -> Tensor:
    """Points on the straight line, (1 - t) start + t end, ``[N, D]``.

    >>> linear(torch.zeros(1), torch.ones(1), torch.tensor([0.25]))
    tensor([[0.2500]])
    """
    return torch.lerp(start_D, end_D, t_N.unsqueeze(1))


def spherical(start_D: Tensor, end_D: Tensor, t_N: Tensor) -> Tensor:
    r"""Points on the arc around the origin, ``[N, D]``, which stays where the mass of the prior is.

    :math:`[\sin((1-t)\theta)\,a + \sin(t\theta)\,b]/\sin\theta` with the angle :math:`\theta` between a and b. If they
    are parallel or one is 0, no arc is defined, and the path is the straight line (White 2016, arXiv:1609.04468).

    >>> spherical(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), torch.tensor([0.5]))
    tensor([[0.7071, 0.7071]])
    """
    lengths = start_D.norm() * end_D.norm()
    angle = (start_D.dot(end_D) / lengths.clamp_min(1e-12)).clamp(-1, 1).acos()
    if lengths < 1e-12 or angle.sin() < 1e-4:
        return linear(start_D, end_D, t_N)
    t_N1 = t_N.unsqueeze(1)
    return (((1 - t_N1) * angle).sin() * start_D + (t_N1 * angle).sin() * end_D) / angle.sin()


PATHS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"linear": linear, "spherical": spherical}
"""The paths of an interpolation by name."""
