"""Runs of a study are kept, resumed, and assessed against their control; a failure does not stop the others."""

import json
import shutil

import pytest
from tests.study.tiny import BASE, MAD, STUDY, InProcess, write_study

from vaescope.cli.load_and_train import carry_out
from vaescope.errors import UserError
from vaescope.runs.run_folder import RunFolder
from vaescope.study.drive import drive, prospect
from vaescope.study.engines.command import log_file
from vaescope.study.engines.local import Local
from vaescope.study.plan import FILE, read_plan
from vaescope.training.loop import train

TIMES = ("texts_per_second", "tokens_per_second")


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr("vaescope.study.drive.PAUSE", 0.01)


def carried_out(plan):
    plan.save()
    engine = InProcess(plan)
    return {job.run.name: job for job in drive(plan, engine, lambda jobs: None)}, engine.order


def metrics(plan):
    """Everything that was logged, except the speeds."""
    return {
        run.name: [{k: v for k, v in line.items() if k not in TIMES} for line in RunFolder(run.config.out).metrics()]
        for run in plan.runs
    }


def assessment(plan, name, split="test"):
    return json.loads((plan.folder(name) / f"assessment-{split}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished study, which tests only read."""
    plan = read_plan(write_study(tmp_path_factory.mktemp("done")))
    return plan, *carried_out(plan)


def test_runs_are_trained_and_assessed_against_their_control(done):
    plan, jobs, order = done
    assert {job.state for job in jobs.values()} == {"done"}
    assert order[0] == "language_model_seed0"
    found = assessment(plan, "vae_seed0")
    assert found["metadata"]["control"] == str(plan.folder("language_model_seed0"))
    assert found["estimates"]["conversion_efficiency"]["n"] == 40
    assert "control" not in assessment(plan, "language_model_seed0")["metadata"]
    assert jobs["vae_seed0"].step == jobs["vae_seed0"].steps == 6


def test_runs_that_exist_are_kept(done):
    plan, _, _ = done
    before = {file: file.stat().st_mtime_ns for file in plan.study.out.rglob("*") if file.is_file()}
    jobs, order = carried_out(read_plan(plan.study.out / FILE))
    assert {job.state for job in jobs.values()} == {"kept"}
    assert order == []
    after = {file: file.stat().st_mtime_ns for file in plan.study.out.rglob("*") if file.is_file()}
    assert {f for f in after if f.name != FILE and before.get(f) != after[f]} == set()


def test_other_settings_of_the_assessment_are_assessed_again_and_other_training_is_refused(tmp_path):
    path = write_study(tmp_path, grid={"objective": ["vae"]}, control=None)
    plan = read_plan(path)
    carried_out(plan)
    weights = (plan.folder("vae_seed0") / "model" / "model.safetensors").stat().st_mtime_ns
    other = read_plan(path, ["run.assessment.samples=5", "run.assessment.splits=[test,valid]"])
    assert prospect(other, other.runs[0]) == ("assess", "test, valid")
    _, order = carried_out(other)
    assert order == ["vae_seed0"]
    assert assessment(plan, "vae_seed0")["metadata"]["samples"] == 5
    assert (plan.folder("vae_seed0") / "assessment.json").exists()
    assert (plan.folder("vae_seed0") / "model" / "model.safetensors").stat().st_mtime_ns == weights
    longer = read_plan(path, ["run.training.steps=7"])
    jobs, order = carried_out(longer)
    assert order == []
    assert jobs["vae_seed0"].state == "failed"
    assert "training.steps = 6, not 7" in jobs["vae_seed0"].message
    with pytest.raises(UserError, match=r"training\.steps = 6, not 7"):
        carry_out(longer, longer.runs[0])


def test_an_interrupted_run_resumes_bit_for_bit(tmp_path, done):
    plan = read_plan(write_study(tmp_path, grid={"objective": ["vae"]}, control=None))

    class KilledError(Exception):
        pass

    def kill(step, *_):
        if step == 5:
            raise KilledError

    with pytest.raises(KilledError):
        train(plan.runs[0].config, progress=kill)
    assert prospect(plan, plan.runs[0]) == ("resume", "logged up to step 4 of 6")
    jobs, _ = carried_out(plan)
    assert jobs["vae_seed0"].state == "done"
    assert metrics(plan)["vae_seed0"] == metrics(done[0])["vae_seed0"]


def test_a_failing_run_stops_no_other_and_is_named(tmp_path):
    grid = {"training": {"mad": BASE["training"] | MAD, "sane": BASE["training"]}}
    jobs, order = carried_out(read_plan(write_study(tmp_path, grid=grid, control=None)))
    assert order == ["mad_seed0", "sane_seed0"]
    assert {name: job.state for name, job in jobs.items()} == {"mad_seed0": "failed", "sane_seed0": "done"}
    assert "is not finite" in jobs["mad_seed0"].message


def test_runs_whose_control_failed_are_trained_and_say_why_they_are_not_assessed(tmp_path):
    path = write_study(tmp_path, grid={"objective": ["language_model", "vae"]})
    plan = read_plan(path)
    (plan.folder("language_model_seed0")).mkdir(parents=True)
    other = plan.runs[0].config.model_copy(update={"seed": 5})
    shutil.rmtree(train(other).model)
    jobs, _ = carried_out(plan)
    assert "seed = 5, not 0" in jobs["language_model_seed0"].message
    assert "language_model_seed0, the control of this run, is not trained" in jobs["vae_seed0"].message
    assert RunFolder(plan.folder("vae_seed0")).status["finished"]


def test_parallel_processes_give_the_numbers_of_sequential_ones(tmp_path, done):
    grid = {"objective": {name: STUDY["grid"]["objective"][name] for name in ("vae", "mdr-2")}}
    plan = read_plan(write_study(tmp_path, grid=grid, control=None))
    jobs = drive(plan, Local(plan.save(), jobs=2, gpus=0), lambda jobs: None)
    assert [job.message for job in jobs] == ["", ""]
    sequential = metrics(done[0])
    assert metrics(plan) == {name: sequential[name] for name in ("vae_seed0", "mdr-2_seed0")}
    one, two = assessment(plan, "vae_seed0"), assessment(done[0], "vae_seed0")
    assert one["estimates"]["rate"] == two["estimates"]["rate"]
    assert "assess test 40/40" in log_file(plan.study.out / FILE, "vae_seed0").read_text(encoding="utf-8")


def test_an_interrupt_stops_the_engine(tmp_path):
    plan = read_plan(write_study(tmp_path))
    stopped = []

    class Endless(InProcess):
        def start(self, name):
            self.order.append(name)

        def stop(self):
            stopped.append(True)

    def interrupt(jobs):
        if any(job.state == "running" for job in jobs):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(plan, Endless(plan), interrupt)
    assert stopped == [True]
