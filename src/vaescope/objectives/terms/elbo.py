"""Evidence lower bound ELBO = -D - R <= log p(x), maximised if it has a weight.

Unbiased; costs what distortion and rate cost. At most 0, since log p(x) is the log of a probability. Kingma and
Welling, Auto-Encoding Variational Bayes, ICLR 2014.
"""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor
from typing_extensions import override

from vaescope.model.passes import Pass
from vaescope.objectives.term import Term


class Elbo(Term):
    """The batch mean of -distortion - rate, in nats per text (a negative number)."""

    maximised: ClassVar[bool] = True

    @override
    def __call__(self, pass_: Pass) -> Tensor:
        return -(pass_.distortion + pass_.rate).mean()

    @override
    def reach(self, dataset_size: int, batch_size: int) -> tuple[float, float]:
        return -math.inf, 0.0
