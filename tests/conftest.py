"""Settings of all tests: one thread (the test runner uses the cores), no network, no display."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")

import pytest


@pytest.fixture(scope="session")
def draws():
    """A linear-Gaussian VAE of rate 2 nats on 300 texts, whose entropy is known."""
    import torch

    from vaescope.evidence.draws import Draws
    from vaescope.evidence.linear_gaussian import LinearGaussian

    torch.manual_seed(0)
    model = LinearGaussian.matched(latent_size=2, data_size=3, rate=2.0)
    return Draws(**model.sample_draws(300), metadata={"corpus": "gaussian", "split": "valid", "entropy": model.entropy})


@pytest.fixture(scope="session")
def assessment(draws):
    from vaescope.assessment.assess import assess

    return assess(draws)


@pytest.fixture
def make_config():
    from tests.tiny_runs import build_config

    return build_config
