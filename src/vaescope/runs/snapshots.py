"""Snapshots: q(z|x) of the fixed validation texts at chosen steps of training, in small files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vaescope.corpora.batch import Batch
from vaescope.errors import UserError
from vaescope.model.vae import TransformerVAE
from vaescope.randomness import seeded
from vaescope.writing import write_tensors

FOLDER = "snapshots"


@dataclass(frozen=True)
class Snapshot:
    """The encodings of N texts at one step; row n is the same text in every snapshot of a run.

    Attributes:
        step: optimiser steps done.
        posterior_mean: means of q(z|x), ``[N, D]``.
        posterior_std: its standard deviations, ``[N, D]``.
        prior_z: samples of p(z) at this step, ``[N, D]``, or None for the standard Gaussian N(0, I).
    """

    step: int
    posterior_mean: Tensor
    posterior_std: Tensor
    prior_z: Tensor | None = None

    def save(self, run: Path) -> Path:
        """Write ``RUN/snapshots/step-N.safetensors`` as a whole file or none."""
        tensors = {"posterior_mean": self.posterior_mean, "posterior_std": self.posterior_std}
        tensors |= {} if self.prior_z is None else {"prior_z": self.prior_z}
        path = run / FOLDER / f"step-{self.step}.safetensors"
        path.parent.mkdir(exist_ok=True)
        write_tensors(path, {name: tensor.float().cpu() for name, tensor in tensors.items()})
        return path


@torch.no_grad()
def take_snapshot(model: TransformerVAE, batches: Sequence[Batch], *, step: int, seed: int) -> Snapshot:
    """Return the posteriors of the texts of the batches, in their order, without autocast."""
    posteriors = [model.encode(batch.to(model.device)) for batch in batches]
    mean_ND = torch.cat([posterior.mean for posterior in posteriors])
    std_ND = torch.cat([posterior.stddev for posterior in posteriors])
    if model.prior.is_standard:
        return Snapshot(step, mean_ND, std_ND)
    with seeded(seed, "snapshot", device=model.device):
        return Snapshot(step, mean_ND, std_ND, model.prior.sample(len(mean_ND)))


def load_snapshots(run: Path) -> list[Snapshot]:
    """Return the snapshots of a run by step.

    Raises:
        UserError: there are none, or one is damaged.
    """
    files = sorted((run / FOLDER).glob("step-*.safetensors"), key=_step)
    if not files:
        raise UserError(f"{run}: no snapshots; train with steps to take them at, training.snapshots=[0,100,500]")
    return [_read(file) for file in files]


def _read(file: Path) -> Snapshot:
    """Return the snapshot of a file: float tensors ``[N, D]`` of one shape, finite, the deviations positive."""
    try:
        tensors = load_file(file)
        snapshot = Snapshot(_step(file), **tensors)
        shapes = {(tuple(tensor.shape), tensor.dim(), tensor.dtype) for tensor in tensors.values()}
        good = shapes == {(tuple(snapshot.posterior_mean.shape), 2, torch.float32)}
        good = good and all(tensor.isfinite().all() for tensor in tensors.values())
        good = good and bool((snapshot.posterior_std > 0).all())
    except (SafetensorError, TypeError, OSError, ValueError) as error:
        raise UserError(f"{file}: damaged, or not a snapshot; remove it") from error
    if not good:
        raise UserError(f"{file}: not the means and deviations of q(z|x) (finite, [N, D], std > 0); remove it")
    return snapshot


def _step(file: Path) -> int:
    name = file.stem.removeprefix("step-")
    if not name.isdecimal():
        raise UserError(f"{file}: not a snapshot (step-N.safetensors); remove it")
    return int(name)
