"""Maximum mean discrepancy MMD^2 between q(z) and p(z), by Gaussian kernels whose widths are around the median.

Estimates it without bias (negative by chance where they match) from the S B posterior samples and as many of the prior,
as the mean over kernels exp(-|a - b|^2 / (2 l^2)). The widths l^2 are ``factors`` times half the median squared
distance of prior samples: they depend on p(z) alone, so values at different steps are comparable, and the encoder
cannot change the kernel. Cost O((S B)^2 D). At most 2; not in nats: 0.01 is a visible mismatch. Gretton et al., A
Kernel Two-Sample Test, JMLR 2012; Zhao et al., InfoVAE, AAAI 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor
from typing_extensions import override

from vaescope.errors import UserError
from vaescope.estimators.mmd import median_width, squared_mmd
from vaescope.model.passes import Pass
from vaescope.objectives.term import Term

MEDIAN_SAMPLES = 256
"""Prior samples of which the median distance is taken."""


class Mmd(Term):
    """The unbiased MMD^2 of z and prior samples; ``factors`` are the widths in units of the median heuristic.

    ``factors=[1]`` is the median heuristic itself; by default the kernel is the mean of five around it, which see
    differences of location and of spread.

    Raises:
        UserError: factors that are not positive numbers.
    """

    unit: ClassVar[float] = 0.01

    def __init__(self, *, factors: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0)) -> None:
        valid = isinstance(factors, Sequence) and all(isinstance(f, int | float) and f > 0 for f in factors)
        if not valid or not factors:
            raise UserError(f"mmd.factors: {factors!r} is not a list of numbers > 0, for instance [0.5, 1, 2]")
        self.factors = [float(factor) for factor in factors]

    @override
    def __call__(self, pass_: Pass) -> Tensor:
        """Return the estimate, a scalar.

        Raises:
            UserError: a micro-batch of one sample.
        """
        z_ND = pass_.z.flatten(0, 1)
        if len(z_ND) < 2:
            raise UserError("mmd needs at least 2 samples per micro-batch; raise training.batch_size")
        prior_MD = pass_.prior.sample(max(len(z_ND), MEDIAN_SAMPLES)).to(z_ND)
        width = median_width(prior_MD[:MEDIAN_SAMPLES].detach())
        return squared_mmd(z_ND, prior_MD[: len(z_ND)], [factor * width for factor in self.factors])

    @override
    def reach(self, dataset_size: int, batch_size: int) -> tuple[float, float]:
        return 0.0, 2.0
