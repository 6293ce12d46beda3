"""The split of a comparison if none is given."""

from __future__ import annotations

import pytest

from vaescope.errors import UserError
from vaescope.report.splits import common_split

FILES = {"valid": "assessment.json", "test": "assessment-test.json", "train": "assessment-train.json"}


def run(folder, *splits):
    folder.mkdir(parents=True)
    (folder / "config.yaml").touch()
    for split in splits:
        (folder / FILES[split]).touch()
    return folder


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (["valid"], ["valid"], "valid"),
        (["test"], ["test"], "test"),
        (["valid", "test"], ["test"], "test"),
        (["train", "test"], ["train"], "train"),
        (["train", "test", "valid"], ["valid", "test", "train"], "valid"),
        (["test"], [], "test"),
    ],
)
def test_the_split_that_all_runs_have(tmp_path, first, second, expected):
    assert common_split([run(tmp_path / "a", *first), run(tmp_path / "b", *second)]) == expected


def test_runs_of_a_study_that_are_not_assessed_do_not_count(tmp_path):
    run(tmp_path / "a", "test")
    run(tmp_path / "b")
    assert common_split([tmp_path]) == "test"


def test_without_a_common_split_the_error_says_which_exist(tmp_path):
    runs = [run(tmp_path / "a", "valid"), run(tmp_path / "b", "test", "train")]
    with pytest.raises(UserError, match=r"a: valid; b: test, train"):
        common_split(runs)
