"""Shared by every sweep: the protocols of model and texts, noise that does not depend on batches, and scoring."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

Progress = Callable[[int, int], None]


class Prior(Protocol):
    """p(z). A prior with the attribute ``is_standard = True`` is N(0, I), and its rate has the closed form."""

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z), ``[..., D] -> [...]``."""

    def sample(self, n: int) -> Tensor:
        """Return ``[n, D]``."""


class Model(Protocol):
    """What a sweep needs from a latent variable model (a Protocol, so that any model fits)."""

    prior: Any

    def encode(self, batch: Any) -> Distribution:
        """Return q(z|x), a ``DiagonalGaussian`` or torch's ``Independent(Normal(mean, std), 1)``."""

    def log_likelihood(self, batch: Any, z: Tensor, /) -> Tensor:
        """Return log p(x|z) in nats per text, ``[S, B]``."""


class Texts(Protocol):
    """What a sweep needs from a split."""

    @property
    def words(self) -> Tensor:
        """Words of each text, ``[N]``."""

    @property
    def bytes(self) -> Tensor:
        """UTF-8 bytes of each text, ``[N]``."""

    def __len__(self) -> int:
        """Return the number of texts."""

    def by_length(self, indices: Tensor | list[int], budget: int) -> Sequence[Any]:
        """Return batches of texts of similar length within a token budget."""


def as_read(model: Model, tokenized: Any) -> Any:
    """Return texts as the model reads them: a model whose encoder has its own vocabulary has a method ``readable``."""
    readable = getattr(model, "readable", None)
    return tokenized if readable is None else readable(tokenized)


def noise(seed: int, index_B: Tensor, samples: int, size: int) -> Tensor:
    """Standard normal noise of the texts at ``index_B``, ``[S, B, D]``, from a separate stream for each seed and text.

    >>> alone = noise(0, torch.tensor([7]), 2, 3)
    >>> torch.equal(noise(0, torch.tensor([5, 7]), 2, 3)[:, 1:], alone)
    True
    """
    streams = [
        np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, int(index), 0])) for index in index_B.tolist()
    ]
    drawn = [stream.standard_normal((samples, size), dtype=np.float32) for stream in streams]
    return torch.from_numpy(np.stack(drawn, 1))


def score(model: Model, tokenized: Texts, z_SND: Tensor, *, group_tokens: int, precision: str = "fp32") -> Tensor:
    """Return log p(x|z) of the first N texts at given z, ``[S, N]``, float32, on the CPU."""
    log_p_SN = torch.empty(z_SND.shape[:2])
    with torch.inference_mode(), evaluating(model), autocast(model, precision):
        device = device_of(model)
        for batch in tokenized.by_length(list(range(z_SND.shape[1])), group_tokens):
            on_device, at_once = batch.to(device), max(1, group_tokens // batch.size)
            parts = z_SND[:, batch.index].split(at_once)
            log_p_SN[:, batch.index] = torch.cat(
                [model.log_likelihood(on_device, part.to(device)).float().cpu() for part in parts]
            )
    return log_p_SN


def device_of(model: Model) -> torch.device:
    """Return the device that the model is on."""
    return next(iter(model.parameters())).device if isinstance(model, torch.nn.Module) else torch.device("cpu")


def autocast(model: Model, precision: str) -> AbstractContextManager[Any]:
    """Return the autocast context of bfloat16, or an empty one."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device_of(model).type, dtype=torch.bfloat16)


@contextmanager
def evaluating(model: Model) -> Iterator[None]:
    """Switch dropout off, and restore the mode of every module afterwards (some encoders train without dropout)."""
    if not isinstance(model, torch.nn.Module):
        yield
        return
    were_training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, was_training in were_training.items():
            module.training = was_training
