"""A hub that cannot be reached costs seconds, and what is on this machine is still read."""

import time

import pytest
from huggingface_hub import constants

from vaescope.corpora import hub_access as module
from vaescope.corpora.hub_access import hub_access


class Hub:
    """A hub that answers, refuses or never answers; counts the questions."""

    def __init__(self, answer):
        self.answer, self.asked = answer, 0

    def head(self, address, timeout):
        self.asked += 1
        self.answer(timeout)


def refuse(timeout):
    raise ConnectionError("no network")


@pytest.fixture
def hub(monkeypatch):
    def make(answer):
        found = Hub(answer)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(module, "get_session", lambda: found)
        monkeypatch.setattr(module, "_asked", {})
        monkeypatch.setattr(module, "PATIENCE", 0.2)
        return found

    return make


@pytest.mark.parametrize("answer", [refuse, lambda timeout: time.sleep(5)])
def test_without_an_answer_the_libraries_are_offline_inside_the_block_alone(hub, answer):
    asked, began = hub(answer), time.monotonic()
    for _ in range(3):
        with hub_access("someone/a-model"):
            assert constants.HF_HUB_OFFLINE
        assert not constants.HF_HUB_OFFLINE
    assert asked.asked == 1
    assert time.monotonic() - began < 4
    with pytest.raises(ValueError, match="inside"), hub_access("someone/a-model"):
        raise ValueError("inside")
    assert not constants.HF_HUB_OFFLINE


def test_a_hub_that_answers_is_asked(hub):
    asked = hub(lambda timeout: None)
    with hub_access("someone/a-model"):
        assert not constants.HF_HUB_OFFLINE
    assert asked.asked == 1


def test_what_is_here_needs_no_hub(hub, tmp_path):
    asked = hub(refuse)
    with hub_access(str(tmp_path)):
        assert not constants.HF_HUB_OFFLINE
    assert asked.asked == 0
