"""A term from outside the package."""

import math

from vaescope.objectives.term import Term


class SecondMoment(Term):
    """The mean of |z|^2, one z per text."""

    def __init__(self, *, share: float = 0.5) -> None:
        self.share = share

    def __call__(self, pass_):
        return self.share * pass_.z.square().sum(-1).mean()

    def reach(self, dataset_size, batch_size):
        return 0.0, math.inf
