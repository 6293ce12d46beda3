"""Commands on kept checkpoints and snapshots: listed after training, assessed by name or rule, drawn."""

import json
import sys

import pytest
import yaml
from typer.testing import CliRunner

from vaescope.cli import app, main
from vaescope.training.keeper import read_front, select

runner = CliRunner(env={"COLUMNS": "160", "TERM": "dumb"})
CONFIG = {
    "data": {"known": "topic_pcfg", "sizes": [64, 32, 16], "max_length": 48},
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
        "steps": 4,
        "batch_size": 8,
        "log_every": 1,
        "validate_every": 1,
        "validation_texts": 16,
        "tracker": "none",
        "keep": {},
        "snapshots": [0, 4],
    },
    "assessment": {"samples": 4},
}


def call(*arguments):
    done = runner.invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    return folder / "run", call("train", folder / "config.yaml", f"out={folder / 'run'}")


def test_training_ends_with_the_front(trained):
    run, output = trained
    front, _ = read_front(run)
    assert list(front.criteria) == ["log_likelihood", "marginal_kl", "rate"]
    listed = [line for line in output.splitlines() if line.startswith("pareto/")]
    assert [line.split()[0] for line in listed] == [f"pareto/step-{p.step}" for p in front.points]
    assert sum(line.count("*") for line in listed) == 3
    assert "near 2" in output


def test_a_kept_model_is_assessed_by_name_and_by_rule(trained):
    run, _ = trained
    name = select(run, "best-log-likelihood")
    step = int(name.rpartition("-")[2])
    file = run / f"assessment-step-{step}.json"
    assert "mutual_information" in call("assess", run, "--select", "best-log-likelihood")
    by_rule = json.loads(file.read_text())
    assert by_rule["metadata"]["checkpoint"] == name
    file.unlink()
    call("assess", run, "--checkpoint", name, "--split", "test")
    assert not file.exists()
    assert (run / f"assessment-step-{step}-test.json").exists()
    assert not (run / "assessment.json").exists()
    # the rate of the front is of the same texts, read by fewer samples, and has a closed form
    kept = next(p for p in read_front(run)[0].points if p.step == step)
    assert by_rule["estimates"]["rate"]["value"] == pytest.approx(kept.values["rate"], rel=0.5)


def test_snapshots_are_drawn(trained):
    run, _ = trained
    assert "written" in call("snapshots", run, "--out", run.parent / "new" / "q.svg")
    assert "step 4" in (run.parent / "new" / "q.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("assess", "--select", "best-rates"), "did you mean 'best-rate'"),
        (("assess", "--checkpoint", "pareto/step-99"), "the kept ones are pareto/step-"),
        (("snapshots", "--out", "q.doc"), "not a kind of picture"),
    ],
)
def test_mistakes_are_one_line(monkeypatch, capsys, trained, arguments, says):
    command, *options = arguments
    monkeypatch.setattr(sys, "argv", ["vaescope", command, str(trained[0]), *options])
    with pytest.raises(SystemExit) as stop:
        main()
    line = capsys.readouterr().err
    assert (stop.value.code, line.count("\n")) == (1, 1)
    assert says in line


def test_one_of_the_ways_to_choose_is_given():
    assert runner.invoke(app, ["assess", "run", "--checkpoint", "a", "--select", "b"]).exit_code == 2


def test_without_criteria_left_training_says_so(tmp_path):
    config = CONFIG | {"training": CONFIG["training"] | {"keep": {"criteria": {"mmd": "near"}}, "snapshots": []}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    output = call("train", tmp_path / "config.yaml", f"out={tmp_path / 'run'}")
    assert "mmd cannot be a criterion: near needs a value" in output
