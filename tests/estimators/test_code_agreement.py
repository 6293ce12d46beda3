"""Agreement of two codes of the same texts: the truth of Gaussian codes, chance, copies and unused directions."""

from __future__ import annotations

import pytest
import torch

from vaescope.errors import Missing
from vaescope.estimators.code_agreement import agreement
from vaescope.estimators.copies import Copies


def codes(n: int, size: int, correlation: float, seed: int = 0, *, turned: bool = True):
    """Two Gaussian codes whose canonical correlations are all the same, the second in other axes."""
    generator = torch.Generator().manual_seed(seed)
    ours = torch.randn(n, size, generator=generator)
    noise = torch.randn(n, size, generator=generator)
    theirs = correlation * ours + (1 - correlation**2) ** 0.5 * noise
    basis = torch.linalg.qr(torch.randn(size, size, generator=generator)).Q
    return ours, theirs @ basis if turned else theirs


def every(n: int) -> Copies:
    return Copies.of(torch.arange(n))


@pytest.mark.parametrize(("size", "correlation"), [(1, 0.3), (4, 0.8), (8, 0.5)])
def test_the_interval_is_below_the_truth_and_near_it(size, correlation):
    below = 0
    for seed in range(12):
        found = agreement(*codes(1000, size, correlation, seed), every(1000)).linear
        assert found.value == pytest.approx(correlation, abs=0.03 + 4 * found.se)
        below += found.low <= correlation
    assert below >= 10


def test_a_rotation_costs_units_and_not_the_linear_number():
    turned = agreement(*codes(800, 6, 0.95), every(800))
    assert turned.linear.value == pytest.approx(0.95, abs=0.02)
    assert turned.units.value < 0.85
    ours, theirs = codes(800, 6, 0.95, turned=False)
    swapped = agreement(ours, -theirs.flip(1), every(800))
    assert swapped.units.value == pytest.approx(0.95, abs=0.02)


def test_unrelated_codes_are_within_chance():
    above = 0
    for seed in range(30):
        found = agreement(*codes(100, 2, 0.0, seed), every(100)).linear
        above += found.value > found.detail["null"]
    assert above <= 5  # 5% expected


def test_a_direction_that_one_seed_does_not_use_counts_as_zero():
    ours, theirs = codes(800, 4, 1.0)
    poorer = torch.cat([ours[:, :3], 0.01 * torch.randn(800, 5, generator=torch.Generator().manual_seed(1))], 1)
    found = agreement(theirs, poorer, every(800)).linear
    assert found.detail["directions"] == [4, 3]
    assert found.value == pytest.approx(0.75, abs=0.01)


def test_copies_count_once_and_few_texts_are_refused():
    ours, theirs = codes(100, 4, 0.0)
    text = torch.arange(100).repeat(20)
    found = agreement(ours[text], theirs[text], Copies.of(text)).linear
    assert found.n == 100
    assert abs(found.value) < 0.3
    with pytest.raises(Missing, match="30 texts for a linear map of 4 to 4 directions"):
        agreement(ours[:30], theirs[:30], every(30))
    with pytest.raises(Missing, match="do not vary"):
        agreement(ours, 0.01 * theirs, every(100))
