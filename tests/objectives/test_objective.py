import pytest
import torch

from vaescope import choices
from vaescope.errors import UserError
from vaescope.objectives.objective import Objective, build_objective

PRESETS = choices.names("objectives")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_gives_a_finite_loss_whose_terms_are_named(name, some_pass):
    objective = build_objective(name)
    loss = objective(some_pass, 0)
    assert loss.total.isfinite()
    assert {"distortion", "rate"} <= set(loss.terms)
    assert not any(value.requires_grad for value in loss.terms.values())
    objective.ascend(loss.terms)
    assert choices.summary("objectives", name)


def test_without_constraints_it_is_the_weighted_sum(some_pass):
    loss = Objective({"distortion": 2.0, "rate": {"schedule": "linear", "steps": 4}})(some_pass, 1)
    torch.testing.assert_close(loss.total, 2 * loss.terms["distortion"] + 0.25 * loss.terms["rate"])


def test_the_elbo_is_maximised(some_pass):
    torch.testing.assert_close(Objective({"elbo": 1.0})(some_pass, 0).total, build_objective("vae")(some_pass, 0).total)


def test_with_a_constraint_it_is_the_lagrangian(some_pass):
    objective = build_objective({"preset": "mdr", "rate": 50, "method": "lagrangian"})
    for _ in range(100):
        objective.ascend({"rate": torch.tensor(10.0)})
    loss, multiplier = objective(some_pass, 0), objective.multipliers["rate>="]
    d, r = loss.terms["distortion"], loss.terms["rate"]
    assert 0 < multiplier < 1
    torch.testing.assert_close(loss.total, d + r + multiplier * (50 - r))


def test_a_constraint_may_bind_a_term_without_weight(some_pass):
    objective = Objective({"distortion": 1}, [{"term": "elbo", "relation": ">=", "bound": -1}])
    assert set(objective(some_pass, 0).terms) == {"distortion", "elbo"}


@pytest.mark.parametrize(("rate", "met"), [(3.0, False), (7.7, True), (20.0, True)])
def test_met_allows_five_percent(rate, met):
    assert build_objective({"preset": "mdr", "rate": 8}).met({"rate": rate}) is met


def test_its_state_holds_the_multipliers_alone():
    assert not build_objective("vae").state_dict()
    objective, copy = build_objective("mdr"), build_objective("mdr")
    objective.ascend({"rate": torch.tensor(1.0)})
    copy.load_state_dict(objective.state_dict())
    assert copy.multipliers == objective.multipliers


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mdrr", "did you mean 'mdr'"),
        ({"preset": "mdr", "target": 8}, "unknown option"),
        ({"preset": "vae", "beta": 2}, "takes no options"),
        ({"preset": "beta_vae", "beta": -1}, "negative"),
        ({"terms": {"rates": 1}}, "did you mean 'rate'"),
        ({"terms": {"rate": {"weight": 1, "nats": 3}}}, "takes no options"),
        ({"terms": {"rate": -1}}, "negative"),
        ({"terms": {"rate": 0}}, "minimises nothing"),
        ({"terms": {}}, "minimises nothing"),
        ({"terms": ["rate"]}, "needs terms"),
        ({"terms": None}, "needs terms"),
        ({"term": {"rate": 1}}, "did you mean 'terms'"),
        ({}, "needs terms"),
    ],
)
def test_bad_objectives_are_refused_in_one_line(spec, message):
    with pytest.raises(UserError, match=message) as caught:
        build_objective(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ([("==", 8), (">=", 4)], "no room"),
        ([(">=", 8), ("<=", 4)], "cannot both hold"),
        ([(">=", 8), (">=", 4)], "keep one"),
    ],
)
def test_contradicting_constraints_are_refused(bounds, message):
    constraints = [{"term": "rate", "relation": relation, "bound": bound} for relation, bound in bounds]
    with pytest.raises(UserError, match=message):
        Objective({"distortion": 1, "rate": 1}, constraints)


@pytest.mark.parametrize("term", ["ratee", 3, None])
def test_a_constraint_on_no_known_term_is_refused(term):
    with pytest.raises(UserError, match="term"):
        Objective({"distortion": 1}, [{"term": term, "relation": ">=", "bound": 1}])


def test_a_band_is_two_constraints():
    band = [{"term": "rate", "relation": ">=", "bound": 4}, {"term": "rate", "relation": "<=", "bound": 6}]
    objective = Objective({"distortion": 1, "rate": 1}, band)
    assert objective.met({"rate": 5.0})
    assert not objective.met({"rate": 9.0})
