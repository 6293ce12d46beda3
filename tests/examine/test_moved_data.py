"""The texts identify a run, not their place on disk."""

import pytest
from tests.training.test_nothing_lost import WORDS, with_files

from vaescope.errors import UserError
from vaescope.examine.assess_run import assess_run
from vaescope.examine.examined_run import Examined
from vaescope.study.drive import prospect
from vaescope.study.plan import Plan, PlannedRun, StudyConfig
from vaescope.training.loop import train


def test_a_run_is_assessed_on_its_texts_wherever_they_are_and_on_no_others(tmp_path, make_config):
    config = with_files(make_config(tmp_path / "run", steps=2), tmp_path / "data", WORDS)
    train(config)
    (tmp_path / "data").rename(tmp_path / "moved")
    run = Examined.load(tmp_path / "run")
    with pytest.raises(UserError, match="no such file or folder"):
        run.tokenized("valid")
    found = assess_run(run.with_data_at(tmp_path / "moved"), "valid", samples=2)
    assert found.estimates["rate"].n == 20
    planned = PlannedRun(
        "run", {}, 0, config.model_copy(update={"data": run.with_data_at(tmp_path / "moved").config.data})
    )
    plan = Plan(StudyConfig(base={}, grid={"seed": {"0": 0}}, out=tmp_path), [planned])
    assert prospect(plan, planned)[0] == "assess"
    (tmp_path / "moved" / "valid.txt").write_text("another text\n" * 20)
    with pytest.raises(UserError, match=r"the valid texts of .* have changed since the run was started"):
        assess_run(run.with_data_at(tmp_path / "moved"), "valid", samples=2)
    what, why = prospect(plan, planned)
    assert what == "refuse"
    assert "the valid texts" in why
