"""The files of an assessment: all or none, each written by one process."""

import pytest
from tests.tiny_runs import build_config

from vaescope.errors import UserError
from vaescope.examine.examined_run import Examined
from vaescope.examine.save_assessment import assess_and_save
from vaescope.runs.lock import one_at_a_time
from vaescope.training.loop import train


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "run"
    train(build_config(folder, steps=2, validate_every=2))
    return folder


def files(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("content", ["", "{", "null", "[]", '{"packages": 5}', '{"accelerators": 7}', '{"git": true}'])
def test_a_damaged_file_that_the_card_needs_is_named_before_anything_is_written(path, content):
    file = path / "environment.json"
    whole = file.read_bytes()
    file.write_text(content, encoding="utf-8")
    before = files(path)
    try:
        with pytest.raises(UserError, match=r"environment\.json"):
            assess_and_save(Examined.load(path), "valid", samples=2)
        assert files(path) == before
        assert not (path / "assessment-figures").exists()
    finally:
        file.write_bytes(whole)


def test_one_process_makes_an_assessment_and_others_may_make_another(path, monkeypatch):
    run = Examined.load(path)
    with one_at_a_time(path / "assessment-figures"):
        # another process knows nothing of what this one holds
        monkeypatch.setattr("vaescope.runs.lock._held", set())
        with pytest.raises(UserError, match="assessment-figures: another process works in this folder"):
            assess_and_save(run, "valid", samples=2)
        assert assess_and_save(run, "test", samples=2)[1].name == "assessment-test.json"
    assert assess_and_save(run, "valid", samples=2)[1].exists()
