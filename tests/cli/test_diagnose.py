"""diagnose, the suites, and a VAE from outside the package."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from vaescope.cli import app, main
from vaescope.errors import UserError

from .test_commands import TINY

runner = CliRunner(env={"COLUMNS": "160", "TERM": "dumb"})
EXAMPLE = Path(__file__).parents[2] / "examples" / "bring_your_own_vae.py"


def call(*arguments):
    return runner.invoke(app, [str(a) for a in arguments], catch_exceptions=False)


def write(folder, *verdicts):
    findings = [
        {"name": f"q{i}", "verdict": v, "message": f"found {i}", "next_step": "try"} for i, v in enumerate(verdicts)
    ]
    path = folder / "assessment.json"
    path.write_text(json.dumps({"findings": findings}), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        (["PASS"], 0),
        (["WARN", "PASS"], 1),
        (["UNRESOLVED"], 1),
        (["VACUOUS"], 1),
        (["FAIL", "WARN", "PASS"], 2),
        ([], 0),
    ],
)
def test_the_exit_status_is_that_of_the_worst(tmp_path, verdicts, status):
    write(tmp_path, *verdicts)
    done = call("diagnose", tmp_path)
    assert done.exit_code == status
    assert f"{verdicts.count('PASS')} of {len(verdicts)} findings pass." in done.output
    assert ("q0: found 0. Next: try." in done.output) == (bool(verdicts) and verdicts[0] != "PASS")
    assert "PASS q0" in call("diagnose", write(tmp_path, "PASS"), "--all").output


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("holes", "How much of the prior"),
        ("latent_use", "Does the decoder read z?"),
        ("latent_use", "What does a code cost?"),
        ("identity_rate", "consistent with each other"),
        ("probe_information_topic", "label"),
    ],
)
def test_explain_shows_the_page_of_a_finding_or_a_number(name, says):
    done = call("explain", name)
    assert done.exit_code == 0
    assert says in done.output
    assert "**Verdict.**" in done.output


@pytest.mark.parametrize(
    ("fail_on", "verdict", "status"), [("fail", "WARN", 0), ("fail", "FAIL", 2), ("never", "FAIL", 0)]
)
def test_fail_on_chooses_the_exit_status(tmp_path, fail_on, verdict, status):
    write(tmp_path, verdict)
    assert call("diagnose", tmp_path, "--fail-on", fail_on).exit_code == status


def test_split_chooses_the_assessment(tmp_path):
    for name, message in (("assessment", "of valid"), ("assessment-test", "of test")):
        finding = {"name": "q", "verdict": "WARN", "message": message}
        (tmp_path / f"{name}.json").write_text(json.dumps({"findings": [finding]}), encoding="utf-8")
    assert "of valid" in call("diagnose", tmp_path).output
    assert "of test" in call("diagnose", tmp_path, "--split", "test").output


def test_a_file_that_is_not_an_assessment_is_refused(tmp_path, monkeypatch, capsys):
    (tmp_path / "assessment.json").write_text("[1]", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["vaescope", "diagnose", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert "make one with vaescope assess" in capsys.readouterr().err


def test_a_run_from_training_to_diagnosis_by_the_full_suite(tmp_path):
    config, run = tmp_path / "config.yaml", tmp_path / "run"
    data = {**TINY["data"], "sizes": [64, 24, 16]}
    settings = {
        "data": data,
        "assessment": {"samples": 4, "simulations": 64, "panel_texts": 4, "thresholds": {"latent_use": 0.2}},
    }
    config.write_text(yaml.safe_dump({**TINY, **settings}), encoding="utf-8")
    assert call("train", config, f"out={run}").exit_code == 0
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    logged = [line for line in lines if line["kind"] == "assessment"]
    assert [line["step"] for line in logged] == [3]
    assert {"rate", "mutual_information", "findings"} <= set(logged[0])
    # both lines of a validation are about the same texts
    (validated,) = [line for line in lines if line["kind"] == "validation"]
    assert logged[0]["rate"] == pytest.approx(validated["rate"], rel=1e-5)

    (tmp_path / "labels").write_text("\n".join("ab"[i % 2] for i in range(24)), encoding="utf-8")
    control = tmp_path / "control"
    assert call("train", config, f"out={control}", "objective=language_model").exit_code == 0
    done = call("assess", run, "--suite", "full", "--labels", tmp_path / "labels", "--control", control)
    assert done.exit_code == 0, done.output
    written = json.loads((run / "assessment.json").read_text(encoding="utf-8"))
    assert written["metadata"]["suite"] == "full"
    assert written["metadata"]["thresholds"]["latent_use"] == 0.2
    assert {"text_statistics_length", "probe", "token_accuracy", "interpolation"} <= set(written["estimates"])
    assert written["estimates"]["conversion_efficiency"]["n"] == 24
    assert "language_model_nll" not in written["metadata"]
    assert "control" in written["estimates"]["text_statistics_length"]["detail"]
    names = {finding["name"]: finding["verdict"] for finding in written["findings"]}
    assert names["identity_sampler"] == "PASS"
    done = call("diagnose", run)
    assert done.exit_code in (1, 2)
    assert done.output.splitlines()[0].startswith(("FAIL", "WARN", "UNRESOLVED"))


def test_the_causes_of_a_known_corpus_are_its_labels():
    from vaescope.config import parse_config
    from vaescope.corpora.corpus import load_corpus
    from vaescope.examine.collect_facts import known_causes

    config = parse_config(TINY)
    corpus = load_corpus(config.data)
    known = known_causes(corpus, config, "valid")
    causes, ceiling = known.kinds["label"], known.ceiling
    assert known.information == corpus.known.mutual_information() > 0
    posterior = corpus.known.posterior(corpus.valid)
    right = (posterior.argmax(1) == torch.tensor([int(c) for c in causes])).double().mean().item()
    assert len(causes) == 16
    assert right == pytest.approx(ceiling, abs=0.35)
    assert right > 1.5 / posterior.shape[1]


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    path = tmp_path_factory.mktemp("foreign") / "draws.safetensors"
    runpy.run_path(str(EXAMPLE))["main"](path)
    return path


def test_the_example_finds_the_topic_and_its_file_is_assessed(foreign):
    done = call("assess", "--draws", foreign)
    assert done.exit_code == 0, done.output
    written = json.loads((foreign.parent / "assessment.json").read_text(encoding="utf-8"))
    verdicts = {finding["name"]: finding["verdict"] for finding in written["findings"]}
    assert written["estimates"]["mutual_information"]["low"] > 0.3
    assert {verdicts[f"identity_{name}"] for name in ("rate", "bounds", "information")} == {"PASS"}
    assert written["skipped"]["posterior_calibration"] == "no drawn texts: assess with suite=full"
    assert call("diagnose", foreign.parent).exit_code in (0, 1, 2)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda t: t | {"posterior_std": -t["posterior_std"]}, "'posterior_std': expected positive"),
        (lambda t: t | {"log_p_x_z": t["log_p_x_z"][:0]}, "'log_p_x_z': expected the shape"),
        (lambda t: t | {"z": t["z"] * torch.nan}, "'z': expected finite numbers"),
        (lambda t: t | {"z": t["z"][:, :, :1].contiguous()}, "'z': expected the shape"),
        (lambda t: {k: v for k, v in t.items() if k != "tokens"}, "the tensor 'tokens' is missing"),
        (
            lambda t: {k: v[:1] if k in ("posterior_mean", "posterior_std", "tokens") else v for k, v in t.items()},
            "2 texts",
        ),
        (lambda t: t | {"log_q_z_x": t["log_q_z_x"] + 1}, "'log_q_z_x': expected the density"),
    ],
)
def test_malformed_files_are_refused_by_name(foreign, tmp_path, monkeypatch, capsys, spoil, says):
    path = tmp_path / "draws.safetensors"
    save_file(spoil(load_file(foreign)), path)
    monkeypatch.setattr(sys, "argv", ["vaescope", "assess", "--draws", str(path)])
    with pytest.raises(SystemExit) as stop:
        main()
    error = capsys.readouterr().err
    assert (stop.value.code, error.count("\n")) == (1, 1)
    assert says in error


def test_a_truncated_file_is_refused(foreign, tmp_path, monkeypatch, capsys):
    path = tmp_path / "draws.safetensors"
    path.write_bytes(foreign.read_bytes()[:1000])
    monkeypatch.setattr(sys, "argv", ["vaescope", "assess", "--draws", str(path)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert "not a complete safetensors file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "damage",
    [
        {"metadata": {"run": "r", "config": {}, "samples": "x"}},
        {"metadata": {"run": "r", "config": {}}, "estimates": {"rate": [1]}},
        {"metadata": {"run": "r"}, "estimates": 5},
        {"metadata": 5},
    ],
)
def test_a_damaged_assessment_is_named(tmp_path, damage):
    finding = {"name": "log_likelihood", "verdict": "UNRESOLVED", "message": "found", "next_step": "try"}
    content = {"findings": [finding], "estimates": {}, **damage}
    (tmp_path / "assessment.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match=r"its assessment is damaged .*make it again with vaescope assess"):
        call("diagnose", tmp_path)
