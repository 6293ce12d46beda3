import json

import pytest

from vaescope.examine.training_record import last_multipliers, training_findings
from vaescope.runs.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    """A run of 100 log lines whose multiplier is its step."""
    lines = [{"kind": "train", "step": step, "multipliers": {"rate>=": float(step)}} for step in range(1, 101)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return RunFolder(tmp_path)


def write_status(folder, **status):
    (folder.path / "status.json").write_text(json.dumps({"finished": True, **status}))


def test_multipliers_are_of_the_last_fifth_and_apart(folder):
    assert last_multipliers(folder) == {"rate>=": [100.0, 96.0, 92.0, 88.0, 84.0]}


def test_a_run_without_constraints_has_neither(tmp_path):
    write_status(folder := RunFolder(tmp_path), warnings=[])
    assert last_multipliers(folder) == {}
    assert training_findings(folder) == []


def test_a_missed_constraint_is_a_warning(folder):
    write_status(folder, warnings=["the constraint rate >= 8 is not met: rate is 6.1"])
    (finding,) = training_findings(folder)
    assert (finding.verdict, finding.name) == ("WARN", "constraint")
    assert "6.1" in finding.message
    assert finding.next_step


def test_constraints_that_hold_pass(folder):
    assert training_findings(folder) == []  # not finished
    write_status(folder, warnings=[])
    (finding,) = training_findings(folder)
    assert finding.verdict == "PASS"
    assert "rate>=" in finding.message


def test_a_kept_checkpoint_is_judged_by_the_training_up_to_it(folder):
    write_status(folder, warnings=["the constraint rate >= 8 is not met: rate is 6.1"])
    points = [
        {"step": 50, "values": {"elbo": -1.0}, "warnings": []},
        {"step": 60, "values": {"elbo": -2.0}, "warnings": ["the constraint rate >= 8 is not met: rate is 7"]},
    ]
    (folder.path / "pareto").mkdir()
    front = {"criteria": {"elbo": "max"}, "most": 5, "dropped": {}, "points": points}
    (folder.path / "pareto" / "front.json").write_text(json.dumps(front))
    assert last_multipliers(folder, "pareto/step-50") == {"rate>=": [50.0, 48.0, 46.0, 44.0, 42.0]}
    (met,) = training_findings(folder, "pareto/step-50")
    assert (met.verdict, "step 50" in met.message) == ("PASS", True)
    (missed,) = training_findings(folder, "pareto/step-60")
    assert (missed.verdict, "rate is 7" in missed.message) == ("WARN", True)
