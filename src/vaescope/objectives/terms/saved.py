"""Nats saved G = L - D: by how much z lowers the loss L of a language model, maximised if it has a weight.

Unbiased, at the cost of the distortion. At most L. Without a latent it is about 0, and a bound on it does not depend on
the length of the texts, in contrast to one on D. L is the loss of the control (preset ``language_model``) in nats per
text, ``language_model`` among the options.
"""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor
from typing_extensions import override

from vaescope.errors import UserError
from vaescope.model.passes import Pass
from vaescope.objectives.term import Term


class Saved(Term):
    """``language_model`` minus the batch mean of -E_q(z|x) log p(x|z), in nats per text.

    Raises:
        UserError: a loss that is not a positive number.
    """

    maximised: ClassVar[bool] = True

    def __init__(self, *, language_model: float = 100.0) -> None:
        if isinstance(language_model, bool) or not isinstance(language_model, int | float) or not language_model > 0:
            raise UserError(f"saved.language_model: {language_model!r} is not a loss in nats per text > 0")
        self.language_model = float(language_model)

    @override
    def __call__(self, pass_: Pass) -> Tensor:
        return self.language_model - pass_.distortion.mean()

    @override
    def reach(self, dataset_size: int, batch_size: int) -> tuple[float, float]:
        return -math.inf, self.language_model
