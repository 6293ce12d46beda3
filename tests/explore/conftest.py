"""A run of very few steps on the built-in corpus, and its latent space changed so that z carries information."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vaescope.explore.explorer import Explorer
from vaescope.explore.latent_map import LatentMap

from .training import train_tiny


@pytest.fixture(scope="package")
def run(tmp_path_factory):
    return train_tiny(tmp_path_factory.mktemp("explore") / "run")


@pytest.fixture(scope="package")
def explorer(run):
    """The run with centred and stretched means, so that z says which text it is and the decoder reads it."""
    loaded = Explorer.load(run)
    vae = loaded.vae
    with torch.no_grad():
        head = vae.model.posterior_head.projection
        head.bias[:4] -= vae.encode(loaded.map.texts).mean.mean(0)
        for of_mean in (head.weight[:4], head.bias[:4]):
            of_mean.mul_(40)
        for weight in vae.model.injections.parameters():
            weight.mul_(20)
    return replace(loaded, map=LatentMap.of(vae, loaded.map.texts, loaded.map.labels), collapse="")
