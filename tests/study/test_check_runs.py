"""All configurations of a study are tried before its first run."""

import re

import pytest

from vaescope.errors import UserError
from vaescope.study.check_runs import check_runs
from vaescope.study.plan import read_plan

from .tiny import write_study


def plan(folder, key, value):
    return read_plan(
        write_study(folder, control=None, grid={"objective": ["vae"], key: {"good": GOOD.get(key), "bad": value}})
    )


GOOD = {
    "model.prior": "standard",
    "model.injection": "memory",
    "model.encoder.hidden_size": 16,
    "model.encoder.model_type": "roberta",
    "model.init_from": None,
    "data.known": "topic_pcfg",
    "data.sizes": [50, 10, 10],
    "training.batch_size": 8,
    "tokenizer.path": None,
    "assessment.thresholds": {},
    "assessment.diagnostics": [],
    "assessment.components": "10",
    "training.until": {},
    "training.learning_rates": {},
}


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("model.prior", "nope", "unknown prior 'nope'"),
        ("model.injection", "nope", "unknown injection 'nope'"),
        ("model.encoder.hidden_size", 33, "not a multiple of its 2 attention heads"),
        ("model.encoder.model_type", "nope", "no model_type 'nope'"),
        ("model.init_from", "nowhere", "model.init_from: nowhere is neither"),
        ("model.encoder.hidden_size", 100_000, "parameters, whose training takes"),
        ("data.known", "nope", "unknown corpus 'nope'"),
        ("data.sizes", [50, 1, 10], "data.sizes"),
        ("training.batch_size", 1000, "training.batch_size: 1000 texts per step, but there are 200"),
        ("tokenizer.path", "./nowhere", "nowhere"),
        ("assessment.thresholds", {"nope": 1}, "unknown threshold 'nope'"),
        ("assessment.diagnostics", ["nope"], "unknown diagnostic 'nope'"),
        ("assessment.components", "nope.txt", "assessment.components: 'nope.txt' is neither a number nor a file"),
        ("assessment.components", "123456789", "give a number of at most 10,000,000"),
        ("training.until", {"rate": "more"}, "training.until: rate: 'more' is not"),
        ("training.learning_rates", {"nope": 1}, "unknown part of training.learning_rates 'nope'"),
    ],
)
def test_mistake_of_a_later_run_is_found_before_the_first(tmp_path, key, value, says):
    with pytest.raises(UserError, match=re.escape(says)) as caught:
        check_runs(plan(tmp_path, key, value).runs, "mine.yaml")
    assert str(caught.value).startswith("mine.yaml: run vae_bad_seed0: ")
    assert not (tmp_path / "out").exists()


def test_study_that_can_be_carried_out_is_not_refused_and_too_large_a_grid_is(tmp_path):
    told = []
    check_runs(read_plan(write_study(tmp_path)).runs, "mine.yaml", lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(UserError, match="make 90,000 runs; give at most 10,000"):
        read_plan(write_study(tmp_path, seeds=list(range(30_000))))


def test_a_stage_may_start_from_one_that_has_not_been_trained_yet(tmp_path):
    first = {"set": {"objective": "language_model", "model.tie": False}}
    later = {"after": "first", "take": ["decoder"], "set": {"model.tie": False}}
    study = write_study(tmp_path, grid=None, control=None, stages={"first": first, "later": later})
    check_runs(read_plan(study).runs, "mine.yaml")
