"""Samples for the texts that need them, on a model whose log p(x) is known."""

import pytest
import torch

from vaescope.errors import UserError
from vaescope.estimators.gaussian import log_density, standard_log_density
from vaescope.evidence.draws import Draws
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.examine.allocate_samples import allocation, scores_within
from vaescope.examine.score import scores_of
from vaescope.randomness import seed_of, stream

MODEL = LinearGaussian.matched(latent_size=2, data_size=3, rate=2.0)
TEXTS = 60
X = MODEL.sample_data(TEXTS, seed=0)
MEAN, STD = MODEL.encode(X)
WIDE = STD * torch.linspace(1.0, 2.0, TEXTS, dtype=torch.float64).unsqueeze(1)
"""Proposals from good to bad, so that the weights of the last texts vary most."""


def draw_with(seed, calls=None):
    def draw(chosen, samples, purpose):
        if calls is not None:
            calls.append((purpose, samples, len(chosen)))
        x, mean, std = X[chosen], MEAN[chosen], WIDE[chosen]
        noise = stream(seed_of(seed, purpose, samples), "noise")
        z = mean + std * torch.randn(samples, *mean.shape, generator=noise, dtype=torch.float64)
        n = len(chosen)
        return scores_of(
            Draws(
                posterior_mean=mean,
                posterior_std=std.contiguous(),
                z=z,
                log_p_x_z=MODEL.log_conditional(x, z),
                log_p_z=standard_log_density(z).sum(-1),
                log_q_z_x=log_density(z, mean, std).sum(-1),
                tokens=torch.full((n,), 3),
                words=torch.full((n,), 2),
                bytes=torch.full((n,), 3),
                metadata={},
            )
        )

    return draw


def test_texts_get_the_samples_that_they_need_and_reach_the_error():
    found = scores_within(draw_with(0), TEXTS, samples=32, standard_error=0.02, most=65_536)
    samples = found["samples"].double()
    assert samples[-15:].mean() > 2 * samples[:15].mean()
    assert ((found["log_likelihood_se"] <= 0.03).double().mean() > 0.9).item()
    error = (found["log_likelihood"] - MODEL.log_prob(X)) / found["log_likelihood_se"]
    assert (error.abs() < 3).double().mean().item() > 0.95


def test_the_estimate_of_p_is_unbiased_though_its_samples_depend_on_a_pilot():
    """E[w] = p(x) exactly, whatever S the pilot chose: averaged over texts and repetitions within 4 errors."""
    ratios = []
    for seed in range(60):
        found = scores_within(draw_with(seed), TEXTS, samples=16, standard_error=0.1, most=512)
        ratios.append((found["log_likelihood"] - MODEL.log_prob(X)).exp().mean())
    ratio = torch.stack(ratios)
    assert abs(ratio.mean().item() - 1) < 4 * ratio.std().item() / len(ratio) ** 0.5
    assert ratio.std().item() / len(ratio) ** 0.5 < 0.005


def test_the_pilot_and_the_scores_are_drawn_for_purposes_of_their_own():
    calls = []
    found = scores_within(draw_with(0, calls), TEXTS, samples=32, standard_error=0.05, most=128)
    assert calls[0] == ("pilot", 32, TEXTS)
    assert {purpose for purpose, _, _ in calls[1:]} == {"scores"}
    assert found["samples"].max().item() <= 128
    assert len({samples for _, samples, _ in calls[1:]}) == len(calls) - 1


def test_a_text_that_alone_needs_many_samples_has_its_own_numbers():
    errors = torch.tensor([0.01, 0.01, 0.5])

    def draw(chosen, samples, purpose):
        assert len(chosen) > 1
        numbers = torch.tensor(chosen)
        return {"log_likelihood": numbers.double(), "log_likelihood_se": errors[numbers]}

    found = scores_within(draw, 3, samples=32, standard_error=0.1, most=4_096)
    assert found["samples"].tolist() == [8, 8, 1_024]
    assert found["log_likelihood"].tolist() == [0.0, 1.0, 2.0]


def test_an_error_that_is_not_finite_gets_the_most():
    assert allocation(torch.tensor([float("nan"), float("inf"), 0.0]), 32, standard_error=0.1, most=100).tolist() == [
        100,
        100,
        8,
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"standard_error": 0.0}, "must be above 0"), ({"standard_error": 0.1, "most": 16}, "most-samples 16 is below")],
)
def test_useless_options_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        scores_within(draw_with(0), TEXTS, **({"samples": 32, "most": 64} | options))
