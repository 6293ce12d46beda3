"""``vaescope steer``, and the share of a path that lies in holes, on a tiny run."""

import re

import pytest

import vaescope

from .test_commands import call, failure


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return vaescope.train(
        data={"known": "topic_pcfg", "sizes": [200, 500, 16]},
        model={"latent_size": 2},
        training={"steps": 2, "batch_size": 8, "tracker": "none"},
        out=str(tmp_path_factory.mktemp("steer") / "run"),
    ).path


def test_the_measures_are_printed_with_their_errors(run):
    output = call("steer", run, "--toward", 0, "--strengths", "1,4", "--texts", 12, "--shown", 1)
    assert "The vector has length" in output
    rows = re.findall(r"^ +([14])((?: +-?\d+\.\d+ ± \d+\.\d+){5}) *$", output, flags=re.M)
    assert [row[0] for row in rows] == ["1", "4"]
    assert "12 texts of other labels" in output
    own = [float(re.findall(r"(-?\d+\.\d+) ±", row[1])[3]) for row in rows]
    assert own[0] != 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--toward", "nothing"), "unknown label 'nothing'"),
        (("--toward", "0", "--strengths", "1,a"), "--strengths '1,a': give numbers separated by commas"),
        (("--toward", "0", "--labels", "absent.txt"), "no such file of labels"),
        (("--toward", "0", "--split", "valdi"), "did you mean 'valid'"),
    ],
)
def test_a_mistake_is_one_line(run, monkeypatch, capsys, arguments, says):
    status, line = failure(monkeypatch, capsys, "steer", run, *arguments)
    assert status == 1
    assert says in line


def test_paths_say_how_much_of_them_lies_in_holes(run):
    text = vaescope.load(run).sample(1)[0] or "a"
    near = call("traverse", run, text, "--unit", 0, "--values=0")
    far = call("traverse", run, text, "--unit", 0, "--values=0,900,-900")
    assert "0 of 1 points lie in holes" in near
    assert "2 of 3 points lie in holes" in far
    assert "of 5 points lie in holes" in call("interpolate", run, text, text, "--steps", 5)
    assert "0 of 1 points lie in holes" in call("analogy", run, text, text, text)
    assert "unknown, since a model alone has no texts" in call("analogy", run / "model", text, text, text)
