"""Constraints: term >= | <= | == bound, held by multipliers of cooper that step with the optimiser."""

from __future__ import annotations

import math
from typing import Any

import cooper
import torch
from cooper.formulations import AugmentedLagrangian, Lagrangian
from cooper.multipliers import DenseMultiplier
from cooper.optim import nuPI
from cooper.penalty_coefficients import DensePenaltyCoefficient
from torch import Tensor, nn
from typing_extensions import override

from vaescope.errors import UserError, unknown

RELATIONS = (">=", "<=", "==")
METHODS = ("pi", "lagrangian", "augmented")
CONTROL = "control"
"""The method of ``ControlConstraint``."""
KEYS = ("term", "relation", "bound", "method", "step_size", "proportional", "smoothing", "penalty", "scale", "start")
LARGEST_LOG_CHANGE = 7.0


class Multiplier(DenseMultiplier):
    """A Lagrange multiplier lambda that scales the weight of the constrained term, stepped in its logarithm.

    Where the constraint opposes a weight w > 0 (rate >= r while the rate is minimised), the term's
    coefficient in the Lagrangian is w - lambda, and lambda > w would reward the term without bound. With

        lambda(u) = s w (1 - exp(-s u)),    s = 1 opposing the weight, s = -1 reinforcing it,

    the coefficient is w exp(-u) or w exp(u): never of the wrong sign, and equal steps of u are equal *relative* steps
    of the coefficient, to which the rate responds evenly (R(beta) of a linear-Gaussian VAE is linear in log beta). Dual
    ascent is the mirror step du = eta * violation. Without a weight, lambda(u) = scale * u. u is >= 0 for >= and <=,
    signed for ==.
    """

    def __init__(self, *, weight: float, opposing: bool, scale: float) -> None:
        super().__init__(num_constraints=1)
        self.base = weight
        self.side = 1.0 if opposing else -1.0
        self.scale = scale

    @property
    def value(self) -> Tensor:
        """lambda(u), ``[1]``, without a gradient."""
        u = self.weight.detach()
        if self.base == 0:
            return self.scale * u
        return -self.side * self.base * torch.expm1(-self.side * u)

    def forward(self) -> Tensor:
        """Return lambda(u) with unit gradient to u: the gradient in lambda, the step in u."""
        return self.value + self.weight - self.weight.detach()

    @torch.no_grad()
    def post_step_(self) -> None:
        """Project u: non-negative for an inequality, and within a factor of exp(7) of the weight."""
        super().post_step_()
        limit = LARGEST_LOG_CHANGE if self.base else math.inf
        self.weight.clamp_(-limit, limit)


class Constraint(nn.Module):
    """One constraint on a term, with its multiplier and the controller that moves it.

    The relative violation e = (bound - value) / max(|bound|, unit), clipped to [-1, 1] (the other sign for <=),
    drives the multiplier once per optimiser step (``unit`` is a large value of the term, one nat for most):

    * ``pi`` (default): u = ``proportional`` * EMA(e) + ``step_size`` * sum(e), the nuPI controller, and the penalty
      below. The proportional part and the penalty damp the oscillation of plain ascent; the average (``smoothing``)
      reduces the noise of batches.
    * ``lagrangian``: u += ``step_size`` * e.
    * ``augmented``: the same, and the loss gains penalty / (2 |bound|) * violation^2 while violated. So the penalty on
      a term is up to ``penalty`` nats per nat far from its bound (enough to leave a collapsed posterior, where a weight
      of zero is not), and nothing at the bound. It is computed in each micro-batch.

    ``start`` is the share of the weight of the term that is left at the first step: 1 without a multiplier, and 0.1
    for ten times less. So a stage with ``start=0.1`` begins with the price of rate of a stage with ``beta: 0.1``, and
    the term comes to its bound from above.

    Sohrabi et al., On PI Controllers for Updating Lagrange Multipliers, ICML 2024; Pelsmaeker and Aziz, ACL 2020.

    >>> floor = Constraint("rate", ">=", 8.0, weight=1.0)
    >>> for _ in range(20):
    ...     floor.ascend(torch.tensor(2.0))
    >>> 0 < floor.multiplier.value.item() < 1
    True
    """

    def __init__(
        self,
        term: str,
        relation: str,
        bound: float,
        *,
        weight: float = 0.0,
        unit: float = 1.0,
        method: str = "pi",
        **options: float,
    ) -> None:
        super().__init__()
        self.term, self.relation, self.bound = term, relation, float(bound)
        self.size = max(abs(self.bound), unit)
        opposing = (relation == "<=") == (weight < 0)
        self.multiplier = Multiplier(weight=abs(weight), opposing=opposing, scale=options.pop("scale", 1.0) / unit)
        start = options.pop("start", 1.0)
        if start != 1 and (not opposing or weight == 0 or not math.exp(-LARGEST_LOG_CHANGE) < start < 1):
            raise UserError(
                f"constraint on {term}: start {start:g}: give a share of its weight between 0.001 and 1, for a floor "
                "on a term that is minimised"
            )
        self.multiplier.weight.data.fill_(-math.log(start))
        equality = relation == "=="
        kind = cooper.ConstraintType.EQUALITY if equality else cooper.ConstraintType.INEQUALITY
        penalty = options.pop("penalty", 1.0) / (self.size * unit)
        augmented = method != "lagrangian"
        self.rule = cooper.Constraint(
            constraint_type=kind,
            formulation_type=AugmentedLagrangian if augmented else Lagrangian,
            multiplier=self.multiplier,
            penalty_coefficient=DensePenaltyCoefficient(torch.tensor([penalty])) if augmented else None,
        )
        step_size = options.pop("step_size", 0.05)
        self.dual: torch.optim.Optimizer
        if method == "pi":
            gains: dict[str, Any] = {
                "Ki": step_size,
                "Kp": options.pop("proportional", 0.5),
                "ema_nu": options.pop("smoothing", 0.9),
            }
            self.dual = nuPI(self.multiplier.parameters(), lr=1.0, maximize=True, **gains)
        else:
            self.dual = torch.optim.SGD(self.multiplier.parameters(), lr=step_size, maximize=True)

    @property
    def target(self) -> float | None:
        """The target rate in nats per text; None for a constraint on another term."""
        return self.bound if self.term == "rate" else None

    def violation(self, value: Tensor) -> Tensor:
        """Return how far ``value`` is on the wrong side of the bound; negative if the constraint holds."""
        return value - self.bound if self.relation == "<=" else self.bound - value

    def lagrangian_part(self, value: Tensor) -> dict[cooper.Constraint, cooper.ConstraintState]:
        """Return cooper's view of the constraint at ``value`` (differentiable) for the loss of the model."""
        if self.rule.penalty_coefficient is not None:
            # cooper's coefficient is no buffer, so it does not move with the module
            self.rule.penalty_coefficient.to(device=value.device)
        return {self.rule: cooper.ConstraintState(violation=self.violation(value))}

    def ascend(self, value: Tensor) -> None:
        """Step the multiplier by the ``value`` of the term over all texts of the optimiser step."""
        error = self.violation(value.detach().to(self.multiplier.weight)) / self.size
        state = cooper.ConstraintState(violation=error.clamp(-1, 1))
        dual = cooper.CMPState(observed_constraints={self.rule: state}).compute_dual_lagrangian()
        self.dual.zero_grad()
        dual.backward()
        self.dual.step()
        self.multiplier.post_step_()

    def __str__(self) -> str:
        """Return the constraint as text, for instance ``rate >= 8``."""
        return f"{self.term} {self.relation} {self.bound:g}"

    def within(self, low: float, high: float) -> bool:
        """Return whether a term with values between ``low`` and ``high`` can satisfy the constraint."""
        return (self.relation == "<=" or self.bound <= high) and (self.relation == ">=" or self.bound >= low)

    def met(self, value: float, *, tolerance: float = 0.05) -> bool:
        """Return whether ``value`` satisfies the constraint up to a share ``tolerance`` of the bound."""
        room = tolerance * self.size
        violation = self.violation(torch.tensor(value)).item()
        return abs(violation) <= room if self.relation == "==" else violation <= room

    def get_extra_state(self) -> dict[str, Any]:
        """Return the memory of the controller."""
        return {"dual": self.dual.state_dict()["state"]}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore the memory of the controller."""
        self.dual.load_state_dict({**self.dual.state_dict(), "state": state["dual"]})


class ControlConstraint(Constraint):
    r"""Hold ``term == bound`` by the PI controller of ControlVAE: with the error e = bound - value in nats,

    .. math:: \beta_t = w\,\Big[\frac{K_p}{1 + \exp e_t} - K_i \sum_{s \le t} e_s\Big] \in [0, w],

    the coefficient of the term in the loss, where w is its weight. ``proportional`` is :math:`K_p` and ``step_size``
    is :math:`K_i`. The sum is clipped to [0, 1], so it does not grow while the coefficient is at a limit (as in the
    paper). In contrast to the other methods the gain is the same for every bound, so the time to reach a bound varies.

    Reference: Shao et al. 2020, "ControlVAE: Controllable Variational Autoencoder", arXiv:2004.05988.

    >>> control = ControlConstraint("rate", "==", 8.0, weight=1.0)
    >>> control.ascend(torch.tensor(2.0))
    >>> control.multiplier.value > 0.99  # a rate below the target: the rate costs nothing
    tensor([True])
    """

    integral: Tensor

    def __init__(
        self,
        term: str,
        relation: str,
        bound: float,
        *,
        weight: float,
        unit: float = 1.0,
        proportional: float = 0.01,
        step_size: float = 1e-4,
    ) -> None:
        if relation != "==" or weight <= 0:
            raise UserError(f"constraint on {term}: method 'control' holds a minimised term at a value, relation '=='")
        super().__init__(term, relation, bound, weight=weight, unit=unit, method="lagrangian")
        self.proportional = proportional
        self.step_size = step_size
        self.register_buffer("integral", torch.zeros(()))

    @override
    @torch.no_grad()
    def ascend(self, value: Tensor) -> None:
        error = self.violation(value.detach().to(self.integral))
        self.integral.sub_(self.step_size * error).clamp_(0, 1)
        share = (self.proportional * torch.sigmoid(-error) + self.integral).clamp(math.exp(-LARGEST_LOG_CHANGE), 1)
        # the multiplier is w (1 - exp(-u)), so exp(-u) is the remaining share of the weight
        self.multiplier.weight.copy_(-share.log())


def build_constraint(spec: dict[str, Any], weight: float, *, unit: float = 1.0) -> Constraint:
    """Return the constraint ``{term, relation, bound, ...options}`` on a term of signed ``weight`` in the loss.

    Raises:
        UserError: a missing or unknown key, an unknown relation or method, an invalid number.
    """
    for key in spec:
        if key not in KEYS:
            raise unknown("key of a constraint", key, KEYS)
    for key in ("relation", "bound"):
        if key not in spec:
            raise UserError(f"the constraint on {spec['term']} needs a {key}, for instance relation: '>=', bound: 8")
    if spec["relation"] not in RELATIONS:
        raise unknown("relation", str(spec["relation"]), RELATIONS)
    if spec.get("method", "pi") not in (*METHODS, CONTROL):
        raise unknown("method of a constraint", str(spec["method"]), (*METHODS, CONTROL))
    for key in set(spec) - {"term", "relation", "method"}:
        value = spec[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UserError(f"constraint on {spec['term']}: {key} {value!r} is not a number")
        if key != "bound" and value < 0:
            raise UserError(f"constraint on {spec['term']}: {key} {value!r} is negative")
    if spec.get("method") == CONTROL:
        options = {name: value for name, value in spec.items() if name != "method"}
        for name in set(options) - {"term", "relation", "bound", "proportional", "step_size"}:
            raise UserError(f"constraint on {spec['term']}: {name} has no meaning with method '{CONTROL}'")
        return ControlConstraint(**options, weight=weight, unit=unit)
    return Constraint(**spec, weight=weight, unit=unit)
