"""Several latents per text and an autoregressive prior: truth, ceilings, files, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from vaescope import Draws, assess
from vaescope.errors import UserError
from vaescope.evidence.encodings import Encodings
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.facts import Baseline, Facts
from vaescope.evidence.linear_gaussian_sequence import LinearGaussianSequence


def model(correlation=0.9) -> LinearGaussianSequence:
    return LinearGaussianSequence.matched(latents=3, latent_size=2, data_size=3, rate=1.2, correlation=correlation)


def draws_of(n=1500, *, samples=4, seed=1, correlation=0.9) -> Draws:
    return Draws(**model(correlation).sample_draws(n, samples=samples, seed=seed))


def test_the_truth_adds_up():
    one = model()
    assert one.rate == pytest.approx(one.information + one.marginal_kl, abs=1e-9)
    assert one.marginal_kl > 0.05
    independent = model(0.0)
    assert independent.rate == pytest.approx(3 * 1.2)
    assert independent.marginal_kl == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_numbers_are_those_of_the_learned_prior(correlation):
    truth = model(correlation)
    found = assess(
        draws_of(correlation=correlation),
        diagnostics=["rate", "mutual_information", "marginal_kl", "latent_sequence", "total_correlation"],
    ).estimates
    assert found["rate"].value == pytest.approx(truth.rate, abs=4 * found["rate"].se)
    for name in ("information", "marginal_kl"):
        e = found["mutual_information" if name == "information" else name]
        assert e.low - 1e-9 <= getattr(truth, name) <= e.high
    sequence = found["latent_sequence"]
    assert sequence.value == pytest.approx(truth.rate / 3, abs=4 * sequence.se)
    for value, error, expected in zip(sequence.detail["rates"], sequence.detail["errors"], truth.rates, strict=True):
        assert value == pytest.approx(expected, abs=4 * error)


def test_latents_of_a_standard_prior_have_closed_forms():
    draws = draws_of(300)
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(draws.z).sum(-1)
    standard = replace(draws, prior_z=None, log_p_z=normal, log_p_z_latents=None)
    assert standard.latent_rates.shape == (300, 3)
    assert torch.allclose(standard.latent_rates.sum(1), standard.rates)


def test_a_file_keeps_the_latents(tmp_path):
    draws = draws_of(50)
    draws.save(tmp_path / "flat.safetensors")
    again = Draws.load(tmp_path / "flat.safetensors")
    assert (again.latents, again.latent_size) == (3, 6)
    assert torch.equal(again.latent_rates, draws.latent_rates)
    assert torch.equal(again.z, draws.z)


def test_a_file_of_another_program_may_hold_sequences(tmp_path):
    tensors = model().sample_draws(40, samples=2)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, tmp_path / "their.safetensors")
    found = Evidence.load(tmp_path / "their.safetensors").draws
    assert (found.latents, tuple(found.z.shape)) == (3, (2, 40, 6))
    assert found.latent_rates.shape == (40, 3)


def test_padded_latents_cost_nothing():
    """Texts of two latents, padded to three by a latent that is N(0, I) in posterior and prior."""
    tensors = LinearGaussianSequence.matched(
        latents=2, latent_size=2, data_size=3, rate=1.2, correlation=0.9
    ).sample_draws(60, samples=3)
    noise = torch.randn(3, 60, 1, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    each = torch.distributions.Normal(0.0, 1.0).log_prob(noise).sum(-1)
    more = torch.randn(500, 1, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    padded = tensors | {
        "posterior_mean": torch.cat([tensors["posterior_mean"], torch.zeros(60, 1, 2)], 1),
        "posterior_std": torch.cat([tensors["posterior_std"], torch.ones(60, 1, 2)], 1),
        "z": torch.cat([tensors["z"], noise], 2),
        "log_q_z_x": tensors["log_q_z_x"] + each.squeeze(-1),
        "log_p_z": tensors["log_p_z"] + each.squeeze(-1),
        "log_p_z_latents": torch.cat([tensors["log_p_z_latents"], each], -1),
        "prior_z": torch.cat([tensors["prior_z"], more], 1),
    }
    found = Draws(**padded).validate()
    assert torch.allclose(found.rates, Draws(**tensors).rates)
    assert torch.allclose(found.latent_rates[:, 2], torch.zeros(60, dtype=torch.float64))


def test_numbers_that_need_a_standard_prior_are_refused():
    found = assess(draws_of(200), suite="full")
    for name in ("moment_kl", "moments", "dimension_kl"):
        assert "only known for N(0, I)" in found.skipped[name]
    assert {"holes", "sliced_wasserstein", "kolmogorov_smirnov"} <= {n.split("_nats")[0] for n in found.estimates}


def without(draws: Draws, **changes) -> Evidence:
    return Evidence(replace(draws, log_q_x=None), facts=Facts(**changes))


def test_a_ceiling_certifies_waste():
    """A rate of a clamp: 64 units of half a nat each, for three tokens of a vocabulary of 30."""
    size, n = 64, 400
    std = 0.35
    mean = torch.randn(n, 4, size // 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mean = mean * (1 - std**2) ** 0.5
    z = mean + std * torch.randn(1, n, 4, size // 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    unit = torch.distributions.Normal(0.0, 1.0)
    draws = Draws(
        posterior_mean=mean,
        posterior_std=torch.full_like(mean, std),
        z=z,
        log_p_x_z=-torch.ones(1, n, dtype=torch.float64),
        log_p_z=unit.log_prob(z).sum((-1, -2)),
        log_q_z_x=torch.distributions.Normal(mean, std).log_prob(z).sum((-1, -2)),
        tokens=torch.full((n,), 3),
    )
    ceiling = 3 * math.log(30)
    found = assess(
        Evidence(draws, facts=Facts(vocabulary=30)), diagnostics=["information_ceiling", "marginal_kl", "rate"]
    )
    e = found.estimates
    assert e["information_ceiling"].value == pytest.approx(ceiling)
    assert e["information_ceiling_waste"].value == pytest.approx(e["rate"].value - ceiling)
    assert e["marginal_kl"].low >= e["information_ceiling_waste"].low - 0.5 > 40  # the bound is one of several there
    assert {f.name: f.verdict for f in found.findings}["information_ceiling"] == "WARN"


def test_a_language_model_is_a_ceiling_except_of_its_training_texts():
    draws = draws_of(300)
    nll = (-draws.log_q_x).tolist()
    known = without(draws, language_model_nll=Baseline(per_text=nll))
    found = assess(known, diagnostics=["information_ceiling", "mutual_information"])
    assert found.estimates["information_ceiling"].detail["by"] == "language_model"
    assert found.estimates["information_ceiling"].low >= model().information
    assert "language_model" in found.estimates["mutual_information"].detail
    training = replace(known, draws=replace(known.draws, metadata={**known.draws.metadata, "split": "train"}))
    assert (
        "no code of the texts" in assess(training, diagnostics=["information_ceiling"]).skipped["information_ceiling"]
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z": torch.zeros(1, 20, 2, 3)}, "'z': expected the shape [..., 3, 2]"),
        ({"prior_z": torch.zeros(9, 6)}, "'prior_z': expected the shape [..., 3, 2]"),
        ({"log_p_z_latents": torch.zeros(4, 20, 2)}, "'log_p_z_latents': expected the shape [4, 20, 3]"),
        ({"log_p_z_latents": torch.zeros(4, 20, 3)}, "'log_p_z_latents': expected log p of each latent, which add up"),
    ],
)
def test_wrong_sequences_are_named(change, message):
    with pytest.raises(UserError) as error:
        Draws(**{**model().sample_draws(20, samples=4), **change}).validate()
    assert str(error.value).startswith(message)


def test_a_number_of_latents_must_divide_the_units():
    draws = draws_of(20)
    with pytest.raises(UserError, match="divides the 6 units, found 4"):
        replace(draws, metadata={"latents": 4}, log_p_z_latents=None).validate()


def test_further_encodings_may_be_sequences():
    assert Encodings(torch.zeros(5, 3, 2), torch.ones(5, 3, 2)).mean.shape == (5, 6)
