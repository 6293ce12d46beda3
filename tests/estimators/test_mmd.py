from __future__ import annotations

import pytest
import torch
from scipy import stats

from vaescope.estimators import mmd


def normal(n: int, d: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> torch.Tensor:
    return shift + scale * torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def kernel_mean(variance_sum: torch.Tensor, shift: torch.Tensor, width: float) -> float:
    """E k of two independent diagonal Gaussians: |I + V/l^2|^-1/2 exp(-1/2 m'(l^2 + V)^-1 m)."""
    spread = 1 + variance_sum / width
    return (spread.prod() ** -0.5 * (-0.5 * (shift.square() / (width + variance_sum)).sum()).exp()).item()


@pytest.mark.parametrize(("d", "shift", "scale"), [(2, 0.5, 1.0), (8, 0.3, 1.3), (32, 0.1, 0.9), (8, 0.0, 1.0)])
def test_value_and_error_are_those_of_the_closed_form(d, shift, scale):
    width = float(d)
    one, zero = torch.ones(d).double(), torch.zeros(d).double()
    truth = kernel_mean(2 * scale**2 * one, zero, width) + kernel_mean(2 * one, zero, width)
    truth -= 2 * kernel_mean((1 + scale**2) * one, shift * one, width)
    values, errors = [], []
    for seed in range(60):
        x_ND, y_ND = normal(150, d, 2 * seed, shift, scale), normal(150, d, 2 * seed + 1)
        values.append(mmd.squared_mmd(x_ND, y_ND, [width]).item())
        errors.append(mmd.standard_error(x_ND, y_ND, width))
    found = torch.tensor(values)
    assert abs(found.mean().item() - truth) < 4 * found.std().item() / 60**0.5
    assert torch.tensor(errors).mean().item() == pytest.approx(found.std().item(), rel=0.35)
    assert mmd.gaussian_kernel_mean(d, width) == pytest.approx(kernel_mean(2 * one, zero, width))


def test_p_values_are_uniform_under_the_null():
    p = [
        mmd.permutation_p_value(normal(30, 3, 2 * s), normal(30, 3, 2 * s + 1), permutations=99, seed=s)
        for s in range(200)
    ]
    assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_a_mismatch_has_a_small_p_value():
    for changed in (normal(200, 8, 0, shift=0.4), normal(200, 8, 0, scale=1.3)):
        assert mmd.permutation_p_value(changed, normal(200, 8, 1)) == pytest.approx(0.005)


def test_equal_points_have_no_undefined_gradient():
    x_ND = torch.zeros(5, 2, requires_grad=True)
    mmd.squared_mmd(x_ND, torch.ones(5, 2), [1.0]).backward()
    assert x_ND.grad.isfinite().all()
