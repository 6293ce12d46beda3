"""Everything runs on a device other than the CPU: no tensor stays on the CPU, and a training step never waits."""

import copy

import pytest
import torch
from accelerate import Accelerator
from torch.optim import optimizer
from torch.utils._pytree import tree_map_only

from tests.pretended_device import DEVICE, Away, pretended_device, send
from vaescope.model.latent_space import LatentSpace
from vaescope.runs.run_folder import RunFolder
from vaescope.sweep.simulate import simulate
from vaescope.sweep.sweep import sweep
from vaescope.training.task import prepare
from vaescope.training.trainer import Trainer

OBJECTIVES = ["vae", "free_bits", "mdr", "beta_tc_vae", "infovae", "iwae"]


@pytest.fixture
def device(monkeypatch):
    kinds = [*optimizer._get_fused_kernels_supported_devices(), DEVICE.type]
    monkeypatch.setattr(optimizer, "_get_fused_kernels_supported_devices", lambda: kinds)
    with pretended_device() as context:
        yield context


def make_task(make_config, folder, prior="standard", **options):
    config = make_config(folder, steps=3, **options)
    # the masks of dropout are drawn in another way on the CPU
    config.model.encoder |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    config.model.prior = prior
    accelerator = Accelerator(cpu=True)
    return prepare(config, RunFolder(config.out), accelerator)


def on_device(task):
    """Return a trainer of the task whose model, objective and batches live on the device."""
    accelerator = copy.copy(Accelerator(cpu=True))
    accelerator.state = copy.copy(accelerator.state)
    accelerator.state.__dict__ = {**accelerator.state.__dict__, "device": DEVICE}
    send(task.model)
    send(task.objective)
    trainer = Trainer(task, accelerator)
    for group in trainer.optimiser.param_groups:
        group["fused"] = True  # as on an accelerator
    return trainer


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_training_gives_the_numbers_of_the_cpu_and_waits_for_nothing(tmp_path, make_config, objective, device):
    options = {"objective": objective, "samples": 2}
    expected = Trainer(make_task(make_config, tmp_path / "a", **options), Accelerator(cpu=True))
    trainer = on_device(make_task(make_config, tmp_path / "b", **options))
    device.waits.clear()
    for one in (trainer, expected):
        one._gradient(0)
    for (name, ours), theirs in zip(trainer.model.named_parameters(), expected.model.parameters(), strict=True):
        assert isinstance(ours.grad, Away)
        torch.testing.assert_close(
            ours.grad.cpu(), theirs.grad, rtol=1e-3, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}"
        )
        ours.grad = theirs.grad = None
    device.waits.clear()
    for _ in range(2):
        trainer.advance()
        expected.advance()
    assert device.waits == {}
    ours, theirs = trainer.validate(), expected.validate()
    assert ours.keys() == theirs.keys()
    # the samples of the prior that mmd draws are others on a device with a generator of its own
    for name in ("distortion", "rate"):
        assert ours[name] == pytest.approx(theirs[name], rel=1e-3, abs=1e-4)


def test_training_resumes_on_the_device(tmp_path, make_config, device):
    first, second = (on_device(make_task(make_config, tmp_path / name, objective="mdr")) for name in "ab")
    first.advance()
    state = tree_map_only(torch.Tensor, torch.clone, first.state())
    with torch.no_grad():
        for ours, theirs in zip(second.model.parameters(), first.model.parameters(), strict=True):
            ours.copy_(theirs)
    second.restore(state)
    for trainer in (first, second):
        trainer.advance()
    for ours, theirs in zip(second.model.parameters(), first.model.parameters(), strict=True):
        assert torch.equal(ours.detach().cpu(), theirs.detach().cpu())


@pytest.mark.parametrize("prior", ["standard", "mixture", "vamp"])
def test_sweeps_and_drawing_give_the_numbers_of_the_cpu(tmp_path, make_config, prior, device):
    task = make_task(make_config, tmp_path / "a", prior)
    away = send(copy.deepcopy(task.model))
    options = {"samples": 2, "texts": 12}
    ours, theirs = (sweep(model, task.train, **options) for model in (away, task.model))
    torch.testing.assert_close(ours.posterior_mean, theirs.posterior_mean)
    torch.testing.assert_close(ours.log_p_x_z, theirs.log_p_x_z)
    simulated, _ = simulate(away, task.tokenizer, ours, count=4)
    assert len(simulated.strings) == 4


def test_the_latent_space_is_that_of_the_cpu(tmp_path, make_config, device):
    task = make_task(make_config, tmp_path / "a")
    texts = task.corpus.valid[:3]
    ours, theirs = (LatentSpace(m, task.tokenizer) for m in (send(copy.deepcopy(task.model)), task.model))
    torch.testing.assert_close(ours.encode(texts).mean, theirs.encode(texts).mean)
    assert ours.reconstruct(texts) == theirs.reconstruct(texts)
    assert ours.interpolate(*texts[:2], steps=3) == theirs.interpolate(*texts[:2], steps=3)
    assert len(ours.sample(3)) == 3


def test_a_tensor_that_is_left_behind_is_found(tmp_path, make_config, device):
    """The pretended device is strict: the same training fails when one tensor stays on the CPU."""
    trainer = on_device(make_task(make_config, tmp_path / "a"))
    layer = trainer.model.posterior_head.projection
    layer.weight = torch.nn.Parameter(torch.zeros(layer.weight.shape))
    with pytest.raises(AssertionError, match="met the device"):
        trainer.advance()


def test_waiting_for_the_device_is_counted(device):
    there = torch.ones(3, device=DEVICE)
    assert (there.sum().item(), there.nonzero().shape[0], there.cpu().tolist()) == (3.0, 3, [1.0, 1.0, 1.0])
    assert device.waits == {"_local_scalar_dense": 1, "nonzero": 1, "_to_copy": 1}
