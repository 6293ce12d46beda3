"""Optimiser: AdamW whose decay spares biases, norms and embeddings, and learning rates by optimiser step."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from vaescope.config import TrainingConfig


def build_optimiser(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """Return AdamW in two groups: matrices with weight decay; vectors and embeddings without.

    An embedding row has a gradient only when its token occurs, so decay would shrink rare words towards zero.
    """
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    decayed: list[nn.Parameter] = []
    spared: list[nn.Parameter] = []
    for parameter in model.parameters():
        if parameter.requires_grad:
            matrix = parameter.ndim >= 2 and id(parameter) not in embeddings
            (decayed if matrix else spared).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    fused = all(p.device.type in ("cpu", "cuda") for p in decayed + spared)
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=fused)


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
