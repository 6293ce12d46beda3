"""The commands: what they print, how they fail, and one run from a configuration to its samples."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import resources

import pytest
import yaml
from typer.testing import CliRunner

from vaescope import __version__, choices
from vaescope.cli import app, main
from vaescope.config import RunConfig, parse_config

runner = CliRunner(env={"COLUMNS": "160", "TERM": "dumb"})
COMMANDS = ("demo", "train", "assess", "compare", "sample", "list", "schema")


def call(*arguments):
    """Run a command that must succeed and return what it prints."""
    done = runner.invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def failure(monkeypatch, capsys, *arguments):
    """Run a command that must fail and return its status and its one line on stderr."""
    monkeypatch.setattr(sys, "argv", ["vaescope", *(str(a) for a in arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code, capsys.readouterr().err


def test_help_names_every_command():
    output = call("--help")
    assert all(command in output for command in COMMANDS)


def test_version():
    assert call("--version").strip() == f"vaescope {__version__}"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_imports_no_heavy_library(command):
    code = (
        "import sys; from typer.testing import CliRunner; from vaescope.cli import app\n"
        f"assert CliRunner().invoke(app, ['{command}', '--help']).exit_code == 0\n"
        "heavy = {'torch', 'transformers', 'matplotlib', 'datasets', 'pandas'}\n"
        "sys.exit(f'{heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_command_has_examples_that_it_understands():
    import shlex

    from typer.main import get_command

    from vaescope.cli.examples import EXAMPLES

    commands = get_command(app).commands
    assert set(EXAMPLES) == set(commands)
    for name, lines in EXAMPLES.items():
        assert all(line in " ".join(call(name, "--help").split()) for line in lines)
        for line in lines:
            program, command, *arguments = shlex.split(line.partition(" > ")[0])
            assert (program, command) == ("vaescope", name)
            commands[name].make_context(name, arguments)  # raises for an unknown option or a wrong value


@pytest.mark.parametrize("kind", choices.KINDS)
def test_list_explains_every_choice(kind):
    output = call("list", kind)
    words = " ".join(output.split())
    for name in choices.names(kind):
        assert name in output
        assert choices.summary(kind, name)[:40] in words


def test_list_without_a_kind_shows_all():
    output = call("list")
    assert all(kind in output for kind in choices.KINDS)


def test_schema_is_that_of_the_configuration():
    schema = json.loads(call("schema"))
    assert set(schema["properties"]) == set(RunConfig.model_fields)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("list", "term"), "did you mean 'terms'"),
        (("train", "nowhere.yaml"), "nowhere.yaml: no such configuration file"),
        (("assess", "nowhere"), "nowhere: not a run folder"),
        (("sample", "nowhere"), "nowhere: not a run folder"),
        (("assess", "--draws", "nowhere.safetensors"), "nowhere.safetensors: no such file"),
    ],
)
def test_mistake_of_the_input_is_one_line(monkeypatch, capsys, arguments, says):
    status, line = failure(monkeypatch, capsys, *arguments)
    assert status == 1
    assert says in line
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [("lst",), ("assess",), ("assess", "run", "--draws", "file"), ("sample", "-n", "0")]
)
def test_wrong_usage_has_status_2(arguments):
    assert runner.invoke(app, list(arguments)).exit_code == 2


def test_assess_a_file_of_draws(draws, tmp_path):
    draws.save(tmp_path / "draws.safetensors")
    output = call("assess", "--draws", tmp_path / "draws.safetensors")
    assert "rate" in output
    assert "nats/text" in output
    written = json.loads((tmp_path / "assessment.json").read_text(encoding="utf-8"))
    assert written["estimates"]["rate"]["unit"] == "nats/text"
    assert all({"name", "verdict", "message"} <= set(finding) for finding in written["findings"])


def test_settings_of_the_demo_are_configurations():
    settings = yaml.safe_load(
        resources.files("vaescope.cli.commands").joinpath("demo.yaml").read_text(encoding="utf-8")
    )
    assert set(settings["objectives"]) == {"vae", "free_bits", "mdr"}
    for objective in settings["objectives"].values():
        assert parse_config(settings["run"] | {"objective": objective}).data.known == "topic_pcfg"


TINY = {
    "data": {"known": "topic_pcfg", "sizes": [64, 16, 16], "max_length": 48},
    "tokenizer": {"vocab_size": 300},
    "model": {
        "encoder": {
            "model_type": "roberta",
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 32,
        },
        "latent_size": 4,
    },
    "objective": {"preset": "mdr", "rate": 2},
    "training": {
        "steps": 3,
        "batch_size": 8,
        "log_every": 1,
        "validate_every": 3,
        "validation_texts": 8,
        "tracker": "none",
    },
    "assessment": {"samples": 4},
}


def test_from_a_configuration_to_samples_and_the_texts_of_a_page(tmp_path):
    config, run = tmp_path / "config.yaml", tmp_path / "run"
    config.write_text(yaml.safe_dump(TINY), encoding="utf-8")
    assert f"vaescope assess {run}" in call("train", config, f"out={run}").replace("\n", " ")

    output = call("assess", run, "--split", "valid", "--split", "test", "--texts", 12)
    assert "mutual_information" in output
    valid = json.loads((run / "assessment.json").read_text(encoding="utf-8"))
    test = json.loads((run / "assessment-test.json").read_text(encoding="utf-8"))
    assert valid["metadata"]["split"] == "valid"
    assert test["estimates"]["rate"]["n"] == 12
    assert valid["metadata"]["config"]["objective"] == TINY["objective"]

    first, again, other = (call("sample", run, "-n", 3, "--seed", seed) for seed in (1, 1, 2))
    assert len(first.splitlines()) == 3
    assert first == again != other

    written = json.loads((run / "assessment-test-texts.json").read_text(encoding="utf-8"))
    assert (len(written["samples"]), len(written["path"])) == (4, 5)
    assert len(written["sources"]) == len(written["reconstructions"]) == 3
