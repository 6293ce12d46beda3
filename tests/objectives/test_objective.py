import pytest
import torch

from vaescope import choices
from vaescope.errors import UserError
from vaescope.objectives.objective import Objective, build_objective
from vaescope.testing import ObjectiveContract


@pytest.mark.parametrize("name", choices.names("objectives"))
class TestEveryObjective(ObjectiveContract):
    """The contract over every file of the folder."""


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


def test_its_state_has_only_the_multipliers():
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
        ({"preset": 5}, "5 is not a name"),
        ({"terms": {"rate": 1}, "constraints": {"rate": 8}}, "give a list"),
        ({"terms": {"rate": 1}, "constraints": 5}, "give a list"),
        ({"terms": {"rate": 1}, "encoder_steps": 5}, "give options"),
        ({"preset": "mdr", "rate": -1}, "has no effect: rate is never below 0"),
        ({"preset": "mdr", "rate": True}, "mdr.rate: give a finite number, not true"),
        ({"preset": "infovae", "alpha": "x"}, "infovae.alpha: give a finite number, not 'x'"),
        ({"preset": "hoffman", "estimator": [1]}, "hoffman.estimator: give a name, not"),
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


def test_no_part_of_the_rate_is_larger_than_it():
    part = {"term": "mutual_information", "relation": ">=", "bound": 5}
    with pytest.raises(UserError, match="part of the rate"):
        Objective({"distortion": 1}, [part, {"term": "rate", "relation": "<=", "bound": 4}])
    assert Objective({"distortion": 1}, [part, {"term": "rate", "relation": "<=", "bound": 6}])


@pytest.mark.parametrize("form", ["free_bits", "free_bits_hinge", "free_bits_total"])
def test_free_bits_come_in_three_forms(form, some_pass):
    assert form in build_objective({"preset": "free_bits", "form": form})(some_pass, 0).terms
    with pytest.raises(UserError, match="did you mean 'free_bits"):
        build_objective({"preset": "free_bits", "form": "free_bit"})


@pytest.mark.parametrize("term", ["ratee", 3, None])
def test_a_constraint_on_no_known_term_is_refused(term):
    with pytest.raises(UserError, match="term"):
        Objective({"distortion": 1}, [{"term": term, "relation": ">=", "bound": 1}])


def test_a_band_is_two_constraints():
    band = [{"term": "rate", "relation": ">=", "bound": 4}, {"term": "rate", "relation": "<=", "bound": 6}]
    objective = Objective({"distortion": 1, "rate": 1}, band)
    assert objective.met({"rate": 5.0})
    assert not objective.met({"rate": 9.0})


@pytest.mark.parametrize(
    ("term", "relation", "bound"),
    [
        ("mutual_information", ">=", 7.0),
        ("mutual_information", "==", 7.0),
        ("rate", "<=", -1.0),
        ("rate", "==", -1.0),
        ("elbo", ">=", 3.0),
        ("mmd", ">=", 2.5),
        ("marginal_kl", "<=", -0.5),
        ("importance_weighted", ">=", 1.0),
    ],
)
def test_a_bound_that_no_model_can_meet_is_refused(term, relation, bound):
    objective = Objective({"distortion": 1}, [{"term": term, "relation": relation, "bound": bound}])
    with pytest.raises(UserError, match=f"{term} {relation} .* cannot be met: with 1000 training texts") as caught:
        objective.refuse_unreachable(dataset_size=1000, batch_size=32)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("term", "relation", "bound"),
    [("mutual_information", ">=", 6.9), ("mutual_information", "<=", 50.0), ("rate", ">=", 500.0), ("elbo", "<=", 3.0)],
)
def test_a_bound_within_reach_is_taken(term, relation, bound):
    objective = Objective({"distortion": 1}, [{"term": term, "relation": relation, "bound": bound}])
    objective.refuse_unreachable(dataset_size=1000, batch_size=32)


def test_unmet_constraints_are_reported():
    objective = build_objective({"preset": "mdr", "rate": 8})
    assert objective.unmet({"rate": 6.1}) == ["the constraint rate >= 8 is not met: rate is 6.1"]
    assert objective.unmet({"rate": 8.1}) == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"preset": "infovae", "alpha": 1.5}, "alpha <= 1"),
        ({"preset": "infovae", "alpha": 0.0, "lambda_": 0.5}, "alpha"),
        ({"preset": "hoffman", "estimator": "stratifed"}, "did you mean 'stratified'"),
        ({"preset": "lagging", "most": -1}, "encoder_steps.most"),
        ({"preset": "lagging", "burst": 0}, "encoder_steps.burst"),
        ({"terms": {"distortion": 1}, "encoder_steps": {"most": 3}}, "mutual_information"),
        ({"terms": {"distortion": 1}, "encoder_steps": {"moist": 3}}, "did you mean 'most'"),
        ({"terms": {"mmd": {"factors": []}}}, "mmd.factors"),
        ({"terms": {"mmd": {"factors": [0, 1]}}}, "mmd.factors"),
    ],
)
def test_bad_options_of_the_literature_are_refused(spec, message):
    with pytest.raises(UserError, match=message) as caught:
        build_objective(spec)
    assert "\n" not in str(caught.value)


def test_the_parts_of_the_rate_make_the_vae(some_pass):
    """I + TC + dimension KL and I + marginal KL are log q(z|x) - log p(z), whatever q(z) is thought to be."""
    for preset in ({"preset": "beta_tc_vae", "beta": 1.0}, {"preset": "hoffman", "alpha": 1.0}):
        loss = build_objective(preset)(some_pass, 0)
        rate = (some_pass.log_q_z_x - some_pass.log_p_z).mean()
        torch.testing.assert_close(loss.total, loss.terms["distortion"] + rate)


def test_a_small_bound_is_measured_by_the_unit_of_its_term():
    objective = Objective({"distortion": 1}, [{"term": "mmd", "relation": "<=", "bound": 0.01}])
    for _ in range(100):
        objective.ascend({"mmd": torch.tensor(0.02)})
    # one nat of distortion against a hundredth of MMD
    assert 100 < objective.multipliers["mmd<="] < 1000
