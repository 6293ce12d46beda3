"""Samples for the texts that need them: how many each needs for a wanted standard error, and the scores by them."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vaescope.errors import UserError

FEWEST = 8
"""Fewest samples of a text: with fewer, the estimate of its error means little."""

Scores = dict[str, Tensor]
"""Columns by name, ``[N]``: ``tokens``, and rate, distortion, ELBO and log_likelihood, each with its standard error."""

Draw = Callable[[list[int], int, str], Scores]
"""Returns the scores of the texts with these numbers by S new samples each, for a purpose of its own."""


def allocation(error_N: Tensor, samples: int, *, standard_error: float, most: int) -> Tensor:
    r"""Return the samples that each text needs, ``[N]``: at least :math:`S (\mathrm{se}_n/\mathrm{se})^2`.

    They are powers of two, so that few different numbers are scored together.

    Args:
        error_N: the standard error of each text with ``samples`` samples.
        samples: S of the pilot.
        standard_error: the wanted error.
        most: the largest number of samples.

    >>> allocation(torch.tensor([0.01, 0.09, 0.4]), 32, standard_error=0.1, most=256)
    tensor([  8,  32, 256])
    """
    wanted_N = samples * (error_N.double() / standard_error).square()
    power_N = wanted_N.nan_to_num(nan=math.inf).clamp(FEWEST, most).log2().ceil()
    return (2**power_N).long().clamp(max=most)


def scores_within(draw: Draw, count: int, *, samples: int, standard_error: float, most: int) -> Scores:
    """Return the scores of each text with the samples that it needs, and their number as ``samples``.

    A pilot of ``samples`` samples estimates the error of ``log_likelihood`` of each text. The samples of the scores are
    new ones. So how many a text gets does not depend on their values, and every number has the same expectation as
    with that many samples from the start: distortion, rate and ELBO stay unbiased, and ``log_likelihood`` a lower
    bound. A stop at the first moment when the error looks small would not have that property. There is one round, so a
    text whose pilot missed the tail of its weights can end with a larger error than wanted, which its error then says.

    Raises:
        UserError: an error that is not positive, or fewer samples at most than at least.
    """
    if not standard_error > 0:
        raise UserError(f"--standard-error must be above 0, not {standard_error:g}")
    if most < max(samples, FEWEST):
        raise UserError(f"--most-samples {most} is below the {max(samples, FEWEST)} that each text may need")
    pilot = draw(list(range(count)), samples, "pilot")
    wanted_N = allocation(pilot["log_likelihood_se"], samples, standard_error=standard_error, most=most)
    scores = {name: torch.empty_like(values) for name, values in pilot.items()}
    for number in wanted_N.unique().tolist():
        chosen = (wanted_N == number).nonzero().squeeze(1).tolist()
        # a sweep needs two texts: a text that is alone gets company, whose scores are dropped
        company = [(chosen[0] + 1) % count] if len(chosen) == 1 else []
        found = draw(chosen + company, number, "scores")
        for name, values in found.items():
            scores[name][chosen] = values[: len(chosen)]
    return scores | {"samples": wanted_N}
