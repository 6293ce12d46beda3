"""Lines of metrics.jsonl that another program, or a kill, has damaged."""

import json

import pytest

from vaescope.errors import UserError
from vaescope.runs.metrics import last_lines, read_lines

WHOLE = {"kind": "validation", "step": 4, "rate": 2.0, "best_step": 4}


def written(folder, *lines):
    file = folder / "metrics.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "line",
    [
        {**WHOLE, "rate": None},
        {**WHOLE, "rate": "2"},
        {**WHOLE, "rate": True},
        {**WHOLE, "rate": [2.0]},
        {"kind": "train", "step": 1, "weights": {"rate": None}},
        {"kind": "train", "step": 1, "multipliers": [1]},
        {"kind": "train", "step": "1"},
    ],
)
def test_a_line_without_numbers_is_refused_by_its_number(tmp_path, line):
    file = written(tmp_path, WHOLE, line, WHOLE)
    with pytest.raises(UserError, match="line 2 is damaged; remove it"):
        read_lines(file)
    assert last_lines(file) == [WHOLE, WHOLE]


def test_numbers_by_name_and_what_an_assessment_does_not_know_are_kept(tmp_path):
    lines = [{"kind": "train", "step": 1, "weights": {"rate": 1.0}}, {"kind": "assessment", "step": 1, "mmd": None}]
    assert read_lines(written(tmp_path, *lines)) == lines
