"""Term: one number of a training batch that an objective minimises, maximises or constrains."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from vaescope.errors import UserError
from vaescope.model.passes import Pass


class Term(ABC):
    """A differentiable statistic of a ``Pass``: a scalar in nats per text, averaged over the texts of the
    batch.

    A term is a choice: one file in ``objectives/terms``, its options the keyword arguments of the
    constructor.

    Attributes:
        maximised: True for a term that is good when large (the ELBO): its weight then enters the minimised
        sum
            with a minus, so that a weight is always a non-negative number.
    """

    maximised: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, pass_: Pass) -> Tensor:
        """Return the value on the batch, a scalar."""


def dimension_rate(pass_: Pass) -> Tensor:
    """Return KL(q(z_j|x) || p(z_j)) of every text and latent unit, ``[B, D]``.

    Raises:
        UserError: the prior does not factorise, so the rate has no share of a single unit.
    """
    rate_BD = pass_.prior.rate(pass_.posterior)
    if rate_BD is None:
        raise UserError("free bits per latent unit need the prior 'standard'; use the term 'free_bits_total' or mdr")
    return rate_BD


def non_negative(name: str, value: float) -> float:
    """Return ``value`` as a float, refusing what is negative or not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise UserError(f"{name}: {value!r} is not a number of nats >= 0")
    return float(value)
