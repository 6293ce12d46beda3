"""The flow of an assessment: its rate bounds the information, and it has not seen the assessed texts."""

from dataclasses import replace
from importlib.util import find_spec

import pytest
import torch
from tests.populations import shapes

from vaescope.examine import fitted_priors
from vaescope.examine.fit_flow import FEWEST, fit_flow

pytestmark = pytest.mark.skipif(find_spec("zuko") is None, reason="needs zuko")


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(fitted_priors, "FLOW_STEPS", 120)
    monkeypatch.setattr(fitted_priors, "FLOW_TEXTS", 128)


def test_the_rate_against_a_flow_bounds_the_information_from_above():
    population = next(shape for shape in shapes() if shape.name == "ring")
    generator = torch.Generator().manual_seed(3)
    draws = population.draws(population.draw(1000, generator), generator)
    training = population.draw(4000, generator).encodings
    log_g_N = fit_flow(training, draws, seed=0)["a flow"]
    information, marginal_kl = population.truth
    terms_N = draws.log_q_z_x[0].double() - log_g_N
    error = terms_N.std().item() / 1000**0.5
    assert terms_N.mean().item() > information - 3 * error
    # the prior does much worse: its rate is I + the marginal KL
    assert terms_N.mean().item() < information + 0.5 * marginal_kl


def test_copies_of_assessed_texts_do_not_train_the_flow(monkeypatch):
    monkeypatch.setattr(fitted_priors, "FLOW_STEPS", 12)
    population = next(iter(shapes()))
    generator = torch.Generator().manual_seed(3)
    texts = population.draw(300, generator)
    draws = replace(population.draws(texts, generator), text_id=torch.arange(300))
    own = replace(texts.encodings, text_id=torch.arange(300))
    assert fit_flow(own, draws, seed=0) == {}
    others = replace(population.draw(FEWEST, generator).encodings, text_id=torch.arange(300, 300 + FEWEST))
    both = replace(
        own,
        mean=torch.cat([own.mean, others.mean]),
        std=torch.cat([own.std, others.std]),
        text_id=torch.arange(300 + FEWEST),
    )
    changed = replace(both, mean=torch.cat([own.mean + 100, others.mean]))
    torch.testing.assert_close(fit_flow(both, draws, seed=0), fit_flow(changed, draws, seed=0), check_device=False)
