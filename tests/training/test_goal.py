"""Trainings that end when a number at a validation reaches a goal."""

import pytest

from vaescope.errors import UserError
from vaescope.examine.assess_in_training import validation_assessment
from vaescope.training.goal import Goal
from vaescope.training.loop import train


def test_all_conditions_must_hold_at_once():
    goal = Goal({"rate": "<= 4", "distortion": "<= 10"})
    goal.look({"rate": 3.0, "distortion": 12.0})
    goal.look({"rate": 5.0, "distortion": 9.0})
    assert not goal.reached
    goal.look({"rate": 4.0, "distortion": 10.0})
    assert goal.reached
    goal.look({"rate": 9.0, "distortion": 99.0})
    assert goal.reached


def test_without_conditions_nothing_is_reached():
    goal = Goal({})
    goal.look({"rate": 1.0})
    assert not goal.reached


@pytest.mark.parametrize("text", ["10", "> 10", ">= ten", ">= nan", ">=", ""])
def test_a_condition_of_another_form_is_refused(text):
    with pytest.raises(UserError, match=r"rate: '.*' is not '>= NUMBER' or '<= NUMBER'"):
        Goal({"rate": text})


def test_a_training_stops_at_the_first_validation_that_reaches_the_goal(make_config, tmp_path):
    config = make_config(tmp_path / "run", steps=9, validate_every=2, until={"distortion": "<= 1000"})
    run = train(config)
    assert run.status["step"] == 2
    assert run.status["reason"] == "goal reached: distortion <= 1000"
    assert train(config).status["step"] == 2


def test_a_goal_may_be_an_estimate_of_the_assessment(make_config, tmp_path):
    config = make_config(tmp_path / "run", validate_every=3, until={"latent_use": ">= -1000"})
    assert train(config, assess=validation_assessment(config)).status["step"] == 3


def test_a_number_that_validations_do_not_have_is_refused_by_name(make_config, tmp_path):
    config = make_config(tmp_path / "run", until={"latent_us": ">= 1"})
    with pytest.raises(UserError, match=r"training.until: unknown number of a validation 'latent_us'"):
        train(config)
