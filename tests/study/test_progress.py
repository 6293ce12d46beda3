"""The progress of runs is read from their folders, and the time left is computed from the pace."""

import json

import pytest
from tests.study.tiny import write_study

from vaescope.runs import metrics
from vaescope.runs.metrics import last_lines
from vaescope.study.plan import read_plan
from vaescope.study.progress import Job, time_left


@pytest.fixture
def now(monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("vaescope.study.progress.time.monotonic", lambda: clock[0])
    return clock


def log(job, step):
    job.run.config.out.mkdir(parents=True, exist_ok=True)
    with (job.run.config.out / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"kind": "train", "step": step, "rate": 0.5 * step}) + "\n")


def test_time_left_is_the_remaining_work_at_the_pace_so_far(tmp_path, now):
    plan = read_plan(write_study(tmp_path, grid={"training.learning_rate": [0.1, 0.2, 0.3]}, control=None))
    jobs = [Job(run) for run in plan.runs]
    assert time_left(jobs, 1) is None
    log(jobs[0], 2)
    jobs[0].begin()
    assert jobs[0].time_left() is None
    now[0] += 10
    log(jobs[0], 4)
    jobs[0].look()
    # 2 steps took 10 s: 2 of this run are left, and 6 of each of the others
    assert jobs[0].rate == 2.0
    assert jobs[0].time_left() == pytest.approx(10)
    assert time_left(jobs, 1) == pytest.approx((2 + 6 + 6) * 5)
    assert time_left(jobs, 2) == pytest.approx((2 + 6 + 6) * 5 / 2)
    log(jobs[0], 6)
    now[0] += 10
    jobs[0].end()
    now[0] += 1000
    assert time_left(jobs, 1) == pytest.approx(12 * 20 / 4)
    for job in jobs:
        job.state = "kept"
    assert time_left(jobs, 1) == 0


def test_only_whole_lines_at_the_end_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics, "TAIL", 100)
    file = tmp_path / "metrics.jsonl"
    file.write_text("".join(json.dumps({"step": step}) + "\n" for step in range(100)) + '{"step": 10')
    steps = [line["step"] for line in last_lines(file)]
    assert steps == list(range(100 - len(steps), 100))
    assert 0 < len(steps) < 10
