"""Engines start the command of a run with its share of the GPUs, and find out how it ended."""

import os
import subprocess
import sys
import time

import pytest
from tests.study.test_stages import staged
from tests.study.tiny import BASE, MAD, write_study

from vaescope.errors import UserError
from vaescope.study.drive import drive, last_error
from vaescope.study.engines import command
from vaescope.study.engines.local import Local, shares
from vaescope.study.engines.on_ray import OnRay
from vaescope.study.engines.slurm import submission, write_script
from vaescope.study.plan import read_plan


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """Python is replaced by a script that prints its arguments and its GPUs, and fails for one run."""
    script = tmp_path / "python"
    script.write_text(
        '#!/bin/bash\necho "$*|$CUDA_VISIBLE_DEVICES"\n'
        'case "$*" in *broken*) echo "vaescope: it broke" >&2; exit 1;; *endless*) exec sleep 600;; esac\n'
    )
    script.chmod(0o755)
    monkeypatch.setattr(command.sys, "executable", str(script))
    return script


def wait(engine, count):
    found, until = {}, time.monotonic() + 60
    while len(found) < count:
        assert time.monotonic() < until
        time.sleep(0.02)
        found |= engine.ended()
    return found


def test_several_gpus_go_through_torchrun(tmp_path):
    words = command.command(tmp_path / "study.yaml", "vae_seed0", gpus=4)
    assert words[:2] == [sys.executable, "-m"]
    assert words[2:6] == ["torch.distributed.run", "--standalone", "--nproc-per-node=4", "-m"]
    assert words[6:] == command.command(tmp_path / "study.yaml", "vae_seed0", gpus=1)[2:]


def test_local_runs_are_spread_over_the_gpus(tmp_path, stub):
    engine = Local(tmp_path / "study.yaml", jobs=2, gpus=1, devices=["3", "5"])
    for name in ("a", "broken"):
        engine.start(name)
    assert wait(engine, 2) == {"a": 0, "broken": 1}
    engine.start("b")
    assert wait(engine, 1) == {"b": 0}
    gpus = {name: (tmp_path / f"{name}.log").read_text().split("|")[1].split("\n")[0] for name in ("a", "broken", "b")}
    assert gpus == {"a": "3", "broken": "5", "b": "3"}


def test_more_gpus_than_there_are_is_refused():
    with pytest.raises(UserError, match="needs 4 GPUs, this machine has 2"):
        shares(["0", "1"], jobs=2, gpus=2)


def test_stopping_ends_running_processes(tmp_path, stub):
    engine = Local(tmp_path / "study.yaml", jobs=1, devices=[])
    engine.start("endless")
    (_, process), *_ = engine._running.values()
    begun = time.monotonic()
    engine.stop()
    assert process.poll() is not None
    assert time.monotonic() - begun < command.GRACE


def test_the_error_is_reported_without_the_trailer_of_torchrun():
    lines = [
        "ValueError: 3",
        "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:",
        "=====",
        "time : now",
    ]
    assert last_error(lines) == "ValueError: 3"
    assert last_error(["Killed"]) == "Killed"


def test_slurm_script_carries_out_the_run_of_its_index(tmp_path, stub):
    plan = read_plan(write_study(tmp_path, seeds=[0, 1]))
    script = write_script(plan, plan.save(), gpus=2)
    subprocess.run(["bash", "-n", script], check=True)
    assert "#SBATCH --gpus-per-task=2" in script.read_text()
    for index in (0, 5):
        subprocess.run(["bash", script], check=True, env=os.environ | {"SLURM_ARRAY_TASK_ID": str(index)})
        name = plan.runs[index].name
        told = (tmp_path / "out" / f"{name}.log").read_text()
        assert told.split("|")[0].endswith(f"-m vaescope study {tmp_path}/out/study.yaml --only={name}")
    failed = subprocess.run(["bash", script], capture_output=True, text=True, check=False)
    assert failed.returncode != 0
    assert "submit this script with sbatch --array" in failed.stderr


def test_slurm_runs_wait_for_their_controls(tmp_path):
    plan = read_plan(write_study(tmp_path, seeds=[0, 1]))
    first, then = submission(plan, tmp_path / "study.sbatch", jobs=4)
    assert "--array=0-1%4" in first
    assert "--array=2-5%4" in then
    assert '--dependency="afterany:${step1%%;*}"' in then
    alone = read_plan(write_study(tmp_path, grid={"objective": ["vae", "autoencoder"]}, control=None))
    assert submission(alone, tmp_path / "study.sbatch") == [f"sbatch --array=0-1 {tmp_path}/study.sbatch"]


def test_slurm_stages_wait_for_the_stage_before_them(tmp_path):
    plan = read_plan(staged(tmp_path, seeds=[0, 1]))
    assert [run.labels["stage"] for run in plan.runs] == ["control", "encoder", "joint"] * 2
    script = tmp_path / "study.sbatch"
    assert submission(plan, script) == [
        f"step1=$(sbatch --parsable --array=0,3 {script})",
        f'step2=$(sbatch --parsable --dependency="afterany:${{step1%%;*}}" --array=1,4 {script})',
        f'sbatch --dependency="afterany:${{step2%%;*}}" --array=2,5 {script}',
    ]


@pytest.mark.slow
def test_slurm_script_trains_a_run(tmp_path):
    plan = read_plan(write_study(tmp_path))
    script = write_script(plan, plan.save(), gpus=0)
    subprocess.run(["bash", script], check=True, env=os.environ | {"SLURM_ARRAY_TASK_ID": "0"})
    assert (tmp_path / "out" / "language_model_seed0" / "assessment-test.json").exists()


@pytest.mark.slow
def test_torchrun_trains_and_assesses_a_run_in_two_processes(tmp_path):
    plan = read_plan(write_study(tmp_path))
    words = command.command(plan.save(), "language_model_seed0", gpus=2)
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    subprocess.run(words, check=True, env=environment)
    assert (tmp_path / "out" / "language_model_seed0" / "assessment-test.json").exists()


def test_missing_ray_is_reported(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install 'vaescope\[sweep\]'"):
        OnRay(tmp_path / "study.yaml")


@pytest.fixture
def cluster(monkeypatch):
    """A Ray cluster of two workers on this machine, each with one core."""
    pytest.importorskip("ray", reason="Ray is not installed; pip install 'vaescope[sweep]'")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    memory = {"object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **memory})
    for _ in range(2):
        cluster.add_node(num_cpus=1, **memory)
    cluster.wait_for_nodes()
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    yield cluster
    cluster.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_ray_carries_out_a_study_on_two_workers(tmp_path, cluster):
    slow, fast = BASE["training"], BASE["training"] | {"learning_rate": 1e-3}
    grid = {"training": {"mad": BASE["training"] | MAD, "slow": slow, "fast": fast}}
    plan = read_plan(write_study(tmp_path, grid=grid, control=None))
    engine = OnRay(plan.save())
    assert engine.capacity == 2
    at_once = []
    jobs = drive(plan, engine, lambda jobs: at_once.append(sum(job.state == "running" for job in jobs)))
    states = {job.run.name: job.state for job in jobs}
    assert states == {"mad_seed0": "failed", "slow_seed0": "done", "fast_seed0": "done"}
    assert "is not finite" in jobs[0].message
    assert max(at_once) == 2


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_stopping_on_ray_ends_the_process(tmp_path, cluster, monkeypatch):
    plan = read_plan(write_study(tmp_path, grid={"objective": ["vae"]}, control=None), ["run.training.steps=1000000"])
    engine = OnRay(plan.save())

    def interrupt(jobs):
        if jobs[0].step > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(plan, engine, interrupt)
    metrics = plan.runs[0].config.out / "metrics.jsonl"
    size = metrics.stat().st_size
    time.sleep(2)
    assert metrics.stat().st_size == size
