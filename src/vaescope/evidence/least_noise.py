"""One expectation in several forms: use the form of least noise, without the bias of choosing by the same texts."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from vaescope.estimators import jackknife
from vaescope.evidence.aggregate_posterior import AggregatePosterior

Form = Sequence[tuple[Tensor, Tensor]]
"""Values and the texts that they belong to, ``[M]`` each; the form is the sum of the means of its parts."""

FEWEST_BLOCKS = 8
"""Fewest jackknife blocks of texts for which a form is chosen."""


def least_noise(aggregate: AggregatePosterior, forms: Sequence[Form]) -> Tensor:
    """Replicates of an expectation, by the form that has the smallest standard error on the other half of the texts.

    All forms have one expectation, but the one whose *estimated* error is smallest also tends to be low or high by
    chance. So the form of each half of the distinct texts is chosen by the other half. With too few texts for that the
    first form is used.
    """
    text_N, blocks = aggregate.copies.text, aggregate.blocks

    def mean(form: Form, half: int | None) -> Tensor:
        total = 0.0 * aggregate.rate
        for values_M, index_M in form:
            kept_M = text_N[index_M] % 2 == half if half is not None else slice(None)
            total = total + jackknife.means(values_M[kept_M], blocks, index_N=text_N[index_M][kept_M])
        return total

    if any(len((text_N[index_M] % blocks).unique()) < FEWEST_BLOCKS for form in forms for _, index_M in form):
        return mean(forms[0], None)
    whole = 0.0 * aggregate.rate
    for half in (0, 1):
        errors = [jackknife.standard_error(mean(form, 1 - half)) for form in forms]
        best = forms[errors.index(min(errors))]
        share = aggregate.means((text_N[: len(aggregate.own)] % 2 == half).double())
        whole = whole + share * mean(best, half)
    return whole
