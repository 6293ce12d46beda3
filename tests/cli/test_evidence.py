"""A file of evidence gives the numbers of its run; settings of one assessment are arguments of the command."""

import json

import pytest
from tests.tiny_runs import build_config
from typer.testing import CliRunner

from vaescope.cli import app
from vaescope.errors import UserError
from vaescope.training.loop import train

runner = CliRunner(env={"COLUMNS": "160", "TERM": "dumb"})


def call(*arguments, code=0):
    done = runner.invoke(app, [str(a) for a in arguments], catch_exceptions=code != 1)
    assert done.exit_code == code, done.output
    return done


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(build_config(tmp_path_factory.mktemp("evidence") / "run")).path


def numbers(file):
    found = json.loads(file.read_text(encoding="utf-8"))
    return {name: estimate["value"] for name, estimate in found["estimates"].items()}


def test_a_file_of_evidence_gives_the_numbers_of_the_run(run, tmp_path):
    settings = ("assessment.samples=3", "assessment.texts=20", "assessment.components=30")
    call("evidence", run, *settings, "--out", tmp_path / "mine.safetensors")
    call("assess", "--draws", tmp_path / "mine.safetensors", "--suite", "fast")
    call("assess", run, *settings, "--suite", "fast")
    of_run, of_file = numbers(run / "assessment.json"), numbers(tmp_path / "assessment.json")
    assert of_run == {name: of_file[name] for name in of_run}
    written = json.loads((run / "assessment.json").read_text(encoding="utf-8"))
    assert written["metadata"]["config"]["assessment"]["samples"] == 3
    assert written["estimates"]["rate"]["n"] == 20


def test_evidence_never_replaces_a_file(run, tmp_path):
    (tmp_path / "mine.safetensors").write_text("mine")
    with pytest.raises(UserError, match="this file exists"):
        runner.invoke(app, ["evidence", str(run), "--out", str(tmp_path / "mine.safetensors")], catch_exceptions=False)
    with pytest.raises(UserError, match="give a name that ends with"):
        runner.invoke(app, ["evidence", str(run), "--out", str(tmp_path / "mine.pt")], catch_exceptions=False)


@pytest.mark.parametrize(
    ("word", "says"),
    [("assessment.sampels=3", "samples"), ("assessment.samples=many", "whole number"), ("assessment.samples=0", "1")],
)
def test_a_wrong_setting_is_one_line(run, word, says):
    with pytest.raises(UserError, match=says):
        runner.invoke(app, ["assess", str(run), word], catch_exceptions=False)


@pytest.mark.parametrize("words", [["training.steps=3"], ["other"], ["data.path=a", "data.path=b"]])
def test_words_that_an_assessment_does_not_know_have_status_2(run, words):
    call("assess", run, *words, code=2)
