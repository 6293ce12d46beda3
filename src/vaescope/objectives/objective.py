"""Objective: minimise a weighted sum of terms subject to constraints on terms."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, cast

import cooper
import torch
from torch import Tensor, nn

from vaescope import choices
from vaescope.errors import UserError
from vaescope.model.passes import Pass
from vaescope.objectives.constraints import Constraint, build_constraint
from vaescope.objectives.encoder_steps import build_encoder_steps
from vaescope.objectives.schedules import Schedule, build_schedule
from vaescope.objectives.specification import Spec, specification
from vaescope.objectives.term import Term

PARTS = ("mutual_information", "marginal_kl")
"""The terms whose sum is the rate; each is at least 0."""


@dataclass(frozen=True)
class Loss:
    """The value of an objective on a batch.

    Attributes:
        total: the loss of the model, the weighted sum plus the Lagrangian of the constraints, a scalar with a gradient.
        terms: value of every term in nats per text, scalars without a gradient.
    """

    total: Tensor
    terms: dict[str, Tensor]


class Objective(nn.Module):
    """A weighted sum of terms subject to constraints:

        minimise sum_i w_i(step) term_i    subject to    term_j >= | <= | == bound_j

    by the Lagrangian sum_i w_i term_i + sum_j lambda_j violation_j, minimised over the model by the trainer and
    maximised over the multipliers by ``ascend``. Without constraints it is the weighted sum. ``state_dict`` holds the
    multipliers and the memory of their controllers; weights are functions of the step and need no state.

    Args:
        terms: for each term its weight (a number or a schedule), or ``{weight: ..., **options of the term}``.
        constraints: ``{term, relation, bound, **options}`` each; the term may be one without a weight.
        encoder_steps: options of ``EncoderSteps``, extra updates of the encoder before each step, or None.

    Raises:
        UserError: an unknown term, option, schedule or relation, a negative weight, no term, contradicting constraints.

    >>> objective = Objective({"distortion": 1, "rate": {"weight": {"schedule": "linear", "steps": 100}}})
    >>> objective.weights(50)
    {'distortion': 1.0, 'rate': 0.5}
    """

    def __init__(
        self,
        terms: dict[str, Any],
        constraints: list[dict[str, Any]] | None = None,
        encoder_steps: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.encoder_steps = build_encoder_steps(encoder_steps)
        self.terms: dict[str, Term] = {}
        self.schedules: dict[str, Schedule] = {}
        for name, given in terms.items():
            options = dict(given) if isinstance(given, dict) and "schedule" not in given else {"weight": given}
            self.schedules[name] = build_schedule(options.pop("weight", 1.0), name=f"weight of {name}")
            self.terms[name] = choices.build("terms", name, **options)
        if all(schedule.largest == 0 for schedule in self.schedules.values()):
            raise UserError("the objective minimises nothing: give at least one term a weight > 0")
        self.constraints = [self._constraint(spec) for spec in constraints or []]
        _refuse_contradictions(self.constraints)
        if self.encoder_steps.most and "mutual_information" not in self.terms:
            raise UserError("encoder_steps end by the information: give the term mutual_information, with weight 0")
        self.registered = nn.ModuleList(self.constraints)

    def _constraint(self, spec: dict[str, Any]) -> Constraint:
        name = spec.get("term")
        if not isinstance(name, str):
            raise UserError("a constraint needs a term, for instance {term: rate, relation: '>=', bound: 8}")
        if name not in self.terms:
            self.terms[name] = choices.build("terms", name)
        largest = self.schedules[name].largest if name in self.schedules else 0.0
        constraint = build_constraint(spec, self._sign(name) * largest, unit=self.terms[name].unit)
        low, _ = self.terms[name].reach(2, 1)
        if constraint.relation == ">=" and constraint.bound < low:
            raise UserError(f"the constraint {constraint} has no effect: {name} is never below {low:g}; raise it")
        return constraint

    def _sign(self, name: str) -> float:
        return -1.0 if self.terms[name].maximised else 1.0

    def weights(self, step: int) -> dict[str, float]:
        """Return the weight of every weighted term at an optimiser step."""
        return {name: float(schedule(step)) for name, schedule in self.schedules.items()}

    @property
    def multipliers(self) -> dict[str, Tensor]:
        """The multiplier of every constraint by its name, for instance ``rate>=``, scalars."""
        return {c.term + c.relation: c.multiplier.value.squeeze(0) for c in self.constraints}

    @property
    def target_rate(self) -> float | None:
        """The rate in nats per text that the objective constrains or leaves free; None if there is none.

        >>> Objective({"distortion": 1, "free_bits": {"rate": 3}}).target_rate
        3.0
        """
        aims = [*(c.target for c in self.constraints), *(term.target for term in self.terms.values())]
        return next((aim for aim in aims if aim is not None), None)

    def refuse_unreachable(self, *, dataset_size: int, batch_size: int) -> None:
        """Refuse a bound that no model can meet, given the number of texts and the size of a micro-batch.

        Raises:
            UserError: names the constraint and the values that its term can take.
        """
        for constraint in self.constraints:
            low, high = self.terms[constraint.term].reach(dataset_size, batch_size)
            if not constraint.within(low, high):
                raise UserError(
                    f"{constraint} cannot be met: with {dataset_size} training texts and {batch_size} per micro-batch "
                    f"{constraint.term} is at least {low:.4g} and at most {high:.4g}; change the bound"
                )

    def forward(self, pass_: Pass, step: int) -> Loss:
        """Return the Lagrangian and its terms on a batch at an optimiser step."""
        values = {name: term(pass_) for name, term in self.terms.items()}
        observed: dict[cooper.Constraint, cooper.ConstraintState] = {}
        for constraint in self.constraints:
            observed |= constraint.lagrangian_part(values[constraint.term])
        state = cooper.CMPState(loss=self.weighted_sum(values, step), observed_constraints=observed)
        # in cooper's types the loss is optional
        total = cast(Tensor, state.compute_primal_lagrangian().lagrangian)
        return Loss(total, {name: value.detach() for name, value in values.items()})

    def weighted_sum(self, values: dict[str, Any], step: int) -> Any:
        """Return sum_i w_i(step) term_i of values by name (tensors or numbers), with a minus for a maximised term."""
        return sum(self._sign(name) * weight * values[name] for name, weight in self.weights(step).items())

    @torch.no_grad()
    def met(self, values: dict[str, float]) -> bool:
        """Return whether values by name satisfy all constraints up to 5% of their bounds."""
        return not self.unmet(values)

    def unmet(self, values: dict[str, float]) -> list[str]:
        """Return a sentence for each constraint that values by name miss by more than 5% of its bound."""
        missed = [c for c in self.constraints if not c.met(values[c.term])]
        return [f"the constraint {c} is not met: {c.term} is {values[c.term]:.4g}" for c in missed]

    def ascend(self, values: dict[str, Tensor]) -> None:
        """Step the multipliers by the terms' values over all texts (of all processes) of an optimiser step."""
        for constraint in self.constraints:
            constraint.ascend(values[constraint.term])


def build_objective(spec: str | Spec) -> Objective:
    """Build an objective from the name of a preset, ``{preset: name, **options}``, or ``{terms: ..., constraints:
    ...}``.

    Raises:
        UserError: an unknown preset, option or key (with the nearest known), or the errors of ``Objective``.

    >>> build_objective({"preset": "mdr", "rate": 4}).constraints[0].bound
    4.0
    """
    return Objective(**specification(spec))


def _refuse_contradictions(constraints: list[Constraint]) -> None:
    """Refuse constraints that are equal, that cannot both hold, or that ask for a part larger than the rate."""
    by_term: dict[str, dict[str, float]] = defaultdict(dict)
    for c in constraints:
        if c.relation in by_term[c.term]:
            raise UserError(f"two constraints {c.term} {c.relation}: keep one")
        by_term[c.term][c.relation] = c.bound
    for term, bounds in by_term.items():
        if "==" in bounds and len(bounds) > 1:
            raise UserError(f"{term}: == {bounds['==']:g} leaves no room for another constraint on {term}; keep one")
        if len(bounds) == 2 and bounds[">="] > bounds["<="]:
            raise UserError(f"{term}: >= {bounds['>=']:g} and <= {bounds['<=']:g} cannot both hold")
    ceiling = min((by_term["rate"][r] for r in ("<=", "==") if r in by_term["rate"]), default=math.inf)
    for term in PARTS:
        floor = max((by_term[term][r] for r in (">=", "==") if r in by_term[term]), default=-math.inf)
        if floor > ceiling:
            raise UserError(f"{term} of {floor:g} and a rate of {ceiling:g} cannot both hold: it is a part of the rate")
