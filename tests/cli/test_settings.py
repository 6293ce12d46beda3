"""Training without YAML, and a configuration written for the data given."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from vaescope.cli import app
from vaescope.cli.settings import settings_of
from vaescope.config import read_config
from vaescope.errors import UserError

NONE = {"data": None, "objective": None, "rate": None, "out": None}


def settings(*words, **options):
    return settings_of(list(words), **{**NONE, **options})


def test_options_make_a_configuration():
    made = settings("training.steps=7", data=Path("x.csv"), objective="mdr", rate=8.0, out=Path("runs/x"))
    assert made.data.path == Path("x.csv")
    assert made.objective == {"preset": "mdr", "rate": 8.0}
    assert (made.training.steps, made.out) == (7, Path("runs/x"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"data": Path("other.csv")}, "--data other.csv"),
        ({"objective": "vae"}, "--objective vae"),
        ({"rate": 4.0}, "--rate 4.0"),
        ({"out": Path("elsewhere")}, "--out elsewhere"),
    ],
)
def test_an_option_that_contradicts_the_configuration_is_refused(tmp_path, options, says):
    content = {"data": {"path": "x.csv"}, "objective": {"preset": "mdr", "rate": 8}, "out": "runs/x"}
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(UserError, match=says):
        settings(str(file), **options)
    same = settings(str(file), data=Path("x.csv"), objective="mdr", rate=8.0, out=Path("runs/x"))
    assert same == read_config(file)


def test_options_fill_keys_that_the_configuration_leaves_out(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("data: {column: review}\n", encoding="utf-8")
    made = settings(str(file), data=Path("x.csv"), objective="vae")
    assert (made.data.path, made.data.column, made.objective) == (Path("x.csv"), "review", "vae")


@pytest.mark.parametrize(
    ("options", "says"), [({}, "--data FILE"), ({"data": Path("x"), "rate": 8.0}, "give --objective too")]
)
def test_a_missing_setting_is_named(options, says):
    with pytest.raises(UserError, match=says):
        settings(**options)


def test_init_writes_a_configuration_that_is_read(tmp_path):
    data, out = tmp_path / "a: name #1.csv", tmp_path / "run.yaml"
    data.write_text("review\n" + "".join(f"text number {i}\n" for i in range(40)), encoding="utf-8")
    arguments = ["init", "--data", str(data), "--column", "review", "--out", str(out)]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    config = read_config(out)
    assert (config.data.path, config.data.column) == (data, "review")
    assert config.objective["preset"] == "mdr"
    assert 0 < config.objective["rate"] <= 4
    assert "32 train, 4 valid, 4 test" in out.read_text(encoding="utf-8")
    with pytest.raises(UserError, match="exists"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_init_finds_columns_and_proposes_sizes_that_fit(tmp_path):
    rows = [f"{i};{['good', 'bad'][i % 2]};this is review number {i} of a long and dull series" for i in range(400)]
    data, out = tmp_path / "reviews.csv", tmp_path / "run.yaml"
    data.write_text("id;stars;body\n" + "\n".join(rows), encoding="utf-8-sig")
    done = CliRunner().invoke(app, ["init", str(data), "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "column 'body', its labels from 'stars'" in done.stdout
    config = read_config(out)
    assert (config.data.column, config.data.label) == ("body", "stars")
    assert 16 <= config.data.max_length <= 32
    assert config.tokenizer.vocab_size == 500
    assert config.model.latent_size >= 2 * config.objective["rate"]
    text = out.read_text(encoding="utf-8")
    assert "compress to" in text
    assert "columns too: id" in text


def test_init_on_a_folder_of_text_files(tmp_path):
    (tmp_path / "train.txt").write_text("\n".join(f"text {i} of many" for i in range(60)), encoding="utf-8")
    (tmp_path / "train.labels").write_text("\n".join("ab"[i % 2] for i in range(60)), encoding="utf-8")
    out = tmp_path / "run.yaml"
    done = CliRunner().invoke(app, ["init", str(tmp_path), "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "read from the .labels file" in out.read_text(encoding="utf-8")
    assert read_config(out).data.path == tmp_path


def test_list_fits_a_screen():
    done = CliRunner(env={"COLUMNS": "80", "TERM": "dumb"}).invoke(app, ["list"])
    assert len(done.stdout.splitlines()) <= 40
