"""Every objective trains with every prior, and reports at the end which constraints are not met."""

import pytest
from accelerate import Accelerator

from vaescope import choices
from vaescope.errors import UserError
from vaescope.runs.run_folder import RunFolder
from vaescope.training.loop import train
from vaescope.training.task import prepare
from vaescope.training.trainer import Trainer


def make_trainer(config):
    accelerator = Accelerator(cpu=True)
    return Trainer(prepare(config, RunFolder(config.out), accelerator), accelerator)


@pytest.mark.parametrize("name", choices.names("objectives"))
def test_every_preset_trains(tmp_path, make_config, name):
    objective = {"preset": name, "most": 2} if name == "lagging" else name
    config = make_config(tmp_path / "run", objective=objective, steps=2, samples=2)
    config.model.tie = name != "lagging"
    status = train(config).status
    assert status["finished"]


@pytest.mark.parametrize("objective", ["autoencoder", {"terms": {"distortion": 1}}, "iwae", "hoffman"])
@pytest.mark.parametrize("prior", ["standard", "mixture", "vamp"])
def test_every_parameter_has_a_gradient(tmp_path, make_config, objective, prior):
    """Distributed training waits for the gradient of every parameter, also of a prior that no term uses."""
    config = make_config(tmp_path / "run", objective=objective)
    config.model.prior = prior
    trainer = make_trainer(config)
    trainer._gradient(0)
    assert not [name for name, p in trainer.model.named_parameters() if p.requires_grad and p.grad is None]


def test_a_bound_that_is_out_of_reach_is_refused_before_training(tmp_path, make_config):
    objective = {
        "terms": {"distortion": 1, "rate": 1},
        "constraints": [{"term": "mutual_information", "relation": ">=", "bound": 5}],
    }
    with pytest.raises(UserError, match=r"at most 4\.159"):  # log of 64 texts
        train(make_config(tmp_path / "run", objective=objective))


def test_a_constraint_that_is_not_met_is_reported(tmp_path, make_config, caplog):
    folder = train(make_config(tmp_path / "run", objective={"preset": "mdr", "rate": 30}))
    (warning,) = folder.status["warnings"]
    assert warning.startswith("the constraint rate >= 30 is not met: rate is ")
    assert warning in caplog.text
    assert train(make_config(tmp_path / "vae")).status["warnings"] == []
