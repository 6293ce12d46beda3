"""A code by functions of strings, scored at noise: the same closed forms, and the noise of a stated cost."""

import math

import pytest
import torch

import vaescope
from vaescope.errors import UserError
from vaescope.evidence.noise_curve import NoiseCurve
from vaescope.sweep.score_codes import noise_for, score_code

TEXTS, TRAINING = [f"text {i}" for i in range(300)], [f"text {i}" for i in range(300, 400)]
TABLE = torch.randn(400, 2, generator=torch.Generator().manual_seed(1))


def codes(texts):
    return TABLE[[int(text.split()[1]) for text in texts]]


def model(weight=1.0):
    """log p(x|z) = -1 - weight |z - c(x)|^2 / 2: noise sigma costs weight D sigma^2 / 2."""

    def log_likelihood(texts, z):
        return -1 - weight * (z - codes(texts)).square().sum(-1) / 2

    return vaescope.TextModel(codes, log_likelihood)


def test_the_curve_of_functions_has_the_closed_forms():
    found = score_code(model(), TEXTS, [0.6, 0.3], samples=8, training_texts=TRAINING)
    curve = NoiseCurve.of(found)
    assert [level.std for level in curve.levels] == pytest.approx([0.3, 0.6])
    for level in curve.levels:
        assert level.rise.value == pytest.approx(level.std**2, abs=4 * level.rise.se)
        assert level.information.low <= math.log(1 + level.std**-2) <= level.information.high
    assert found.training.shape == (100, 2)


@pytest.mark.parametrize("nats", [0.01, 0.5, 20.0])
def test_the_noise_of_a_stated_cost(nats):
    size = noise_for(model(), TEXTS, nats)
    assert size == pytest.approx(math.sqrt(nats), rel=0.06)  # 1,000 samples of a square
    found = vaescope.assess(
        model(), TEXTS[:256], suite="fast", samples=4, noise_distortion=nats, diagnostics=["distortion"]
    )
    assert found.estimates["distortion"].value == pytest.approx(1 + nats, rel=0.1)


def test_a_cost_that_no_noise_has_is_refused():
    with pytest.raises(UserError, match="the decoder ignores the code"):
        noise_for(model(weight=0.0), TEXTS, 1.0)
    with pytest.raises(UserError, match="a thousandth of the code's spread, already costs"):
        noise_for(model(weight=1e9), TEXTS, 1e-3)
    with pytest.raises(UserError, match="give a positive number of nats"):
        noise_for(model(), TEXTS, 0.0)
    with pytest.raises(UserError, match="give one of noise and noise_distortion"):
        vaescope.assess(model(), TEXTS, noise=0.1, noise_distortion=1.0)
    with pytest.raises(UserError, match="give positive sizes"):
        score_code(model(), TEXTS, [0.1, -1])
