"""Progress in a log: lines with the time left."""

from __future__ import annotations

import pytest

from vaescope.cli import console
from vaescope.cli.console import Meter


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(console.time, "monotonic", lambda: Clock.now)
    return Clock


def test_a_line_of_a_log_says_the_time_left(clock, capsys):
    meter = Meter("train", None)
    for done in range(0, 101, 10):
        meter(done, 100, "rate 8.0")
        clock.now += 12
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "train 10/100 rate 8.0, 1 min 48 s left"
    assert lines[-2] == "train 90/100 rate 8.0, 12 s left"
    assert lines[-1] == "train 100/100 rate 8.0"


def test_a_resumed_task_counts_from_where_it_resumed(clock, capsys):
    meter = Meter("train", None)
    for done in (500, 510, 520):
        meter(done, 600)
        clock.now += 20
    assert capsys.readouterr().out.splitlines()[0] == "train 510/600, 3 min 0 s left"
