"""Studies with stages, which start from the weights of other runs."""

import pytest
import torch
from tests.study.tiny import InProcess, write_study

from vaescope.errors import UserError
from vaescope.runs.run_folder import RunFolder
from vaescope.study.drive import drive
from vaescope.study.plan import read_plan

STAGES = {
    "control": {"set": {"objective": "language_model", "model.tie": False}},
    "encoder": {
        "after": "control",
        "take": ["decoder"],
        "set": {"objective": "autoencoder", "model.freeze": "decoder", "model.tie": False},
    },
    "joint": {"after": "encoder", "set": {"objective": {"preset": "mdr", "rate": 2}, "model.tie": False}},
}


def staged(folder, **changes):
    return write_study(folder, **({"grid": None, "stages": STAGES, "control": "control"} | changes))


def state(run):
    return RunFolder(run.config.out).load_model("model").state_dict()


def test_each_stage_starts_from_the_weights_of_the_one_before(tmp_path):
    plan = read_plan(staged(tmp_path))
    assert [run.name for run in plan.runs] == ["control_seed0", "encoder_seed0", "joint_seed0"]
    assert [run.needs for run in plan.runs] == [[], ["control_seed0"] * 2, ["control_seed0", "encoder_seed0"]]
    engine = InProcess(plan)
    jobs = drive(plan, engine, lambda jobs: None)
    assert [job.state for job in jobs] == ["done"] * 3, [job.message for job in jobs]
    control, encoder, joint = map(state, plan.runs)
    frozen = [name for name in encoder if name.startswith("decoder.")]
    assert all(torch.equal(control[name], encoder[name]) for name in frozen)
    assert not all(torch.equal(encoder[name], joint[name]) for name in frozen)
    assert [job.state for job in drive(plan, engine, lambda jobs: None)] == ["kept"] * 3
    assert engine.order == [run.name for run in plan.runs]


def test_a_stage_whose_start_failed_fails_by_its_name(tmp_path):
    broken = STAGES | {
        "encoder": STAGES["encoder"] | {"set": {"objective": "autoencoder"}}
    }  # tied: half cannot be taken
    plan = read_plan(staged(tmp_path, stages=broken))
    jobs = {job.run.name: job for job in drive(plan, InProcess(plan), lambda jobs: None)}
    assert "share parameters" in jobs["encoder_seed0"].message
    assert "encoder_seed0, whose weights it starts from, failed" in jobs["joint_seed0"].message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid": {"objective": ["vae"]}}, "either a grid or stages"),
        ({"stages": None}, "either a grid or stages"),
        ({"control": "contrl"}, "unknown stage 'contrl'; did you mean 'control'"),
        ({"control": "joint"}, "stage joint is not a language model"),
        ({"stages": {"a": {"after": "b"}, "b": {}}, "control": None}, "unknown earlier stage 'b'"),
        ({"stages": {"a": {}, "b": {"after": "a", "take": ["decodr"]}}, "control": None}, "did you mean 'decoder'"),
        ({"stages": {"a": {"take": ["encoder"]}}, "control": None}, "take has no effect without after"),
        ({"stages": {"a": {"set": {"out": "x"}}}, "control": None}, "out is set by the study"),
        ({"stages": {"a": {"set": {"seed": 1}}}, "control": None}, r"seed is set by the study; give it seeds"),
        ({"stages": {"a/b": {}, "a-b": {}}, "control": None}, "two stages have the folder"),
        (
            {"stages": {"a": {"sett": {}}}, "control": None},
            r"unknown key 'stages\.a\.sett'; did you mean 'stages\.a\.set'",
        ),
        ({"stages": {"a": {"set": {"modl.tie": False}}}, "control": None}, "modl"),
    ],
)
def test_a_row_that_cannot_be_is_refused_in_one_line(tmp_path, changes, message):
    with pytest.raises(UserError, match=message) as caught:
        read_plan(staged(tmp_path, **changes))
    assert "\n" not in str(caught.value)


def test_a_saved_plan_is_the_same_plan(tmp_path):
    plan = read_plan(staged(tmp_path))
    assert read_plan(plan.save()).runs == plan.runs


def test_a_stage_begins_at_the_text_where_those_before_it_end(tmp_path):
    stages = {name: stage | {"set": stage["set"] | {"training.steps": 3}} for name, stage in STAGES.items()}
    runs = read_plan(staged(tmp_path, stages=stages)).runs
    size = runs[0].config.training.batch_size
    assert [run.config.training.first_text for run in runs] == [0, 3 * size, 6 * size]
    stages["joint"]["set"]["training.first_text"] = 1
    assert read_plan(staged(tmp_path, stages=stages)).runs[2].config.training.first_text == 1
