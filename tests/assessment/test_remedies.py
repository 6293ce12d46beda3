"""Every finding has a page and, unless it is PASS, one command that the real command line can parse."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import typer
import yaml

import vaescope
from vaescope.assessment.explanations import in_short, page_of, text_of
from vaescope.assessment.findings import Finding
from vaescope.assessment.first_rate import first_rate
from vaescope.assessment.remedies import advised
from vaescope.assessment.verdict import QUESTIONS, question_of
from vaescope.cli import app
from vaescope.cli.settings import settings_of
from vaescope.config import parse_config
from vaescope.estimators.estimate import Estimate
from vaescope.objectives.describe import target_rate

SOURCE = Path(vaescope.__file__).parent
MADE = re.compile(r'(?:Finding|_finding|judge)\(\s*f?"([a-z_]+)(?:\{name\})?"')
KINDS = [
    {"objective": "vae"},
    {"objective": {"preset": "mdr", "rate": 4.0}},
    {"objective": {"preset": "free_bits", "rate": 8.0, "form": "free_bits_total"}},
    {"objective": {"terms": {"distortion": 1, "rate": 1}}, "model": {"word_dropout": 0.3, "injection": "prefix"}},
    {"objective": "vae", "model": {"freeze": "posterior"}, "training": {"snapshots": [0, 5]}},
    {"objective": "vae", "data": {"path": "a folder/reviews.csv"}},
]


def found_in_source() -> list[str]:
    names = {"probe", "probe_topic", "text_length", "text_topic"}
    for folder in ("assessment", "examine"):
        for file in (SOURCE / folder).rglob("*.py"):
            code = re.sub(r">>>.*", "", file.read_text(encoding="utf-8"))
            names |= {name for name in MADE.findall(code) if not name.endswith("_")}
    return sorted(names)


NAMES = found_in_source()
GROUP = typer.main.get_command(app)


def estimate(value: float, unit: str = "nats/text") -> Estimate:
    return Estimate(value=value, se=0.01, unit=unit, kind="unbiased", n=100)


def situation(tmp_path, kind, *, suite="fast", rate=0.01, components=None, checkpoint="model"):
    run = tmp_path / "my runs" / "vae"
    run.mkdir(parents=True, exist_ok=True)
    config = parse_config({"data": {"known": "template"}, "out": str(run), **kind}).model_dump(mode="json")
    (run / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    config["assessment"]["components"] = components
    metadata = {"run": str(run), "config": config, "split": "test", "suite": suite, "texts": 200, "samples": 64}
    numbers = {"rate": estimate(rate), "log_likelihood": estimate(-100.0)}
    return numbers, {**metadata, "checkpoint": checkpoint, "thresholds": {"latent_use": 0.1}}


@cache
def read_by_the_command_line(command: str) -> tuple[str, dict]:
    words = shlex.split(command)
    assert words[0] == "vaescope"
    group = GROUP
    name, subcommand, rest = group.resolve_command(typer.Context(group), words[1:])
    values = subcommand.make_context(name, rest).params
    if name == "train":
        settings_of(values["words"], data=None, objective=None, rate=None, out=None)
    return name, values


def test_the_source_has_the_findings_that_the_verdict_knows():
    assert len(NAMES) >= 40
    assert {"latent_use", "identity_rate", "constraint", "lost_text", "surplus_rate"} <= set(NAMES)
    assert all(question_of(name) in QUESTIONS for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_finding_has_a_page_with_a_question_and_a_verdict(name):
    parts = in_short(page_of(name))
    assert parts["The question"]
    assert parts["Verdict"]
    assert "[" not in parts["The question"]


@pytest.mark.parametrize("kind", range(len(KINDS)))
@pytest.mark.parametrize("verdict", ["FAIL", "WARN", "UNRESOLVED"])
def test_every_finding_has_one_command_that_is_read(tmp_path, kind, verdict):
    ways = [{}, {"suite": "full", "rate": 5.0}, {"components": "all", "checkpoint": "pareto/step-5", "rate": 5.0}]
    for way in ways:
        findings = [Finding(name, verdict, "found", next_step="try") for name in NAMES]
        for finding in advised(findings, *situation(tmp_path, KINDS[kind], **way)):
            name, values = read_by_the_command_line(finding.command)
            assert name != "explain" or page_of(finding.name)
            if name == "train":
                out = [word for word in values["words"] if word.startswith("out=")]
                assert len(out) == 1
                assert out[0] != f"out={tmp_path}/my runs/vae"
            assert len(finding.command.split("\n")) == 1


def test_passing_and_vacuous_findings_have_no_command(tmp_path):
    findings = [Finding("holes", verdict, "found") for verdict in ("PASS", "VACUOUS")]
    assert {finding.command for finding in advised(findings, *situation(tmp_path, KINDS[0]))} == {""}


def test_draws_without_a_run_get_the_page():
    (found,) = advised([Finding("holes", "FAIL", "found", next_step="refit the prior")], {}, {})
    assert (found.command, found.next_step) == ("vaescope explain holes", "refit the prior")
    (foreign,) = advised([Finding("somebody_elses", "FAIL", "found")], {}, {})
    assert foreign.command == ""


def test_a_collapsed_run_is_given_a_rate_with_its_reason(tmp_path):
    findings = [Finding("latent_use", "FAIL", "collapsed"), Finding("decoder_use", "FAIL", "ignores z")]
    numbers, metadata = situation(tmp_path, KINDS[0])
    use, decoder = advised(findings, numbers, metadata)
    assert use.command == decoder.command
    rate, reason = first_rate(100.0)
    words = read_by_the_command_line(use.command)[1]["words"]
    config = settings_of(words, data=None, objective=None, rate=None, out=None)
    assert target_rate(config.objective) == rate == 8.0
    assert reason in use.next_step


def test_no_run_is_advised_to_repeat_its_settings(tmp_path):
    findings = [Finding("latent_use", "FAIL", "collapsed"), Finding("rate_return", "FAIL", "buys nothing")]
    use, slope = advised(findings, *situation(tmp_path, KINDS[1]))
    assert "objective" not in use.command
    assert "training.steps=10000" in use.command
    assert "rate: 3" in slope.command
    again = [Finding("mutual_information", "UNRESOLVED", "open")]
    (found,) = advised(again, *situation(tmp_path, KINDS[5], components="all"))
    assert "--components" not in found.command


@pytest.mark.parametrize("cost", [0.5, 3.0, 12.0, 50.0, 100.0, 400.0])
def test_a_first_rate_is_at_most_half_of_a_text(cost):
    rate, reason = first_rate(cost)
    assert 0 < rate <= 0.5 * cost * 1.05
    assert f"{rate:g} nats" in reason


def test_the_text_of_a_page_is_the_file():
    assert text_of("holes").startswith("# Holes")
