"""ObjectiveContract: what every preset of an objective must satisfy."""

from __future__ import annotations

from typing import ClassVar

import torch

from vaescope.objectives.describe import describe, family, label
from vaescope.objectives.objective import build_objective
from vaescope.testing.choice import ChoiceContract
from vaescope.testing.example_passes import random_pass


class ObjectiveContract(ChoiceContract):
    """Existing terms and constraints, a finite loss with a gradient, multipliers that move, a description."""

    kind: ClassVar[str] = "objectives"

    def test_gives_a_finite_loss_whose_terms_are_named(self, name: str) -> None:
        """The loss is finite; distortion and rate, which every report shows, are among the terms."""
        objective = build_objective(name)
        loss = objective(random_pass(), 0)
        assert loss.total.isfinite()
        assert {"distortion", "rate"} <= set(loss.terms), f"distortion or rate is missing: {sorted(loss.terms)}"
        assert not any(value.requires_grad for value in loss.terms.values())
        objective.ascend(loss.terms)
        assert all(value.isfinite() for value in objective.multipliers.values())

    def test_its_state_is_saved_and_restored(self, name: str) -> None:
        """A restored objective has the multipliers of the one that was saved."""
        objective, again = build_objective(name), build_objective(name)
        objective.ascend(objective(random_pass(), 0).terms)
        again.load_state_dict(objective.state_dict())
        for key, value in objective.multipliers.items():
            assert torch.equal(value, again.multipliers[key])

    def test_can_be_described(self, name: str) -> None:
        """A table and a page can show it."""
        assert describe(name)
        assert label(name)
        assert family(name)
