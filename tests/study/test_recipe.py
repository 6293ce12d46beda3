"""The recipe for a pre-trained pair, from two checkpoint folders to a page, and the rules between its stages."""

from pathlib import Path

import pytest
import yaml
from tests.study.test_stages import STAGES, staged
from tests.study.tiny import InProcess
from tests.tiny_checkpoints import bert, llama

from vaescope.cli.commands.study import _compare
from vaescope.cli.load_and_train import carry_out
from vaescope.corpora.known.template import Template
from vaescope.errors import UserError
from vaescope.reading import read_json
from vaescope.runs.run_folder import RunFolder
from vaescope.study.drive import drive, prospect
from vaescope.study.exit_rule import exit_numbers
from vaescope.study.plan import read_plan

RECIPE = Path(__file__).parents[2] / "examples" / "strong_decoders" / "recipe.yaml"


def shortened(folder, data):
    """The recipe with a few small steps, and with bounds of its rules that a network of 16 units can reach."""
    texts = Template(topics=2, slots=4, words=4).sample(300, seed=0)
    content = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    for stage in content["stages"].values():
        if "refit" not in stage:
            stage["set"] |= {"training.steps": 6, "training.validate_every": 3}
            stage["exit"] = {
                name: f"{rule[:2]} {-99 if rule[:2] == '>=' else 99}" for name, rule in stage["exit"].items()
            }
    content["base"] = str(RECIPE.with_name("base.yaml"))
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    for name, part in (("train", texts[:240]), ("valid", texts[240:270]), ("test", texts[270:])):
        data.mkdir(exist_ok=True)
        (data / f"{name}.txt").write_text("\n".join(part) + "\n", encoding="utf-8")
    given = {
        "data.path": data,
        "model.encoder": bert(folder / "encoder", texts),
        "model.decoder": llama(folder / "decoder", texts),
        "model.latent_size": 4,
        "training.batch_size": 8,
        "training.validation_texts": 24,
        "assessment.texts": 24,
        "assessment.samples": 2,
    }
    return path, [f"run.{key}={value}" for key, value in given.items()] + [f"out={folder / 'out'}"]


@pytest.mark.slow
def test_the_recipe_goes_from_two_folders_to_a_page_and_resumes(tmp_path):
    path, overrides = shortened(tmp_path, tmp_path / "texts")
    plan = read_plan(path, overrides)
    engine = InProcess(plan)
    jobs = drive(plan, engine, lambda jobs: None)
    assert [(job.run.labels["stage"], job.state) for job in jobs] == [
        ("control", "done"),
        ("encoder", "done"),
        ("joint", "done"),
        ("refit", "done"),
    ], [job.message for job in jobs]
    _compare(plan, jobs, "test")
    page = (plan.study.out / "comparison" / "compare.html").read_text(encoding="utf-8")
    assert all(run.name in page for run in plan.runs)

    joint, refit = plan.folder("joint_seed0"), plan.folder("refit_seed0")
    assert read_json(refit / "refit.json")["run"] == str(joint)
    found = read_json(refit / "assessment-test.json")
    assert {"rate", "mutual_information", "marginal_kl"} <= found["estimates"].keys()
    assert "distortion_gain" in found["estimates"]  # against the control
    flags = [line["red_flags"] for line in RunFolder(joint).metrics("assessment")]
    assert len(flags) == 2  # judged at each validation

    assert [job.state for job in drive(plan, engine, lambda jobs: None)] == ["kept"] * 4
    (refit / "assessment-test.json").unlink()
    assert [job.state for job in drive(plan, engine, lambda jobs: None)] == ["kept", "kept", "kept", "done"]
    RunFolder(joint).model.rename(tmp_path / "gone")  # the joint stage is made again, so the refit is out of date
    jobs = drive(plan, engine, lambda jobs: None)
    assert jobs[2].state == "done"
    assert "joint_seed0 was trained again since" in jobs[3].message


def staged_with_exit(folder, **rules):
    stages = {name: stage | {"exit": rules.get(name, {})} for name, stage in STAGES.items()}
    return staged(folder, stages=stages)


def test_a_stage_that_misses_its_rule_stops_those_after_it_in_one_sentence(tmp_path):
    stages = {name: dict(STAGES[name]) for name in ("control", "encoder")} | {"again": {"after": "encoder"}}
    stages["encoder"] |= {"exit": {"distortion_saved": ">= 1000", "rate": ">= 0"}}
    plan = read_plan(staged(tmp_path, stages=stages))
    control, encoder = plan.folder("control_seed0"), plan.folder("encoder_seed0")
    for order in (["control_seed0", "encoder_seed0"], []):
        engine = InProcess(plan)
        jobs = {job.run.labels["stage"]: job for job in drive(plan, engine, lambda jobs: None)}
        message = jobs["encoder"].message
        assert "encoder_seed0 missed its exit rule at step 6: distortion_saved is " in message
        assert ", not >= 1000." in message
        assert "rate" not in message
        assert "\n" not in message
        assert (encoder / "assessment-test.json").exists()
        assert jobs["again"].message == "encoder_seed0, whose weights it starts from, failed"
        assert engine.order == order
    with pytest.raises(UserError, match="encoder_seed0 missed its exit rule"):
        carry_out(plan, plan.named("again_seed0"))  # as on a cluster, where each run is a process of its own

    numbers, _ = exit_numbers(encoder, control)
    of_control, (before, last) = (
        [line["distortion"] for line in RunFolder(run).metrics("validation")] for run in (control, encoder)
    )
    assert numbers["distortion_saved"] == of_control[-1] - last
    assert numbers["last_improvement"] == before - last

    # the rule is no part of the run: with another one the same study continues
    stages["encoder"]["exit"] = {"distortion_saved": ">= -1000"}
    plan = read_plan(staged(tmp_path, stages=stages))
    assert prospect(plan, plan.named("encoder_seed0")) == ("keep", "trained and assessed")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"rate": "> 3"}, "stage encoder: exit: rate: '> 3' is not '>= NUMBER' or '<= NUMBER'"),
        ({"ratee": ">= 3"}, "stage encoder: exit: unknown number of a validation 'ratee'; did you mean 'rate'"),
        ({"latent_use": ">= 3"}, "stage encoder: exit: latent_use needs assessment.at_validation: true"),
    ],
)
def test_a_rule_that_cannot_be_judged_is_refused_before_anything_runs(tmp_path, rule, message):
    with pytest.raises(UserError, match=message) as caught:
        read_plan(staged_with_exit(tmp_path, encoder=rule))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"control": None}, "distortion_saved needs a control"),
        (
            {"key": ("training.validation_texts", 8)},
            "the same validation texts as the control: training.validation_texts",
        ),
        ({"key": ("data.max_length", 12)}, "the same validation texts as the control: data differs"),
    ],
)
def test_a_saving_needs_a_control_with_the_same_texts(tmp_path, changes, message):
    stages = {name: dict(stage) for name, stage in STAGES.items()}
    stages["encoder"] |= {"exit": {"distortion_saved": ">= 1"}}
    if "key" in changes:
        key, value = changes.pop("key")
        stages["encoder"]["set"] = stages["encoder"]["set"] | {key: value}
    with pytest.raises(UserError, match=message):
        read_plan(staged(tmp_path, stages=stages, **changes))


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"refit": ["mixture"]}, "refit needs after"),
        ({"refit": ["mixtur"], "after": "joint"}, "refit"),
        ({"refit": ["mixture"], "after": "joint", "exit": {"rate": ">= 1"}}, "exit has no effect on a refit"),
        ({"refit": ["mixture"], "after": "joint", "take": ["encoder"]}, "take has no effect on a refit"),
        (
            {"refit": ["mixture"], "after": "joint", "set": {"training.steps": 3}},
            r"training\.steps has no effect on a refit",
        ),
    ],
)
def test_a_refit_stage_accepts_only_the_options_of_a_refit(tmp_path, stage, message):
    with pytest.raises(UserError, match=message) as caught:
        read_plan(staged(tmp_path, stages=STAGES | {"again": stage}))
    assert "\n" not in str(caught.value)
