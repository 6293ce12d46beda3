"""``vaescope study``: its output before, during and after the runs, and its exit status."""

import fcntl
import io
import os
import re

import pytest
from rich.console import Console
from tests.study.tiny import BASE, MAD, InProcess, write_study
from typer.testing import CliRunner

from vaescope.cli import app
from vaescope.cli.study_table import Lines, live_table
from vaescope.errors import UserError
from vaescope.study.plan import read_plan
from vaescope.study.progress import Job

runner = CliRunner(env={"COLUMNS": "160", "TERM": "dumb"})


def call(*arguments, status=0):
    done = runner.invoke(app, ["study", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == status, done.output
    return done.output


@pytest.fixture
def here(monkeypatch):
    """The runs are carried out in this process."""
    monkeypatch.setattr("vaescope.study.drive.PAUSE", 0.01)
    monkeypatch.setattr("vaescope.study.engines.local.Local", lambda file, **_: InProcess(read_plan(file)))


def test_dry_run_says_what_would_happen_and_writes_nothing(tmp_path):
    output = call(write_study(tmp_path), "--dry-run", "run.training.steps=8")
    assert re.search(r"vae_seed0 +start +8 steps +language_model_seed0", output)
    assert "3 runs" in output
    assert not (tmp_path / "out").exists()


def test_slurm_prints_how_to_submit(tmp_path):
    output = call(write_study(tmp_path), "--on", "slurm", "--jobs", 8)
    assert "step1=$(sbatch --parsable --array=0%8" in output
    assert (tmp_path / "out" / "study.sbatch").exists()
    assert not (tmp_path / "out" / "vae_seed0").exists()


def test_a_study_ends_with_its_numbers_and_the_names_of_failed_runs(tmp_path, here):
    grid = {"training": {"mad": BASE["training"] | MAD, "sane": BASE["training"]}}
    file = write_study(tmp_path, grid=grid, control=None)
    output = call(file, status=1)
    assert "mad_seed0: running" in output
    assert re.search(r"sane_seed0 +\S.*\[.*\].*\[.*\] +(FAIL|WARN)", output)
    assert re.search(r"failed: mad_seed0: .* is not finite", output)
    page = tmp_path / "out" / "comparison" / "compare.html"
    assert f"written: {page}" in output.replace("\n", "")
    assert "sane_seed0" in page.read_text(encoding="utf-8")
    assert "sane_seed0: kept" in call(file, status=1)


def test_a_second_driver_of_a_study_is_refused(tmp_path):
    file = write_study(tmp_path)
    (tmp_path / "out").mkdir()
    descriptor = os.open(tmp_path / "out", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="out: another process works in this folder; wait for it, or end it"):
            call(file)
    finally:
        os.close(descriptor)
    assert not list((tmp_path / "out").iterdir())


def test_one_run_alone_is_carried_out_without_the_others(tmp_path):
    output = call(write_study(tmp_path), "--only=language_model_seed0")
    assert "assess test 40/40" in output
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["language_model_seed0"]


def test_runs_that_cannot_be_compared_are_no_failure(tmp_path, here, monkeypatch):
    plan = read_plan(write_study(tmp_path, grid={"objective": ["vae", "autoencoder"]}, control=None))
    for run in plan.runs:
        run.config.out.mkdir(parents=True)
        (run.config.out / "assessment-test.json").write_text("{}", encoding="utf-8")

    def refuse(runs, out, **_):
        assert runs == [run.config.out for run in plan.runs]
        raise UserError("these runs are on different corpora")

    monkeypatch.setattr("vaescope.report.page.compare", refuse)
    monkeypatch.setattr("vaescope.study.drive.prospect", lambda plan, run: ("keep", ""))
    monkeypatch.setattr("vaescope.cli.study_table.show_summary", lambda jobs, split: None)
    assert "no page that compares the runs: these runs are on different corpora" in call(tmp_path / "mine.yaml")


def test_the_run_that_is_meant_is_suggested(tmp_path):
    with pytest.raises(UserError, match="unknown run 'vae_seed1'; did you mean 'vae_seed0'"):
        call(write_study(tmp_path), "--only=vae_seed1")


def jobs_of(tmp_path):
    plan = read_plan(write_study(tmp_path, seeds=[0, 1, 2]))
    jobs = [Job(run) for run in plan.runs]
    jobs[0].state, jobs[1].state = "kept", "failed"
    jobs[4].begin()
    jobs[4].step, jobs[4].started = 3, jobs[4].started - 30
    return jobs


def test_the_live_table_shows_running_runs_first_and_fits(tmp_path):
    jobs = jobs_of(tmp_path)
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(live_table(jobs, at_once=1, rows=3))
    lines = console.export_text().splitlines()
    assert lines[1].split()[:3] == [jobs[4].run.name, "running", "3/6"]
    assert lines[2].split()[:2] == [jobs[1].run.name, "failed"]
    assert "1 of 9 runs done, 1 failed, 1 running, about" in lines[-1]
    assert len(lines) == 5


def test_without_a_terminal_each_change_is_one_line(tmp_path, capsys):
    jobs, lines = jobs_of(tmp_path), Lines(1)
    lines(jobs)
    assert capsys.readouterr().out.splitlines() == [
        f"{jobs[0].run.name}: kept",
        f"{jobs[1].run.name}: failed",
        f"{jobs[4].run.name}: running",
    ]
    lines(jobs)
    jobs[4].end("it broke")
    lines(jobs)
    assert capsys.readouterr().out == f"{jobs[4].run.name}: failed: it broke\n"
