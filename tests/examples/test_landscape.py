"""The landscape: closed forms agree with the library, paths have a constant ELBO, and the claims are measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "examples" / "landscape"


@pytest.fixture(scope="module", autouse=True)
def example():
    """The modules of the example, imported as its scripts import each other."""
    sys.path.insert(0, str(FOLDER))
    import landscape

    yield landscape
    sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def models(example):
    from closed_forms import Linear, Toy

    return {"linear": Linear(), "toy": Toy()}


@pytest.mark.parametrize(("slope", "std"), [(0.99, 0.14), (1.9, 0.8), (0.0, 2.6)])
def test_the_linear_model_is_that_of_the_library(models, slope, std):
    at = models["linear"].numbers(*torch.tensor([slope, std], dtype=torch.float64))
    truth = models["linear"].vae(slope, std)
    assert models["linear"].entropy == pytest.approx(truth.entropy)
    for name in ("rate", "distortion", "information", "marginal_kl", "elbo"):
        assert getattr(at, name).item() == pytest.approx(getattr(truth, name), abs=1e-9)


@pytest.mark.parametrize("name", ["linear", "toy"])
def test_draws_estimate_the_closed_forms(models, example, name):
    stops = {"linear": example.linear_stops, "toy": example.toy_stops}[name](3)
    for point in stops:
        exact = example.exact(models[name], point)
        draws = models[name].draws(*point.tolist(), texts=4000, samples=16, seed=1)
        for values_N, truth in ((draws.rates, exact["rate"]), (draws.distortions, exact["distortion"])):
            error = values_N.std().item() / 4000**0.5
            assert abs(values_N.mean().item() - truth) < 4 * error
        found = example.measured(models[name], point, seed=2)["estimates"]
        for key, truth in (("mutual_information", exact["information"]), ("marginal_kl", exact["marginal_kl"])):
            margin = 0.05
            assert found[key]["low"] - margin < truth < found[key]["high"] + margin


def test_the_elbo_stays_put_while_the_rate_buys_marginal_kl(models, example):
    linear = models["linear"].numbers(*example.linear_stops(50).T)
    for values in (linear.elbo, linear.rate, linear.distortion):
        assert (values - values[0]).abs().max() < 1e-8
    assert linear.marginal_kl[0] < 1e-8
    assert linear.marginal_kl[-1].item() == pytest.approx(example.UNREAD_RATE)
    toy = models["toy"].numbers(*example.toy_stops(50).T)
    assert (toy.elbo - example.TOY_ELBO).abs().max() < 1e-8
    gained = toy.marginal_kl[-1] - toy.marginal_kl[0]
    assert gained > 0.9 * (toy.rate[-1] - toy.rate[0]) > 0.4


def test_the_entropy_of_the_toy_is_reached_by_a_sharp_decoder(models):
    at = models["toy"].numbers(*torch.tensor([6.0, 0.1, 0.1], dtype=torch.float64))
    assert at.information.item() == pytest.approx(models["toy"].entropy)
    assert at.distortion.item() == pytest.approx(0, abs=1e-9)


def test_a_floor_on_the_rate_says_so_by_its_multiplier_and_not_where_it_went(models, example, monkeypatch):
    import forced

    monkeypatch.setattr(forced, "STEPS", 2500)
    wide, narrow = (
        forced.force(models["linear"].numbers, example.STARTS[name], 3.0) for name in list(example.STARTS)[::-2]
    )
    for run in (wide, narrow):
        assert models["linear"].numbers(*run.path[-1]).rate.item() == pytest.approx(3.0, abs=0.1)
        assert example.judged(run.multipliers)["verdict"] == "WARN"
    information = [models["linear"].numbers(*run.path[-1]).information.item() for run in (wide, narrow)]
    assert information[0] < 1.2 < 2.5 < information[1]


def test_the_script_writes_numbers_figure_and_page(tmp_path, example, monkeypatch):
    import forced

    monkeypatch.setattr(forced, "STEPS", 60)
    for name, value in (("TEXTS", 150), ("SAMPLES", 4), ("FLOORS", (1.0,))):
        monkeypatch.setattr(example, name, value)
    example.main(tmp_path / "landscape")
    found = json.loads((tmp_path / "landscape" / "landscape.json").read_text())
    assert len(found["linear"]) == len(found["toy"]) == example.STOPS
    assert (tmp_path / "landscape" / "landscape.png").stat().st_size > 10_000
    page = (tmp_path / "landscape.md").read_text()
    assert "| marginal_kl |" in page
    assert "landscape/landscape.png" in page
