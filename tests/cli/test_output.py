"""Output of ``vaescope assess``: a table at 80 columns, only one format on stdout, a page of one run."""

from __future__ import annotations

import csv
import json

import pytest
from typer.testing import CliRunner

from vaescope.cli import app
from vaescope.cli.output import Format, folded

runner = CliRunner(env={"COLUMNS": "80", "TERM": "dumb"})


@pytest.fixture
def assessed(draws, tmp_path, monkeypatch):
    """Assess a file of draws with the given options."""
    from vaescope.cli.console import console

    monkeypatch.setattr(console, "_width", 80)
    draws.save(tmp_path / "draws.safetensors")

    def call(*options):
        arguments = ["assess", "--draws", str(tmp_path / "draws.safetensors"), "--suite", "fast", *options]
        done = runner.invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done

    return call


def test_the_table_fits_80_columns_headline_first_then_by_question(assessed, tmp_path):
    lines = assessed().stdout.splitlines()
    table = lines[: next(i for i, line in enumerate(lines) if line.startswith("written:"))]
    # the title is the path of the file, which has no width to keep
    start = next(i for i, line in enumerate(table) if line.startswith("  Is z used? "))
    assert all(len(line.rstrip()) <= 80 for line in table[start:])
    order = [table.index(line) for line in table if line.strip() in ("Is z used?", "Does q(z) fit the prior?")]
    assert start < order[0] < order[1]
    names = json.loads((tmp_path / "assessment.json").read_text(encoding="utf-8"))["estimates"]
    shown = [line.split()[0] for line in table[order[0] :] if line.startswith("  ") and line.split()]
    assert set(names) <= set(shown)
    assert shown.index("rate") < shown.index("marginal_kl") < shown.index("elbo")


def test_it_lists_the_written_files(assessed, tmp_path):
    words = "".join(assessed().stdout.split("written:")[1].split("\n"))
    for name in ("assessment.json", "assessment-figures", "report/report.html"):
        assert str(tmp_path / name) in words
        assert (tmp_path / name).exists()


@pytest.mark.parametrize("form", [form for form in Format if form is not Format.table])
def test_a_format_is_alone_on_stdout(assessed, form, tmp_path):
    done = assessed("--format", form)
    estimates = json.loads((tmp_path / "assessment.json").read_text(encoding="utf-8"))["estimates"]
    assert "written:" in done.stderr
    if form is Format.json:
        assert json.loads(done.stdout)["estimates"].keys() == estimates.keys()
    elif form is Format.csv:
        rows = {row["estimate"]: row for row in csv.DictReader(done.stdout.splitlines())}
        assert rows.keys() == estimates.keys()
        assert float(rows["rate"]["value"]) == estimates["rate"]["value"]
        assert rows["marginal_kl"]["question"] == "Does q(z) fit the prior?"
    elif form is Format.markdown:
        table = [line for line in done.stdout.splitlines() if line.startswith("|")]
        assert {line.count("|") for line in table} == {7}
        assert len([line for line in table if line.startswith("| `")]) == len(estimates)
    else:
        rows = [line for line in done.stdout.splitlines() if line.count(" & ") == 5]
        assert len(rows) == len(estimates) + 1
        assert "mutual\\_information" in done.stdout
        assert done.stdout.isascii()


def test_an_unknown_format_is_refused():
    assert runner.invoke(app, ["assess", "run", "--format", "html"]).exit_code == 2


@pytest.mark.parametrize("name", ["rate", "classifier_two_sample_boosting", "probe_information_a_very_long_label_name"])
def test_a_name_is_broken_after_an_underscore_only(name):
    lines = [line.strip() for line in folded(name).split("\n")]
    assert "".join(lines) == name
    assert all(line.endswith("_") for line in lines[:-1])
    assert all(len(line) <= 30 for line in lines)
