"""sweep: one pass of a model over a split, which fills Draws.

The noise of a text depends on the seed and the position of the text alone (a counter-based generator), so the draws
do not depend on how texts and samples are grouped into batches, nor on how many texts there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Independent

from vaescope.assessment.draws import Draws
from vaescope.corpora.batch import Batch
from vaescope.estimators.gaussian import log_density, standard_log_density

Progress = Callable[[int, int], None]
PRIOR_SAMPLES = 10_000


class Prior(Protocol):
    """p(z)."""

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z), ``[..., D] -> [...]``."""

    def sample(self, n: int) -> Tensor:
        """Return ``[n, D]``."""


class Model(Protocol):
    """What a sweep needs of a latent variable model (a Protocol, so that any model may be swept)."""

    prior: Any

    def encode(self, batch: Batch) -> Independent:
        """Return q(z|x), a diagonal Gaussian."""

    def log_likelihood(self, batch: Batch, z: Tensor) -> Tensor:
        """Return log p(x|z) in nats per text, ``[S, B]``."""


class Texts(Protocol):
    """What a sweep needs of a split."""

    @property
    def words(self) -> Tensor:
        """Words of each text, ``[N]``."""

    @property
    def bytes(self) -> Tensor:
        """UTF-8 bytes of each text, ``[N]``."""

    def __len__(self) -> int:
        """Return the number of texts."""

    def by_length(self, indices: Tensor | list[int], budget: int) -> list[Batch]:
        """Return batches of like length within a token budget."""


def sweep(
    model: Model,
    tokenized: Texts,
    *,
    samples: int,
    group_tokens: int = 8_192,
    seed: int = 0,
    precision: str = "fp32",
    texts: int | None = None,
    keep_z: int = 1,
    progress: Progress | None = None,
) -> Draws:
    """Encode every text once and score S samples of its posterior.

    Args:
        model: the model, on any device.
        tokenized: the split.
        samples: posterior samples S per text.
        group_tokens: tokens, over texts and samples, that the decoder scores at once.
        seed: of the noise.
        precision: ``fp32``, or ``bf16`` for autocast; densities of z are in float64 in any case.
        texts: only the first so many.
        keep_z: how many of the S samples of z are kept; the densities of all are.
        progress: called with the texts done and the texts in all.
    """
    count = min(texts or len(tokenized), len(tokenized))
    batches = tokenized.by_length(list(range(count)), group_tokens)
    parts, done = [], 0
    with torch.inference_mode(), _evaluating(model), _autocast(model, precision):
        for batch in batches:
            parts.append(_sweep_batch(model, batch, samples, group_tokens, seed, keep_z))
            done += len(batch)
            if progress is not None:
                progress(done, count)
        prior_z = _prior_samples(model.prior, parts, seed)
    order_N = torch.cat([batch.index for batch in batches]).argsort()
    tensors = {
        name: torch.cat([part[name] for part in parts], dim).index_select(dim, order_N)
        for name, dim in _TEXT_DIMENSION.items()
    }
    return Draws(
        **tensors,
        words=tokenized.words[:count],
        bytes=tokenized.bytes[:count],
        prior_z=prior_z,
        metadata={"seed": seed, "precision": precision},
    )


_TEXT_DIMENSION = {
    "posterior_mean": 0,
    "posterior_std": 0,
    "z": 1,
    "log_p_x_z": 1,
    "log_p_z": 1,
    "log_q_z_x": 1,
    "tokens": 0,
}


def _sweep_batch(
    model: Model, batch: Batch, samples: int, group_tokens: int, seed: int, keep_z: int
) -> dict[str, Tensor]:
    device = _device(model)
    on_device = batch.to(device)
    normal = model.encode(on_device).base_dist
    mean_BD, std_BD = normal.loc.float(), normal.scale.float()
    noise_SBD = noise(seed, batch.index, samples, mean_BD.shape[1])
    at_once = max(1, group_tokens // batch.input_ids.numel())
    densities: dict[str, list[Tensor]] = {"log_p_x_z": [], "log_p_z": [], "log_q_z_x": []}
    kept: list[Tensor] = []
    for noise_CBD in noise_SBD.split(at_once):
        z_CBD = mean_BD + std_BD * noise_CBD.to(device)
        kept += list(z_CBD.cpu()) if len(kept) < keep_z else []
        wide = (z_CBD.double(), mean_BD.double(), std_BD.double())
        densities["log_q_z_x"].append(log_density(*wide).sum(-1))
        densities["log_p_z"].append(model.prior.log_prob(z_CBD))
        densities["log_p_x_z"].append(model.log_likelihood(on_device, z_CBD))
    return {
        "posterior_mean": mean_BD.cpu(),
        "posterior_std": std_BD.cpu(),
        "z": torch.stack(kept[:keep_z]),
        "tokens": batch.tokens,
        **{name: torch.cat(values).float().cpu() for name, values in densities.items()},
    }


def noise(seed: int, index_B: Tensor, samples: int, size: int) -> Tensor:
    """Standard normal noise of the texts at ``index_B``, ``[S, B, D]``, from one stream per seed and text.

    >>> alone = noise(0, torch.tensor([7]), 2, 3)
    >>> torch.equal(noise(0, torch.tensor([5, 7]), 2, 3)[:, 1:], alone)
    True
    """
    streams = [
        np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, int(index), 0])) for index in index_B.tolist()
    ]
    drawn = [stream.standard_normal((samples, size), dtype=np.float32) for stream in streams]
    return torch.from_numpy(np.stack(drawn, 1))


def _prior_samples(prior: Prior, parts: list[dict[str, Tensor]], seed: int) -> Tensor | None:
    """Samples of p(z), or None where its density is that of N(0, I) at all the z that were kept."""
    for part in parts:
        kept_ZBD = part["z"]
        expected_ZB = standard_log_density(kept_ZBD.double()).sum(-1)
        if (
            expected_ZB - part["log_p_z"][: len(kept_ZBD)].double()
        ).abs().max() > 1e-3 + 1e-5 * expected_ZB.abs().max():
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                return prior.sample(PRIOR_SAMPLES).float().cpu()
    return None


def _device(model: Model) -> torch.device:
    return next(iter(model.parameters())).device if isinstance(model, torch.nn.Module) else torch.device("cpu")


def _autocast(model: Model, precision: str) -> AbstractContextManager[Any]:
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(_device(model).type, dtype=torch.bfloat16)


@contextmanager
def _evaluating(model: Model) -> Iterator[None]:
    """Dropout off, and afterwards the mode of the model as it was."""
    if not isinstance(model, torch.nn.Module):
        yield
        return
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
