"""Term: one number of a training batch that an objective minimises, maximises or constrains."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from vaescope.errors import UserError
from vaescope.model.passes import Pass


class Term(ABC):
    """A differentiable statistic of a ``Pass``: a scalar in nats per text, averaged over the texts of the batch.

    A term is a choice: one file in ``objectives/terms``, its options the keyword arguments of the constructor.

    Attributes:
        maximised: True for a term that should be large (the ELBO): its weight enters the minimised sum with a minus, so
            weights are always non-negative.
        unit: the scale of the term: violations of small bounds are measured in it, and multipliers grow in steps of its
            inverse. One nat for all terms but those of another scale.
        own_gradient: True if the gradient estimates the gradient of the expected value but is not the derivative of the
            value.
        target: the rate in nats per text that the term leaves free or aims at; None for most.
    """

    maximised: ClassVar[bool] = False
    unit: ClassVar[float] = 1.0
    own_gradient: ClassVar[bool] = False
    target: float | None = None

    @abstractmethod
    def __call__(self, pass_: Pass) -> Tensor:
        """Return the value on the batch, a scalar."""

    def reach(self, dataset_size: int, batch_size: int) -> tuple[float, float]:
        """Return the smallest and the largest value that any model can reach, given N texts and B per micro-batch."""
        return -math.inf, math.inf


def dimension_rate(pass_: Pass) -> Tensor:
    """Return KL(q(z_j|x) || p(z_j)) of every text and latent unit, ``[B, D]``.

    Raises:
        UserError: the prior does not factorise, so the rate is not a sum over units.
    """
    rate_BD = pass_.prior.rate(pass_.posterior)
    if rate_BD is None:
        raise UserError(
            "free bits per latent unit need the prior 'standard' or 'gaussian'; use the form 'free_bits_total', or mdr"
        )
    return rate_BD


def require_standard_prior(name: str, pass_: Pass) -> None:
    """Refuse a prior other than N(0, I) for a term whose formula needs it.

    Raises:
        UserError: p(z) is not N(0, I), even if its rate has a closed form.
    """
    if not pass_.prior.is_standard:
        raise UserError(f"the term '{name}' needs the prior 'standard'; use 'marginal_kl' or 'mmd' with a learned one")


def non_negative(name: str, value: float) -> float:
    """Return ``value`` as a float; refuse negative values and values that are not numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise UserError(f"{name}: {value!r} is not a number of nats >= 0")
    return float(value)
