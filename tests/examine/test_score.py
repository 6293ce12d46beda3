"""Scores of texts of any file against closed forms, and the files that they are written to."""

import csv
import json
from dataclasses import replace

import pytest
import torch

from vaescope.errors import UserError
from vaescope.evidence.draws import Draws
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.examine.score import means_of, scores_of, write_scores


@pytest.fixture(scope="module")
def draws():
    torch.manual_seed(0)
    model = LinearGaussian.matched(latent_size=2, data_size=3, rate=2.0)
    return Draws(**model.sample_draws(200, samples=32), metadata={})


@pytest.fixture(scope="module")
def scored(draws):
    return scores_of(draws)


def test_the_numbers_of_a_text_are_those_of_the_draws(draws, scored):
    assert torch.equal(scored["rate"], draws.rates)
    torch.testing.assert_close(scored["elbo"], -(scored["distortion"] + scored["rate"]))
    assert bool((scored["log_likelihood"] >= draws.log_weights.mean(0) - 1e-9).all())
    assert not scored["rate_se"].any()


def test_the_errors_cover_the_spread_over_samples(draws):
    """Halves of the samples are independent: their difference has the error that was stated."""
    half = draws.samples // 2
    fields = ("log_p_x_z", "log_p_z", "log_q_z_x")
    one, other = (
        scores_of(replace(draws, **{name: getattr(draws, name)[part] for name in fields}))
        for part in (slice(0, half), slice(half, 2 * half))
    )
    for name in ("distortion", "elbo"):
        error = (one[f"{name}_se"].square() + other[f"{name}_se"].square()).sqrt()
        inside = ((one[name] - other[name]).abs() <= 2.5 * error).double().mean().item()
        assert inside > 0.9, (name, inside)


def test_without_a_closed_form_the_rate_has_an_error(draws):
    sampled = scores_of(replace(draws, prior_z=torch.randn(50, draws.latent_size)))
    assert bool((sampled["rate_se"] > 0).all())


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_file_has_a_row_per_text(tmp_path, scored, ending):
    texts = [f'text "{i}", with a comma' for i in range(len(scored["rate"]))]
    write_scores(tmp_path / f"s.{ending}", texts, scored)
    file = (tmp_path / f"s.{ending}").read_text(encoding="utf-8")
    rows = list(csv.DictReader(file.splitlines())) if ending == "csv" else [json.loads(x) for x in file.splitlines()]
    assert [row["text"] for row in rows] == texts
    assert float(rows[3]["log_likelihood"]) == pytest.approx(scored["log_likelihood"][3].item())


def test_another_ending_is_refused(tmp_path, scored):
    with pytest.raises(UserError, match=r"\.csv or \.jsonl"):
        write_scores(tmp_path / "s.xlsx", [], scored)


def test_bounds_are_stated_as_bounds(scored):
    texts = [f"text {i}" for i in range(len(scored["rate"]))]
    assert {name: mean.kind for name, mean in means_of(scored, texts).items()} == {
        "rate": "unbiased", "distortion": "unbiased", "elbo": "lower", "log_likelihood": "lower",
    }  # fmt: skip
