"""Validation: the objective on a fixed subset, and when to stop by it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from vaescope.config import RunConfig
from vaescope.corpora.batch import Batch
from vaescope.corpora.tokenized import Tokenized
from vaescope.model.pass_module import PassModule
from vaescope.model.passes import Pass
from vaescope.objectives.objective import Objective
from vaescope.randomness import seeded, stream


def fixed_texts(valid: Tokenized, config: RunConfig) -> Tokenized:
    """Return the same random ``training.validation_texts`` texts of a split at every call."""
    order = torch.randperm(len(valid), generator=stream(config.seed, "validation texts"))
    return valid.select(order[: config.training.validation_texts])


def fixed_subset(valid: Tokenized, config: RunConfig) -> list[Batch]:
    """Return the fixed texts in batches."""
    texts = fixed_texts(valid, config)
    return texts.by_length(torch.arange(len(texts)), config.training.group_tokens)


@torch.no_grad()
def validate(
    network: PassModule, objective: Objective, batches: list[Batch], *, seed: int, last_step: int
) -> dict[str, float]:
    """Return the objective's terms, the ELBO and the ``objective`` on the batches, in nats per text.

    ``objective`` is the weighted sum with the weights of the last step, so that values of different steps
    compare; multipliers do not enter (``Objective.met`` judges constraints). Dropout is off and the noise
    is always the same.
    """
    device = next(network.parameters()).device
    network.eval()
    with seeded(seed, "validation", device=device):
        pass_ = Pass.concatenate([network([batch.to(device)]) for batch in batches])
    network.train()
    terms = {name: value.item() for name, value in objective(pass_, last_step).terms.items()}
    elbo = -(pass_.distortion + pass_.rate).mean().item()
    return {**terms, "elbo": elbo, "objective": float(objective.weighted_sum(terms, last_step))}


@dataclass
class EarlyStopping:
    """Remember the best validation and how many came after it.

    Only weights that meet the constraints compete, and patience begins with the first that do: before that, a low
    objective only means that the constraint is not yet in force.
    """

    patience: int | None
    best: float = math.inf
    best_step: int = 0
    since: int = 0

    def improved(self, step: int, value: float, *, met: bool) -> bool:
        """Record a validation; return whether it is the best so far."""
        if met and value < self.best:
            self.best, self.best_step, self.since = value, step, 0
            return True
        self.since += math.isfinite(self.best)
        return False

    @property
    def over(self) -> bool:
        """Whether ``patience`` validations have passed without improvement."""
        return self.patience is not None and self.since >= self.patience

    def state_dict(self) -> dict[str, float]:
        """Return what to save."""
        return {"best": self.best, "best_step": self.best_step, "since": self.since}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Restore what was saved."""
        self.best, self.best_step, self.since = state["best"], int(state["best_step"]), int(state["since"])
