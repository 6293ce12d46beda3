import pytest
import torch

from vaescope.config import TrainingConfig
from vaescope.errors import UserError
from vaescope.model.build import tiny_model
from vaescope.model.pass_module import PassModule
from vaescope.randomness import seed_everything
from vaescope.training.meter import Meter
from vaescope.training.optimiser import build_optimiser, learning_rate
from vaescope.training.precision import BREAK_EVEN, autocast_dtype
from vaescope.training.trackers import build_tracker
from vaescope.training.validation import EarlyStopping


def test_decay_spares_vectors_and_embeddings_and_forgets_nothing():
    model, _ = tiny_model()
    decayed, spared = build_optimiser(model, TrainingConfig()).param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.01, 0.0)
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    assert not embeddings & {id(p) for p in decayed["params"]}
    assert all(p.ndim >= 2 for p in decayed["params"])
    assert len(decayed["params"]) + len(spared["params"]) == len(list(model.parameters()))


def test_each_part_has_its_learning_rate_and_adapters_no_decay():
    pytest.importorskip("peft")
    model, _ = tiny_model(tie_encoder_decoder=False, lora={"rank": 2})
    rates = {"encoder": 1e-5, "posterior": 1e-3, "injection": 2e-3, "decoder": 3e-4}
    groups = build_optimiser(model, TrainingConfig(learning_rate=1e-4, learning_rates=rates)).param_groups
    names = {id(p): name for name, p in model.named_parameters()}
    parts = {"encoder": "encoder", "posterior_head": "posterior", "injections": "injection", "decoder": "decoder"}
    seen = set()
    for group in groups:
        for parameter in group["params"]:
            name = names[id(parameter)]
            seen.add(name)
            assert group["share"] * 1e-4 == pytest.approx(rates[parts[name.split(".")[0]]])
            assert group["weight_decay"] == 0 or "lora_" not in name
    assert seen == {name for name, p in model.named_parameters() if p.requires_grad}
    assert any("lora_" in name for name in seen)
    with pytest.raises(UserError, match="did you mean 'encoder'"):
        build_optimiser(model, TrainingConfig(learning_rates={"encodr": 1e-4}))


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("steps", [1, 10, 99])
def test_the_learning_rate_is_positive_and_at_most_the_given(schedule, warmup, steps):
    rate = learning_rate(TrainingConfig(steps=steps, warmup=warmup, schedule=schedule))
    assert all(0 < rate(step) <= 5e-4 for step in range(steps))


def test_the_groups_of_a_micro_batch_are_joined():
    model, batch = tiny_model()
    network = PassModule(model, samples=3, dataset_size=9, dtype=None)
    pass_ = network([batch, batch])
    assert pass_.z.shape == (3, 4, 4)
    assert pass_.log_p_x_z.shape == pass_.log_p_z.shape == pass_.log_q_z_x.shape == (3, 4)
    torch.testing.assert_close(pass_.log_q_z_x, pass_.posterior.log_prob(pass_.z), rtol=1e-4, atol=1e-4)


def test_seeds_are_functions_of_all_counters():
    drawn = set()
    for counters in [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (0,)]:
        seed_everything(*counters)
        drawn.add(torch.rand(()).item())
        seed_everything(*counters)
        assert torch.rand(()).item() in drawn
    assert len(drawn) == 5


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_the_meter_names_the_first_bad_step_and_number(bad):
    meter = Meter(["rate", "loss"], torch.device("cpu"))
    meter.add(3, torch.tensor([1.0, 2.0]))
    meter.check()
    meter.add(4, torch.tensor([bad, bad]))
    meter.add(5, torch.tensor([bad, bad]))
    with pytest.raises(UserError, match="step 4: rate is not finite"):
        meter.check()


def test_early_stopping_waits_for_the_constraint():
    stopping = EarlyStopping(patience=2)
    assert not stopping.improved(1, 1.0, met=False)
    assert stopping.improved(2, 5.0, met=True)
    assert not stopping.improved(3, 2.0, met=False)
    assert not stopping.over
    assert not stopping.improved(4, 6.0, met=True)
    assert stopping.over
    assert (stopping.best, stopping.best_step) == (5.0, 2)


def test_precision_is_the_requested_one():
    cpu = torch.device("cpu")
    assert autocast_dtype("bf16", cpu) is torch.bfloat16
    assert autocast_dtype("fp32", cpu) is None
    assert autocast_dtype("auto", torch.device("meta")) is None
    assert autocast_dtype("auto", cpu, flops=BREAK_EVEN / 2) is None
    assert autocast_dtype("bf16", cpu, flops=BREAK_EVEN / 2) is torch.bfloat16


def test_missing_wandb_is_reported(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "wandb", None)
    with pytest.raises(UserError, match="pip install"):
        build_tracker("wandb", tmp_path, {}, 0)
