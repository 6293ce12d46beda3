"""Shares: intervals that cover by the binomial distribution, with a width where all texts agree."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from vaescope.estimators.copies import Copies
from vaescope.estimators.estimate import Estimate
from vaescope.estimators.share import bounded, share_of


@pytest.mark.parametrize("texts", [2, 5, 20, 200])
@pytest.mark.parametrize("truth", [0.0, 0.01, 0.3, 0.95, 1.0])
def test_a_share_covers_its_probability(texts, truth):
    """The probability of a miss, summed over every outcome."""
    missed = 0.0
    for right in range(texts + 1):
        found = share_of(torch.arange(texts) < right)
        assert 0 <= found.low <= found.value <= found.high <= 1
        assert found.se > 0
        missed += stats.binom.pmf(right, texts, truth) * (not found.low <= truth <= found.high)
    assert missed <= 0.05


def test_copies_of_a_text_are_one_of_a_share():
    once = share_of(torch.ones(6))
    copied = share_of(torch.ones(60), copies=Copies.of(torch.arange(6).repeat_interleave(10)))
    assert (copied.low, copied.high, copied.n) == (once.low, once.high, once.n)


def test_equal_fractions_leave_room_for_texts_that_were_not_seen():
    """20 texts of share 0.9: a twentieth of the population may have another share."""
    found = share_of(torch.full((20,), 0.9))
    assert found.low == pytest.approx(0.9 - 0.168 * 0.9, abs=1e-3)
    assert found.high == pytest.approx(0.9 + 0.168 * 0.1, abs=1e-3)


def test_a_mean_between_limits_stays_between_them():
    found = bounded(Estimate(value=0.01, se=0.02, unit="nats", kind="unbiased", n=30), 0.0, 0.69)
    assert found.low == 0
    assert found.high == pytest.approx(0.0509, abs=1e-3)
