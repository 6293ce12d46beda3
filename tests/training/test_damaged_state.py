"""A checkpoint whose state is not that of the run is refused by name, also where its checksum is right."""

import shutil

import pytest
import torch
from tests.tiny_runs import build_config

from vaescope.errors import UserError
from vaescope.runs.checksums import write_checksums
from vaescope.training.loop import train

from .test_resume import KilledError, kill_at


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    config = build_config(tmp_path_factory.mktemp("interrupted") / "run", objective={"preset": "mdr", "rate": 2.0})
    with pytest.raises(KilledError):
        train(config, progress=kill_at(4))
    return config


def moments(state):
    return next(iter(state["optimiser"]["state"].values()))


def no_moment(state):
    del moments(state)["exp_avg_sq"]


DAMAGES = {
    "nan": (lambda state: moments(state)["exp_avg"].fill_(float("nan")), "optimiser .* does not fit .*not finite"),
    "shape": (
        lambda state: moments(state).update(exp_avg=torch.zeros(3)),
        r"does not fit \S+: of exp_avg it has shape \[3\]",
    ),
    "a moment is missing": (no_moment, "does not fit .*exp_avg_sq"),
    "a group is missing": (lambda state: state["optimiser"]["param_groups"].pop(), "state of the optimiser"),
    "a list": (lambda state: state.update(optimiser=[1]), "state of the optimiser"),
    "another value": (lambda state: moments(state).update(exp_avg="x"), "does not fit"),
    "no optimiser": (lambda state: state.pop("optimiser"), "no state of the optimiser"),
    "no multipliers": (lambda state: state.update(objective={}), "state of the objective"),
    "nan multiplier": (lambda state: _fill(state["objective"]), "objective .* not finite"),
    "negative step": (lambda state: state.update(step=-1), "step -1"),
    "step after the last": (lambda state: state.update(step=10**6), "step 1000000"),
}


def _fill(state):
    """Make the first number of a nested state NaN."""
    for key, value in state.items():
        if isinstance(value, dict):
            return _fill(value)
        if torch.is_tensor(value) and value.is_floating_point():
            return value.fill_(float("nan"))
        if isinstance(value, float):
            state[key] = float("nan")
            return None
    raise AssertionError("no number there")


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_state_is_refused_by_name(interrupted, tmp_path, damage, message):
    config = interrupted.model_copy(update={"out": tmp_path / "run"})
    shutil.copytree(interrupted.out, config.out)
    file = config.out / "checkpoint" / "state.pt"
    state = torch.load(file, weights_only=True)
    damage(state)
    torch.save(state, file)
    write_checksums(file.parent)
    before = (config.out / "metrics.jsonl").read_bytes()
    with pytest.raises(UserError, match=message) as caught:
        train(config)
    assert "\n" not in str(caught.value)
    assert (config.out / "metrics.jsonl").read_bytes() == before
