import math

import pytest
import torch
from accelerate import Accelerator

from vaescope.errors import UserError
from vaescope.model.build import tiny_model
from vaescope.objectives.encoder_steps import EncoderSteps
from vaescope.runs.run_folder import RunFolder
from vaescope.training.encoder_stepper import EncoderStepper
from vaescope.training.loop import train
from vaescope.training.task import prepare
from vaescope.training.trainer import Trainer

LAGGING = {"preset": "lagging", "most": 4, "burst": 2, "warmup": 10}


def make_trainer(config):
    accelerator = Accelerator(cpu=True)
    return Trainer(prepare(config, RunFolder(config.out), accelerator), accelerator)


def untied(make_config, out, **options):
    config = make_config(out, objective=LAGGING, **options)
    config.model.tie = False
    return config


def first(most, burst=2):
    model, _ = tiny_model(tie_encoder_decoder=False)
    return EncoderStepper(EncoderSteps(most=most, burst=burst), model)


@pytest.mark.parametrize(
    ("losses", "taken"),
    [([3, 3, 2, 2, 2, 2, 9, 9], 6), ([5, 5, 4, 4, 3, 3, 2], 7), ([1, 1, 2, 2, 0], 4)],
)
def test_bursts_go_on_while_the_loss_falls(losses, taken):
    steps = first(most=7)
    seen = []
    steps.run(lambda k: seen.append(k) or losses[k])
    assert seen == list(range(taken))
    assert steps.taken == taken


def test_it_ends_for_good_when_the_information_stops_growing():
    steps = first(most=4)
    for information, active in [(0.1, True), (0.5, True), (0.4, False), (0.9, False)]:
        steps.observe({"mutual_information": information})
        assert steps.active is active
    steps.run(lambda k: math.nan)
    assert steps.taken == 0


def test_the_encoder_moves_alone_and_then_the_decoder(tmp_path, make_config):
    trainer = make_trainer(untied(make_config, tmp_path / "run"))
    sides = trainer.encoder_steps.inference, trainer.encoder_steps.generation
    assert all(sides)

    def moved(update):
        before = [[p.detach().clone() for p in side] for side in sides]
        update()
        pairs = zip(before, sides, strict=True)
        return tuple(any(not torch.equal(a, p) for a, p in zip(old, side, strict=True)) for old, side in pairs)

    assert moved(lambda: trainer._encoder_step(0)) == (True, False)
    trainer.encoder_steps.options = EncoderSteps()
    trainer.encoder_steps.run = lambda step: None
    assert moved(trainer.advance) == (False, True)
    trainer.encoder_steps.active = False
    assert moved(trainer.advance) == (True, True)


def test_a_shared_encoder_cannot_move_alone(tmp_path, make_config):
    with pytest.raises(UserError, match="set model"):
        make_trainer(make_config(tmp_path / "run", objective=LAGGING))


def test_a_run_killed_during_encoder_steps_resumes_bit_for_bit(tmp_path, make_config):
    whole = train(untied(make_config, tmp_path / "whole"))

    class KilledError(Exception):
        pass

    def progress(done, total, note):
        if done == 5:
            raise KilledError

    config = untied(make_config, tmp_path / "parts")
    with pytest.raises(KilledError):
        train(config, progress=progress)
    parts = train(config)
    assert [line["loss"] for line in parts.metrics("train")] == [line["loss"] for line in whole.metrics("train")]
    assert whole.metrics("train")[-1]["encoder_steps"] == parts.metrics("train")[-1]["encoder_steps"] > 6
    expected = whole.load_model().state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in parts.load_model().state_dict().items())
