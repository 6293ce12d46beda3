"""A deterministic code under noise: closed forms of rate, information and distortion, and its file."""

import math

import pytest
import torch
from safetensors.torch import load_file, save_file

import vaescope
from vaescope.errors import UserError
from vaescope.evidence.noise_curve import NoiseCurve
from vaescope.evidence.noisy_code import NoisyCode
from vaescope.testing.example_evidence import noisy_gaussian_code

LEVELS = (0.3, 0.6, 1.2)


@pytest.fixture(scope="module")
def code():
    return noisy_gaussian_code(texts=400, size=2, levels=LEVELS, samples=16)


def test_the_curve_has_the_closed_forms(code):
    curve = NoiseCurve.of(code)
    for level in curve.levels:
        information = math.log(1 + level.std**-2)
        rise = level.std**2
        assert level.information.low <= information <= level.information.high
        assert level.information.high - level.information.low < 1.0
        assert level.rate.value == pytest.approx(information, abs=4 * level.rate.se + 0.05)
        assert level.rise.value == pytest.approx(rise, abs=4 * level.rise.se)
        assert level.rise.se < 0.1 * rise
        assert level.distortion.value == pytest.approx(1 + rise, abs=4 * level.rise.se)
        assert level.bits[1] == pytest.approx(level.information.high / math.log(2))
    informations = [level.information.high for level in curve.levels]
    assert informations == sorted(informations, reverse=True)


def test_bits_needed_is_at_the_largest_noise_that_is_allowed(code):
    curve = NoiseCurve.of(code)
    assert curve.bits_needed(0.5).std == pytest.approx(0.6)
    assert code.size_for(0.5) == pytest.approx(0.6)
    assert curve.bits_needed(9.0).std == pytest.approx(1.2)
    for refuse in (curve.bits_needed, code.size_for):
        with pytest.raises(UserError, match=r"noise 0.3, the smallest .* already raises the distortion by 0.0"):
            refuse(0.01)


def test_the_rate_at_a_level_is_that_of_the_gaussian_that_fits_the_codes(code):
    evidence = code.at(0.6)
    found = vaescope.assess(evidence, diagnostics=["rate", "marginal_kl", "distortion"])
    assert found.estimates["rate"].value == pytest.approx(math.log(1 + 0.6**-2), abs=0.1)
    assert found.estimates["marginal_kl"].low < 0.05
    spread = evidence.draws.prior_z.std(0)
    torch.testing.assert_close(spread, torch.full((2,), math.sqrt(1 + 0.36)), atol=0.15, rtol=0)


def test_a_stated_standard_prior_has_the_closed_form_of_the_rate(code):
    from dataclasses import replace

    draws = replace(code, standard=True).at(0.3).draws
    expected = (code.code.square().sum(1) + 2 * (0.09 - 1 - 2 * math.log(0.3))) / 2
    torch.testing.assert_close(draws.rates.float(), expected, rtol=1e-4, atol=1e-4)


def test_the_file_holds_all_of_it_and_asks_for_noise(code, tmp_path):
    path = tmp_path / "code.safetensors"
    code.save(path)
    again = NoisyCode.load(path)
    torch.testing.assert_close(again.log_p_x_z, code.log_p_x_z)
    torch.testing.assert_close(again.unit, code.unit)
    with pytest.raises(UserError, match=r"infinite rate; give it noise with --noise \(0.3, 0.6, 1.2\)"):
        vaescope.assess(path)
    found = vaescope.assess(path, noise=0.6, diagnostics=["distortion"])
    same = vaescope.assess(path, noise_distortion=0.5, diagnostics=["distortion"])
    assert found.estimates["distortion"].value == same.estimates["distortion"].value == pytest.approx(1.36, abs=0.03)
    with pytest.raises(UserError, match="give one of noise and noise_distortion"):
        vaescope.assess(path, noise=0.6, noise_distortion=0.5)
    tensors = load_file(path)
    save_file(tensors | {"posterior_std": torch.zeros(400, 2)}, path)
    assert NoisyCode.load(path).std.tolist() == pytest.approx(LEVELS)
    with pytest.raises(UserError, match="give it noise"):
        vaescope.assess(path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"noise_log_p_x_z": None}, "'noise_log_p_x_z' is missing; a code needs log p"),
        ({"noise_std": torch.tensor([0.3, 0.2, 1.0])}, "positive, ascending sizes"),
        ({"noise_std": torch.tensor([0.3, 0.6])}, r"'noise_log_p_x_z': expected \[K, S, N\] = \[2, 16, 400\]"),
        ({"noise_unit": torch.full((16, 400, 2), math.nan)}, "'noise_unit': expected finite numbers"),
        ({"noise_units": torch.ones(2)}, "did you mean 'noise_unit'"),
        ({"posterior_std": torch.ones(400, 2)}, "'posterior_std' is not 0"),
        ({"training_code": torch.ones(4, 3)}, r"'training_code': expected \[T, 2\]"),
    ],
)
def test_a_damaged_file_is_refused_by_name(code, tmp_path, change, says):
    path = tmp_path / "code.safetensors"
    code.save(path)
    tensors = load_file(path) | change
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, path)
    with pytest.raises(UserError, match=says):
        NoisyCode.load(path)


def test_a_size_that_was_not_scored_is_refused(code):
    with pytest.raises(UserError, match=r"noise 0.4: log p\(x\|z\) is not known there, only at 0.3, 0.6, 1.2"):
        code.at(0.4)
