"""Comparisons of q(z) with p(z): closed forms, changes that each diagnostic should detect, and equal distributions."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from scipy import stats

from vaescope import Draws, UserError, choices
from vaescope.assessment.against_prior import encodings
from vaescope.assessment.diagnostics.kolmogorov_smirnov import KolmogorovSmirnov
from vaescope.assessment.diagnostics.moments import null_moments
from vaescope.assessment.mixed_membership_map import NULLS, mixed_membership_map
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators.gaussian import standard_log_density
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.testing.example_evidence import draws_at

NAMES = (
    "kolmogorov_smirnov",
    "radius",
    "moments",
    "mmd",
    "classifier_two_sample",
    "sliced_wasserstein",
    "holes",
)


def matched(d: int = 4, rate: float = 8.0) -> LinearGaussian:
    return LinearGaussian.matched(latent_size=d, data_size=d + 2, rate=rate)


def draws_of(vae: LinearGaussian, n: int = 1000, seed: int = 0) -> Draws:
    return Draws(**vae.sample_draws(n, seed=seed))


def sharp(z_ND: torch.Tensor) -> Draws:
    """Draws whose encodings are given points: posteriors so narrow that q(z) is the points' distribution."""
    return draws_at(z_ND + 0.05 * normal(*z_ND.shape, seed=5), 0.05, z_ND=z_ND)


def normal(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def verdict(name: str, draws: Draws) -> str:
    diagnostic = choices.build("diagnostics", name)
    known = Evidence.of(draws)
    return diagnostic.findings(diagnostic.estimate(known), known, Thresholds())[0].verdict


@pytest.mark.parametrize("name", NAMES)
def test_a_matched_model_passes(name):
    assert verdict(name, draws_of(matched(), n=2000)) == "PASS"


@pytest.mark.parametrize("name", NAMES)
def test_a_far_shift_fails(name):
    vae = matched()
    assert verdict(name, draws_of(replace(vae, encoder_bias=vae.encoder_bias + 2.0))) == "FAIL"


def test_some_mismatches_are_found_by_some_comparisons_only():
    """A unit of two modes has the prior's moments; a wider scale of many units hides in each of them alone."""
    z_ND = normal(1500, 8)
    modes_ND = z_ND.clone()
    modes_ND[:, 3] = 0.3 * z_ND[:, 3] + math.sqrt(0.91) * (z_ND[:, 4] * 0 + normal(1500, 1, 9)[:, 0]).sign()
    seen = {name: verdict(name, sharp(modes_ND)) for name in NAMES if name != "mmd"}
    assert seen["moments"] == seen["radius"] == "PASS"
    assert seen["classifier_two_sample"] == "FAIL"
    assert seen["kolmogorov_smirnov"] in ("WARN", "FAIL")
    wide = sharp(1.25 * normal(1500, 32))
    assert verdict("radius", wide) == "FAIL"
    assert verdict("kolmogorov_smirnov", wide) != "FAIL"
    narrow = sharp(0.3 * z_ND)
    assert verdict("holes", narrow) == "FAIL"
    assert verdict("holes", sharp(z_ND)) == "PASS"


@pytest.mark.parametrize(("texts", "d", "rate"), [(20, 1, 1.0), (25, 2, 3.0), (60, 2, 1.0)])
def test_few_texts_do_not_warn_of_holes(texts, d, rate):
    """The part of the prior beyond the outermost of n texts is often several times 1%, for every model."""
    found = [verdict("holes", draws_of(matched(d, rate), n=texts, seed=seed)) for seed in range(20)]
    assert found.count("WARN") + found.count("FAIL") <= 3
    narrow = [verdict("holes", sharp(0.2 * normal(texts, 4, seed))) for seed in range(5)]
    assert narrow == ["FAIL"] * 5


@pytest.mark.parametrize("d", [2, 8, 32])
def test_sliced_wasserstein_of_a_gaussian_is_the_closed_form(d):
    vae = replace(matched(d, 2.0 * d), encoder_std=0.6 * torch.ones(d).double())
    vae = replace(vae, encoder_bias=vae.encoder_bias + 0.3)
    theta = normal(20_000, d, 3)
    theta = theta / theta.norm(dim=1, keepdim=True)
    scale = ((theta @ vae.aggregate_covariance) * theta).sum(1).sqrt()
    truth = ((scale - 1).square() + (theta @ vae.aggregate_mean).square()).mean().item()
    found = choices.build("diagnostics", "sliced_wasserstein").estimate(Evidence.of(draws_of(vae, 3000)))[
        "sliced_wasserstein"
    ]
    # 64 directions stand for all of them
    assert found.value**2 == pytest.approx(truth, rel=0.15, abs=0.005)


def test_radius_and_margins_are_those_of_the_closed_form():
    draws = sharp(1.3 * normal(4000, 6))
    radius = choices.build("diagnostics", "radius").estimate(Evidence.of(draws))
    grid = torch.linspace(0, 60, 4001).double().numpy()
    truth = abs(stats.chi2.cdf(grid / 1.69, 6) - stats.chi2.cdf(grid, 6)).max()
    assert radius["radius"].low <= truth <= radius["radius"].high
    assert radius["radius_squared"].low <= 1.69 <= radius["radius_squared"].high
    margins = KolmogorovSmirnov().estimate(Evidence.of(draws))["kolmogorov_smirnov"]
    x = torch.linspace(-5, 5, 4001).double().numpy()
    assert margins.low <= abs(stats.norm.cdf(x / 1.3) - stats.norm.cdf(x)).max() <= margins.high
    assert margins.detail["nats_at_least"] <= 6 * 0.5 * (1.69 - 1 - math.log(1.69))
    assert len(margins.detail["rejected_units"]) == 6


def test_moments_are_those_of_the_closed_form():
    vae = matched(8, 16.0)
    vae = replace(vae, encoder_bias=vae.encoder_bias + 0.5, encoder_weight=vae.encoder_weight * 1.5)
    found = choices.build("diagnostics", "moments").estimate(Evidence.of(draws_of(vae, 3000)))
    values = torch.linalg.eigvalsh(vae.aggregate_covariance)
    truths = {"mean": vae.aggregate_mean.norm(), "largest": values[-1], "smallest": values[0]}
    for name, truth in truths.items():
        assert found[f"moments_{name}"].value == pytest.approx(truth.item(), rel=0.12)
    assert found["moments_mean"].detail["p_value"] == pytest.approx(0.01)
    assert [found[f"moments_{name}"].kind for name in truths] == ["upper", "upper", "lower"]


def test_the_null_of_the_moments_is_that_of_samples():
    null_NF = null_moments(50, 5)
    direct = []
    for seed in range(200):
        z_ND = normal(50, 5, seed)
        values = torch.linalg.eigvalsh(torch.cov(z_ND.mT))
        direct.append([z_ND.mean(0).norm().item(), values[-1].item(), values[0].item()])
    for column, other in zip(null_NF.mT.tolist(), zip(*direct, strict=True), strict=True):
        assert stats.ks_2samp(column, other).pvalue > 1e-3


@pytest.mark.parametrize("name", ["kolmogorov_smirnov", "radius", "moments"])
def test_p_values_of_diagnostics_are_uniform_under_the_null(name):
    diagnostic, p = choices.build("diagnostics", name), []
    for seed in range(80):
        found = diagnostic.estimate(Evidence.of(draws_of(matched(1, 3.0), n=60, seed=seed)))
        detail = next(iter(found.values())).detail
        p.append(detail["p_values"][0] if name == "kolmogorov_smirnov" else detail["p_value"])
    assert stats.kstest(p, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("name", [name for name in NAMES if name != "moments"])
def test_another_prior_is_compared_by_its_samples(name):
    shift = 5.0
    vae = matched()
    draws = draws_of(replace(vae, encoder_bias=vae.encoder_bias + shift), n=1500)
    prior_z = normal(6000, 4, 1) + shift
    theirs = replace(draws, prior_z=prior_z, log_p_z=standard_log_density(draws.z - shift).sum(-1))
    assert verdict(name, theirs.validate()) in ("PASS", "UNRESOLVED")
    assert verdict(name, replace(theirs, prior_z=prior_z + 2.0)) == "FAIL"


def test_moments_need_the_standard_prior_and_enough_texts():
    moments = choices.build("diagnostics", "moments")
    with pytest.raises(Missing, match="too few"):
        moments.estimate(Evidence.of(draws_of(matched(8), n=8)))
    with pytest.raises(Missing, match=r"N\(0, I\)"):
        moments.estimate(Evidence.of(replace(draws_of(matched()), prior_z=normal(10, 4))))


def test_pictures_have_a_null_panel():
    for draws in (draws_of(matched(), n=50), draws_of(matched(1), n=20)):
        rows = choices.build("diagnostics", "latent_pictures").figure(Evidence.of(draws), {}).get_axes()
        assert [rows[0].get_ylabel(), rows[4].get_ylabel()] == ["encodings: density", "prior (null): density"]


def test_map_shows_who_is_where_the_prior_is():
    vae = matched()
    found = mixed_membership_map(
        {
            "same": encodings(draws_of(vae, n=400)),
            "shifted": encodings(draws_of(replace(vae, encoder_bias=vae.encoder_bias + 3.0), n=400)),
        },
        components=4,
    )
    assert found.expected_kl(NULLS[0], NULLS[1]) < 0.2
    assert found.expected_kl(NULLS[0], "same") < 0.2
    assert found.expected_kl(NULLS[0], "shifted") > 5
    with pytest.raises(UserError, match="one latent size"):
        mixed_membership_map({"a": normal(10, 2), "b": normal(10, 3)})


def test_a_mismatch_says_by_which_command_it_is_repaired(draws):
    from dataclasses import replace

    from vaescope.assessment.against_prior import refit_prior

    assert refit_prior(draws) == "refit the prior"
    assert refit_prior(replace(draws, metadata={"run": "runs/mdr"})) == "refit the prior: vaescope refit runs/mdr"
