"""Optimiser: AdamW without decay of biases, norms, embeddings and adapters, and the learning-rate schedule."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from vaescope.config import TrainingConfig
from vaescope.errors import unknown

PARTS = {
    "encoder": "encoder.",
    "posterior": "posterior_head.",
    "injection": "injections.",
    "decoder": "decoder.",
    "prior": "prior.",
}
"""The parts of a model that can have their own learning rate, and the prefixes of their parameter names."""


def build_optimiser(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """Return AdamW in groups by learning rate and decay: only matrices have weight decay.

    An embedding row has a gradient only when its token occurs, so decay would shrink rare words towards zero. Decay of
    a low-rank update would pull the weights back to those of the checkpoint. The rate of a group is ``group["share"]``
    times ``training.learning_rate``. Parameters of tied sides are the encoder's.

    Raises:
        UserError: a learning rate of a part that models do not have.
    """
    check_learning_rates(config)
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {(1.0, True): [], (1.0, False): []}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            matrix = parameter.ndim >= 2 and id(parameter) not in embeddings and "lora_" not in name
            groups.setdefault((_share(name, config), matrix), []).append(parameter)
    settings = [
        {"params": parameters, "weight_decay": config.weight_decay if matrix else 0.0, "share": share}
        for (share, matrix), parameters in groups.items()
    ]
    fused = all(p.device.type in ("cpu", "cuda") for p in model.parameters())
    return torch.optim.AdamW(settings, lr=config.learning_rate, fused=fused)


def check_learning_rates(config: TrainingConfig) -> None:
    """Refuse a learning rate of a part that models do not have.

    Raises:
        UserError: names the part.
    """
    for part in config.learning_rates:
        if part not in PARTS:
            raise unknown("part of training.learning_rates", part, PARTS)


def _share(name: str, config: TrainingConfig) -> float:
    """The learning rate of a parameter as a share of ``training.learning_rate``."""
    rates = [rate for part, rate in config.learning_rates.items() if name.startswith(PARTS[part])]
    return rates[0] / config.learning_rate if rates else 1.0


def learning_rate(config: TrainingConfig) -> Callable[[int], float]:
    """Return the learning rate as a function of the optimiser step: warm-up, then constant, linear or
    cosine to 0.

    >>> rate = learning_rate(TrainingConfig(steps=100, warmup=0.1, learning_rate=1.0))
    >>> [round(rate(step), 2) for step in (0, 9, 10, 55, 99)]
    [0.1, 1.0, 1.0, 0.5, 0.01]
    """
    warm = round(config.warmup * config.steps)
    decay: Callable[[float], float] = {
        "constant": lambda done: 1.0,
        "linear": lambda done: 1.0 - done,
        "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
    }[config.schedule]

    def rate(step: int) -> float:
        if step < warm:
            return config.learning_rate * (step + 1) / warm
        return config.learning_rate * decay((step - warm) / max(1, config.steps - warm))

    return rate
