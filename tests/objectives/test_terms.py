from dataclasses import replace

import pytest
import torch

from vaescope import choices
from vaescope.errors import UserError
from vaescope.model.priors.mixture import Mixture
from vaescope.testing import TermContract

from . import outside

OUTSIDE = f"{outside.__name__}:SecondMoment"


@pytest.mark.parametrize("name", [*choices.names("terms"), OUTSIDE])
class TestEveryTerm(TermContract):
    """The contract over every file of the folder, and a term from outside of it."""


def test_rate_is_the_closed_form(make_pass):
    mean, std = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, 2.0]])
    expected = 0.5 * (mean**2 + std**2 - 1 - 2 * std.log()).sum()
    torch.testing.assert_close(choices.build("terms", "rate")(make_pass(mean, std)), expected)


def test_elbo_is_minus_distortion_minus_rate(some_pass):
    value = {name: choices.build("terms", name)(some_pass) for name in ("elbo", "distortion", "rate")}
    torch.testing.assert_close(value["elbo"], -value["distortion"] - value["rate"])


def free_forms(pass_, rate):
    names = ("free_bits", "free_bits_hinge", "free_bits_total")
    return [choices.build("terms", name, rate=rate)(pass_).item() for name in names]


def test_free_bits_without_allowance_are_the_rate(some_pass):
    rate = some_pass.rate.mean().item()
    assert free_forms(some_pass, 0.0) == pytest.approx([rate] * 3)


def test_free_bits_at_a_collapsed_posterior(make_pass):
    collapsed = make_pass(torch.zeros(4, 2), torch.ones(4, 2))
    assert free_forms(collapsed, 3.0) == pytest.approx([3.0, 0.0, 3.0])


def test_free_bits_by_hand(make_pass):
    # KL of N(m, 1) is m^2 / 2: units have 2 and 0 nats in text 1, 0 and 0.5 in text 2
    pass_ = make_pass(torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.ones(2, 2))
    assert free_forms(pass_, 1.2) == pytest.approx([1.0 + 0.6, 1.0, 1.25])


def test_free_bits_have_no_gradient_below_and_the_rates_above(make_pass):
    mean = torch.tensor([[2.0, 0.1]], requires_grad=True)
    choices.build("terms", "free_bits", rate=2.0)(make_pass(mean, torch.ones(1, 2))).backward()
    assert mean.grad.tolist() == [[2.0, 0.0]]


@pytest.mark.parametrize("name", ["free_bits", "free_bits_hinge", "free_bits_total"])
@pytest.mark.parametrize("rate", [-1, "much", None, True])
def test_free_nats_are_a_non_negative_number(name, rate):
    with pytest.raises(UserError, match=f"{name}.rate"):
        choices.build("terms", name, rate=rate)


def test_free_bits_per_unit_need_a_prior_that_factorises(some_pass):
    some_pass = replace(some_pass, prior=Mixture(4, components=2))
    with pytest.raises(UserError, match="free_bits_total"):
        choices.build("terms", "free_bits")(some_pass)
    assert choices.build("terms", "free_bits_total")(some_pass).isfinite()
