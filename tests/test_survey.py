"""The survey of verdicts, docs/survey: some of its models, and the page that it writes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def verdicts() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verdicts", DOCS / "verdicts.py")
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


def marked(found, mark):
    return [f"{verdict} {name}" for name, verdict, given in found["findings"] if given == mark]


def repeated_alarms(verdicts, key):
    """Findings that are false alarms on two of three data sets, by chance once in 130 at a rate of 5%."""
    counts = verdicts.records.repeat(key, seeds=3)["findings"]
    return [name for name, count in counts.items() if count["WARN"] + count["FAIL"] > 1]


@pytest.mark.parametrize("key", ["h1", "h12", "h15"])
def test_a_healthy_model_gets_no_false_alarm_but_by_chance(verdicts, key):
    found = verdicts.records.survey(key)
    assert marked(found, "contradicts the truth") == []
    assert len(marked(found, "false alarm")) <= 1
    assert len(marked(found, "right")) >= 5
    assert repeated_alarms(verdicts, key) == []


def test_a_model_whose_z_is_barely_read_does_not_pass(verdicts):
    """Rate 7.34, information 0.65: most of the rate comes from narrow posteriors."""
    found = verdicts.records.survey("s3")
    given = {name: verdict for name, verdict, _ in found["findings"]}
    assert found["truth"]["R"] == pytest.approx(7.34, abs=0.02)
    assert found["truth"]["I"] < 1
    assert {given["latent_use"], given["mutual_information"]} <= {"WARN", "FAIL"}
    assert given["decoder_use"] != "PASS"
    assert found["verdict"] == "FAIL"
    assert marked(found, "contradicts the truth") == []
    assert found["named"]


def test_copies_of_sharp_codes_are_named_and_are_no_mismatch(verdicts):
    found = verdicts.records.survey("s24")
    assert "WARN repeated_texts" in found["named"]
    assert marked(found, "contradicts the truth") == repeated_alarms(verdicts, "s24") == []


def test_a_finding_that_is_not_true_is_seen(verdicts):
    """The judge itself: findings of one model, judged by the truth of another one."""
    subjects, judge = verdicts.records.SUBJECTS, verdicts.records.judge
    finding = next(f for f in verdicts.records.assess(subjects["h12"].make(0)).findings if f.name == "latent_use")
    assert finding.verdict == "PASS"
    assert judge(finding, subjects["h12"], verdicts.records.TABLE) == "right"
    assert judge(finding, subjects["s1"], verdicts.records.TABLE) == "contradicts the truth"


def test_the_committed_page_is_that_of_the_committed_records(verdicts):
    assert verdicts.PAGE.read_text(encoding="utf-8") == verdicts.page(verdicts.records.load())


def test_committed_records_name_each_sickness_and_alarm_at_their_rate(verdicts):
    known = verdicts.records.load()
    alarms = findings = 0
    for key, found in known["models"].items():
        assert not marked(found, "contradicts the truth"), key
        assert bool(found["named"]) or not found["sick"], key
        alarms, findings = alarms + len(marked(found, "false alarm")), findings + len(found["findings"])
    assert alarms <= 0.025 * findings
