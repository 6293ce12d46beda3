"""q(z|x) can start at the whitened states of its encoder."""

import pytest
import torch
from accelerate import Accelerator
from tests.tiny_runs import build_config

from vaescope.config import parse_config
from vaescope.errors import UserError
from vaescope.runs.run_folder import RunFolder
from vaescope.training.task import prepare


def task_of(folder, **model):
    raw = build_config(folder / "run").model_dump(mode="json")
    raw["model"] |= {"posterior": {"gaussian": {"start": "whitened", "start_std": 0.3}}} | model
    return prepare(parse_config(raw), RunFolder(folder / "run"), Accelerator(cpu=True))


def test_means_are_white_and_the_deviation_is_as_given(tmp_path):
    task = task_of(tmp_path)
    model = task.model.eval()
    with torch.inference_mode():
        posterior = model.encode(*task.train.by_length(torch.arange(len(task.train)), 4096))
    size = model.config.latent_size
    covariance = posterior.mean.T.cov(correction=0)
    torch.testing.assert_close(covariance, torch.eye(size), atol=0.02, rtol=0.02)
    torch.testing.assert_close(posterior.mean.mean(0), torch.zeros(size), atol=0.02, rtol=0)
    torch.testing.assert_close(posterior.stddev, torch.full_like(posterior.stddev, 0.3))


def test_more_units_than_the_encoder_has_states_are_refused(tmp_path):
    with pytest.raises(UserError, match="more texts and pooled units than the 500 latent units"):
        task_of(tmp_path, latent_size=500)
