"""The resolution curve: the intervals of the first texts are those of an assessment of these texts alone."""

from __future__ import annotations

import math

import pytest

from vaescope import Draws, assess
from vaescope.assessment.diagnostics.resolution import first_texts
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.linear_gaussian import LinearGaussian


def sharp(n: int) -> Draws:
    return Draws(**LinearGaussian.matched(latent_size=4, data_size=6, rate=15.0).sample_draws(n))


def test_each_point_is_the_assessment_of_the_first_texts():
    draws = sharp(320)
    curve = assess(draws, diagnostics=["resolution"]).estimates["resolution"].detail
    assert list(curve) == ["20", "40", "80", "160", "320"]
    alone = assess(first_texts(Evidence(draws), 80).draws, diagnostics=["mutual_information", "marginal_kl"]).estimates
    for name in ("mutual_information", "marginal_kl"):
        assert curve["80"][name] == pytest.approx([alone[name].low, alone[name].high])


def test_the_lower_end_runs_along_log_n_far_below_the_information():
    curve = assess(sharp(320), diagnostics=["resolution"]).estimates["resolution"].detail
    for n, ends in curve.items():
        assert ends["mutual_information"][0] == pytest.approx(math.log(int(n)), abs=0.1)


def test_few_texts_have_one_point():
    assert list(assess(sharp(30), diagnostics=["resolution"]).estimates["resolution"].detail) == ["30"]
