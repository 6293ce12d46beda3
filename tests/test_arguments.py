"""Arguments of the Python interface that are of another type, or out of range, are one line."""

from pathlib import Path

import pytest
import torch

import vaescope
from tests.tiny_runs import build_config
from vaescope.arguments import checked
from vaescope.errors import UserError
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.training.loop import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(build_config(tmp_path_factory.mktemp("arguments") / "run"))


@pytest.fixture(scope="module")
def draws():
    return vaescope.Draws(**LinearGaussian.matched(latent_size=1, data_size=2, rate=1.0).sample_draws(20))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"samples": "4"}, "samples: give a whole number"),
        ({"samples": 1.5}, "samples: give a whole number"),
        ({"samples": True}, "samples: give a whole number"),
        ({"samples": -1}, "assess: samples: give at least 1"),
        ({"samples": 0}, "assess: samples: give at least 1"),
        ({"texts": 1}, "texts"),
        ({"split": 5}, "split: give a name"),
        ({"labels": 5}, "labels: give a"),
        ({"suite": 5}, "suite: give a name"),
        ({"control": 5}, "give the path of a run folder, not 5"),
    ],
)
def test_wrong_options_of_an_assessment_are_one_line(run, options, says):
    with pytest.raises(UserError, match=says):
        vaescope.assess(run, **options)


@pytest.mark.parametrize(
    "options", [{"diagnostics": 5}, {"thresholds": 5}, {"wrong": 1}, {"split": "test"}, {"suite": None}, {"also": 5}]
)
def test_wrong_options_of_draws_are_one_line(draws, options):
    with pytest.raises(UserError):
        vaescope.assess(draws, **options)


def test_wrong_arguments_of_the_latent_space_are_one_line(run):
    vae = vaescope.load(run)
    for call in (
        lambda: vae.sample("x"),
        lambda: vae.sample(1, temperature="x"),
        lambda: vae.sample(1, seed="x"),
        lambda: vae.decode("x"),
        lambda: vae.encode("one text"),
        lambda: vae.encode(5),
        lambda: vae.interpolate("a", "b", steps="x"),
        lambda: vae.interpolate("a", "b", path=5),
        lambda: vae.traverse("a", "unit"),
    ):
        with pytest.raises(UserError):
            call()


def test_wrong_functions_of_a_model_are_one_line():
    def code(texts):
        return torch.zeros(len(texts), 1), torch.ones(len(texts), 1)

    for arguments in ((None, code, code), ("one text", code, code), (["a", "b"], 5, code), (["a", "b"], code, "f")):
        with pytest.raises(UserError, match="assess_model: "):
            vaescope.assess_model(*arguments)


def test_a_path_may_be_a_string_and_a_whole_number_a_float():
    @checked
    def both(place: Path, count: int | None = None) -> tuple[Path, int | None]:
        return place, count

    assert both("here", count=2.0) == (Path("here"), 2)
    assert isinstance(both("here", count=2.0)[1], int)
    with pytest.raises(UserError, match="both: place: give a path"):
        both(5)
