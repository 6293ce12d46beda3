"""``vaescope compare``: from trained runs to a page with what they write, and its mistakes in one line."""

from __future__ import annotations

import sys

import pytest
import yaml
from tests.cli.test_commands import TINY
from typer.testing import CliRunner

from vaescope.cli import app, main

runner = CliRunner(env={"COLUMNS": "160", "TERM": "dumb"})


def call(*arguments):
    done = runner.invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(TINY), encoding="utf-8")
    for name, options in {"mdr": (), "lm": ("objective=language_model", "model.injection=none")}.items():
        call("train", config, f"out={folder / 'runs' / name}", *options)
        call("assess", folder / "runs" / name, "--split", "test")
    return folder / "runs"


def test_a_study_becomes_a_page_with_its_texts(study, tmp_path):
    assert "compare.html" in call("compare", study, "--out", tmp_path, "--title", "Tiny").replace("\n", "")
    page = (tmp_path / "compare.html").read_text(encoding="utf-8")
    assert "<h1>Tiny</h1>" in page
    for part in ("Reconstructions", "Interpolation", "Samples"):
        assert part in page
    assert {path.name for path in tmp_path.iterdir()} == {
        "compare.html",
        "figures",
        "numbers.csv",
        "paired.csv",
        "seeds.csv",
    }


def test_mistake_is_one_line(study, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["vaescope", "compare", str(study / "mdr"), "--split", "train"])
    with pytest.raises(SystemExit) as stop:
        main()
    line = capsys.readouterr().err
    assert stop.value.code == 1
    assert "assessed on test" in line
    assert f"make it with vaescope assess {study / 'mdr'} --split train" in line
    assert line.count("\n") == 1
