from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vaescope.estimators import calibration


def test_p_values_are_uniform_under_the_null():
    values = np.random.default_rng(1).uniform(size=(300, 400))
    p = calibration.uniformity(values)
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.04)


def test_a_wrong_variance_is_caught():
    normal = np.random.default_rng(2).standard_normal((1000, 1))
    assert calibration.uniformity(stats.norm.cdf(normal / 0.8))[0] < 0.01
    assert calibration.uniformity(stats.norm.cdf(normal))[0] > 0.01


@pytest.mark.parametrize("ratio", [0.64, 1.0, 1.5])
@pytest.mark.parametrize("level", calibration.LEVELS)
def test_coverage_is_that_of_the_formula(ratio, level):
    values = stats.norm.cdf(np.random.default_rng(3).standard_normal((4000, 4)) / ratio**0.5)
    expected = 2 * stats.norm.cdf(stats.norm.ppf((1 + level) / 2) * ratio**0.5) - 1
    assert calibration.central_coverage(values, level).mean() == pytest.approx(expected, abs=0.015)


def test_the_band_contains_whole_curves_at_its_level():
    grid, low, high = calibration.band(200)
    ordered = np.sort(np.random.default_rng(4).uniform(size=(200, 500)), 0)
    curves = np.stack([np.searchsorted(column, grid, side="right") / 200 for column in ordered.T])
    inside = ((curves >= low) & (curves <= high)).all(1).mean()
    assert inside == pytest.approx(0.95, abs=0.03)
